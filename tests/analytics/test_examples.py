"""The examples of the reducer print what they promise."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "instrumentation" / "examples" / "analytics"
SAID = {
    "basic": ["100 executions, 14.3 a day, 3 agents", "success rate 90%, mean quality 0.85"],
    "performance": ["p50 20", "one in a hundred takes longer than a second", "durations vary much"],
    "trend": [
        "storyboard: growing",
        "caption: stable",
        "by fixed slopes it would be growing",
        "old layout: abandoned",
    ],
    "distribution": ["by agent: story", "busiest hours, UTC: 1", "on weekends: 2"],
    "dashboard": ["daily ", "weekly ", "monthly ", "(by hour_of_day)", "(by hour_of_week)", "stable"],
    "comparison": ["storyboard   success 9", "caption      success 90%", "upscale      success 6"],
    "json_export": ['"correlation_id": "nightly export"'],
}


def printed(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run an example as a script, and give what it printed."""
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return capsys.readouterr().out


@pytest.mark.parametrize("name", SAID)
def test_example_prints_its_figures(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each example runs by itself and says what its sentence promises, in that order."""
    text = printed(name, capsys)
    places = [text.find(part) for part in SAID[name]]
    assert -1 not in places, text
    assert name in {"trend", "dashboard"} or places == sorted(places)


def test_every_example_is_run() -> None:
    """No example is without its test."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SAID)


def test_export_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """What the last example writes is JSON with every part."""
    figures = json.loads(printed("json_export", capsys))
    assert figures["usage_metrics"]["total_executions"] == 50
    assert figures["time_window_end"] == "2026-11-30T00:00:00Z"
    assert figures["performance_metrics"]["p99_execution_time_ms"] == 200.0
