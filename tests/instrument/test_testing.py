"""The kit for the tests of services: captured operations, fixed ids and times, and nothing left behind."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import modeltally
from modeltally import testing
from modeltally.instrument import _clock, _guard, _ids, _runtime
from modeltally.testing import START, Captured, Clock, capture, captured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["captured"]  # a fixture from here on


def identity(span: ReadableSpan) -> tuple[int, int, int | None]:
    """Return trace, span and parent."""
    assert span.context is not None
    return span.context.trace_id, span.context.span_id, span.parent and span.parent.span_id


def test_ids_and_times_are_the_same_in_each_run() -> None:
    """Ids count from 1, for traces and spans; time passes when the test says so, and not otherwise."""
    runs = []
    for _ in range(2):
        with capture() as recorded:
            assert recorded.clock is not None
            with modeltally.pattern_run("p"):
                recorded.clock.advance(0.5)
                with modeltally.model_request("m"):
                    recorded.clock.advance(2)
            with modeltally.load("m"):
                pass
        runs.append([(span.name, identity(span), span.start_time, span.end_time) for span in recorded.spans()])
    start_ns = int(START.timestamp()) * 10**9
    half, ended = start_ns + 5 * 10**8, start_ns + 25 * 10**8
    assert runs[0] == [
        ("generate_content m", (1, 2, 1), half, ended),
        ("pattern p", (1, 1, None), start_ns, ended),
        ("load m", (2, 3, None), ended, ended),
    ]
    assert runs[0] == runs[1]


def test_every_way_of_recording_goes_by_the_clock(captured: Captured) -> None:
    """Waits, marks, first chunks, evaluations, carriers and the last hour."""
    clock = captured.clock
    assert clock is not None
    operation = modeltally.begin("model.request", "m", queued=True)
    clock.advance(3)
    operation.start()
    clock.advance(0.25)
    operation.mark("half")
    operation.finish()
    headers = modeltally.inject({}, project="p")
    clock.advance(7)
    with modeltally.extract(headers), modeltally.load("m"):
        pass
    modeltally.evaluate(operation.ref, name="sharpness", score=1.0)

    @modeltally.model_request("m")
    def stream() -> Iterator[int]:
        clock.advance(0.125)
        yield 1

    assert list(stream()) == [1]
    waited, loaded, evaluation, streamed = captured.all()
    assert (waited["modeltally.queue.duration"], waited["modeltally.mark.half"]) == (3, 0.25)
    assert loaded["modeltally.queue.duration"] == 7
    assert captured.spans()[2].start_time == clock.time_ns() - 125 * 10**6
    assert evaluation["modeltally.evaluation.name"] == "sharpness"
    assert streamed["gen_ai.response.time_to_first_chunk"] == 0.125
    assert modeltally.live()["m"].max_ms == 250


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the block clock and ids are real, telemetry is off, counts are gone, the kill switch is as it was."""
    monkeypatch.setenv("MODELTALLY_DISABLED", "true")
    before = _clock.time_ns, _clock.perf_counter_ns, _ids.generator

    def fail() -> None:
        with capture() as recorded:
            with modeltally.load("m") as operation:
                operation.set(input_tokens="many")  # type: ignore[arg-type]  # a problem to be counted
            assert recorded.one()["modeltally.operation"] == "model.load"
            assert _guard.problems() == {"bad_value": 1}
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (_clock.time_ns, _clock.perf_counter_ns, _ids.generator) == before
    assert _clock.time_ns is time.time_ns
    assert _runtime.current() is None
    assert _guard.problems() == {}
    monkeypatch.delenv("MODELTALLY_DISABLED")
    with modeltally.load("m"):
        pass
    assert modeltally.counters().dropped == {"not_configured": 1}
    testing.reset()
    assert modeltally.counters() == modeltally.Counters()


def test_settings_are_those_of_configure() -> None:
    """Whatever a service configures may be tested, and the time may be the machine's."""
    with capture(is_fixed=False, redact=lambda _operation, values: {**values, "task": "hidden"}) as recorded:
        assert recorded.clock is None
        with modeltally.model_request("m", task="secret", user="u1"):
            pass
        assert recorded.one()["modeltally.task"] == "hidden"
        assert recorded.one()["user.hash"]
        (span,) = recorded.spans()
        assert span.start_time is not None
        assert span.start_time > datetime(2026, 6, 1, tzinfo=UTC).timestamp() * 1e9
        recorded.clear()
        assert recorded.all() == []


def test_what_is_not_as_expected_is_said(captured: Captured) -> None:
    """Which operations there are instead of one; and what was lost."""
    with pytest.raises(AssertionError, match="there are 0"):
        captured.one()
    for _ in range(2):
        with modeltally.load("m"):
            pass
    with pytest.raises(AssertionError, match=r"there are 2: model\.load, model\.load"):
        captured.one()
    modeltally.shutdown()
    with modeltally.load("m"):
        pass
    with pytest.raises(AssertionError, match="'shut_down': 1"):
        captured.spans()


def test_clock_takes_any_start() -> None:
    """Exact to the nanosecond, however far it goes."""
    clock = Clock(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    clock.advance(1e-9)
    assert clock.time_ns() == clock.perf_counter_ns() == 1_000_005_001


FIXTURE = """
import modeltally
from modeltally.testing import captured

def test_with_the_fixture(captured):
    with modeltally.load("m"):
        captured.clock.advance(1)
    assert captured.one()["modeltally.operation"] == "model.load"
"""


def test_fixture_serves_a_project_of_its_own(tmp_path: Path) -> None:
    """Imported into a test or a ``conftest.py`` it is one of pytest's, and no plugin is loaded unasked."""
    (tmp_path / "test_service.py").write_text(FIXTURE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_kit_needs_no_pytest_and_only_the_instrumentation() -> None:
    """Tests under another runner use the context manager; no other part of ours comes with it."""
    code = "import sys; sys.modules['pytest'] = None; import modeltally.testing as kit; print(hasattr(kit, 'captured'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    tree = ast.parse(Path(testing.__file__).read_text())
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {module for module in modules if module.startswith("modeltally")}
    assert all(module.startswith("modeltally.instrument") for module in ours)
