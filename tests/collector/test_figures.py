"""Figures do not depend on the way: wrappers, the real collector and the engine give what the local receiver gives."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from cli.conftest import RunningServer, rows_of, run_command, start_server, stop_server
from cli.trace_truth import write_bursty
from collector.conftest import settle
from support.stores import stored

if TYPE_CHECKING:
    from pathlib import Path

    from collector.running import Collector, StubStore

KEY = {"MODELTALLY_USER_KEY": "k" * 64}
# beside those that every test of the commands gives
FREE_PORTS = {"MODELTALLY_CLICKHOUSE_PORT": "0"}
WINDOW = ("--since", "2024-11-15", "--until", "2024-12-01", "--format", "json")
STATISTICS = ("overview", "models", "hours", "failures", "users")


@pytest.fixture(params=["published", "bursty"])
def trace_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give the published trace, then one of another shape."""
    if request.param == "published":
        published: Path = request.getfixturevalue("gentd26")
        return published
    path = tmp_path / "bursty.csv"
    write_bursty(path, seed=7)
    return path


def _statistics(directory: Path, home: Path) -> dict[str, Any]:
    answers = {}
    for name in STATISTICS:
        asked = run_command("stats", name, "--dir", directory, *WINDOW, home=home)
        assert asked.returncode == 0, asked.stderr
        answers[name] = rows_of(asked.stdout)
    return answers


def test_a_replay_gives_the_same_figures_both_ways(
    collector: Collector, store: StubStore, trace_file: Path, tmp_path: Path
) -> None:
    """Every statistic of a trace, sent twice, is to the last digit the same through the collector and without it."""
    home = tmp_path / "home"
    home.mkdir()
    local: RunningServer = start_server(tmp_path / "local", home, environment=KEY | FREE_PORTS)
    sent = ("replay", trace_file, "--endpoint")
    for _ in range(2):
        for address in (local.otlp_url, collector.url):
            replayed = run_command(*sent, address, "--dir", tmp_path / "nobody", home=home, environment=KEY)
            assert replayed.returncode == 0, replayed.stderr
    assert stop_server(local) == 0
    settle(collector, store)

    expected = _statistics(local.directory, home)
    assert expected["overview"][0]["requests"] > 3000
    assert _statistics(store.directory, home) == expected


SERVICE = """
    import modeltally

    modeltally.configure(endpoint={url!r}, service_name="studio", metrics_interval_seconds=0.2, user_key="k" * 64)

    @modeltally.model_request("lumen/sketch-xl", task="text_to_image")
    def generate(prompt):
        return prompt

    for number in range(20):
        generate("a lighthouse")
    assert modeltally.shutdown(timeout_seconds=60)
"""


def test_metrics_of_a_service_land_in_the_tables_of_metrics(
    collector: Collector, store: StubStore, tmp_path: Path
) -> None:
    """A service's own counter and histogram arrive with their values."""
    program = textwrap.dedent(SERVICE.format(url=collector.url))
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    settle(collector, store)

    directory = store.directory
    (sums,) = stored(
        directory,
        "SELECT max(Value) AS value, any(Attributes) AS attributes, any(ServiceName) AS service"
        " FROM otel_metrics_sum WHERE MetricName = 'modeltally.operations'",
    )
    assert (sums["value"], sums["service"]) == (20.0, "studio")
    assert sums["attributes"]["modeltally.model.id"] == "lumen/sketch-xl"
    (durations,) = stored(
        directory,
        "SELECT max(Count) AS points FROM otel_metrics_histogram WHERE MetricName = 'modeltally.request.duration'",
    )
    assert durations["points"] == 20
