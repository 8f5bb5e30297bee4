"""A whole trace through wrappers, socket, spool, engine and statistics, held against plain Python."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING

import pytest

from cli.conftest import RunningServer, rows_of, start_server, stop_server
from cli.trace_truth import QUANTILE_TOLERANCE, ModelTruth, count, plain_cleanup, write_bursty
from modeltally.server.client import find_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.conftest import Run

SINCE, UNTIL = "2024-11-15", "2024-12-01"
WINDOW = {
    "since": dt.datetime(2024, 11, 15, tzinfo=dt.UTC),
    "until": dt.datetime(2024, 12, 1, tzinfo=dt.UTC),
}


@pytest.fixture(params=["published", "bursty"])
def trace_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give the published trace, then one of another shape."""
    if request.param == "published":
        published: Path = request.getfixturevalue("gentd26")
        return published
    path = tmp_path / "bursty.csv"
    write_bursty(path, seed=7)
    return path


@pytest.fixture
def unrolled(tmp_path: Path, home: Path) -> Iterator[RunningServer]:
    """Run a server that rolls only when it is asked to."""
    server = start_server(tmp_path / "data", home, environment={"MODELTALLY_ROLL_INTERVAL_SECONDS": "604800"})
    yield server
    stop_server(server)


def _assert_models(run: Run, server: RunningServer, expected: dict[str, ModelTruth]) -> None:
    window = ("--since", SINCE, "--until", UNTIL)
    asked = run("stats", "models", "--dir", server.directory, *window, "--format", "json")
    assert asked.returncode == 0, asked.stderr
    got = {row["model"]: row for row in rows_of(asked.stdout)}
    assert got.keys() == expected.keys()
    for name, truth in expected.items():
        row = got[name]
        assert row["requests"] == truth.requests, name
        assert row["failures"] == truth.failures, name
        assert row["abandoned"] == truth.abandoned, name
        assert row["users"] == len(truth.users), name
        for percent in (50, 95, 99):
            exact = truth.nearest_rank_ms(percent)
            given = row[f"p{percent}_ms"]
            assert (given is None) == (exact is None), name
            if exact is not None:
                assert given == pytest.approx(exact, rel=QUANTILE_TOLERANCE, abs=0), (name, percent)


@pytest.mark.slow(seconds=40, why="the published traces")
def test_every_figure_is_the_traces_before_and_after_rolls_and_without_events(
    run: Run, unrolled: RunningServer, trace_file: Path
) -> None:
    """Each model's figures equal the file's: unrolled, rolled, imported again, and after the events are gone."""
    expected = count(trace_file, **WINDOW)
    assert run("replay", trace_file, "--dir", unrolled.directory).returncode == 0
    _assert_models(run, unrolled, expected)

    store = find_server(unrolled.directory)
    assert store is not None
    assert any(row["buckets"] for row in store.run("roll", {}))
    assert not any(row["buckets"] for row in store.run("roll", {}))
    _assert_models(run, unrolled, expected)

    assert run("replay", trace_file, "--dir", unrolled.directory).returncode == 0
    _assert_models(run, unrolled, expected)

    gone = store.run("expire", {"as_of": dt.datetime.now(dt.UTC) + dt.timedelta(days=100)})
    assert {"table": "usage_events", "partition": "2024-11-01"} in gone
    _assert_models(run, unrolled, expected)


@pytest.mark.slow(seconds=45, why="the published traces")
def test_cleanup_refuses_a_short_history_and_the_plain_rule_is_marked_unsafe(
    run: Run, unrolled: RunningServer, trace_file: Path
) -> None:
    """Sixteen days, and none that were watched, are too few; the plain rule names what plain Python does, as unsafe."""
    assert run("replay", trace_file, "--dir", unrolled.directory).returncode == 0
    ask = ("recommend", "cleanup", "--dir", unrolled.directory, "--as-of", UNTIL, "--format", "json")
    # of the second trace the first day is without a request
    for flags, days in (((), "0"), (("--count-imports",), "1[56]")):
        guarded = json.loads(run(*ask, *flags).stdout)
        assert guarded[0]["subject"] == "*"
        assert re.match(f"history: watched for {days} days, 180 are needed", guarded[0]["reason"])
        assert all(row["verdict"] == "refused" for row in guarded)
    today = json.loads(run("recommend", "cleanup", "--dir", unrolled.directory, "--format", "json").stdout)
    assert all(row["verdict"] == "refused" for row in today)

    plain = json.loads(run(*ask, "--policy", "seed").stdout)
    assert {row["subject"] for row in plain} == plain_cleanup(trace_file, as_of=WINDOW["until"])
    assert all(row["is_unsafe"] for row in plain)
