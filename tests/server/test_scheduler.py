"""Jobs run at their intervals, and one that fails ends nothing."""

from __future__ import annotations

import datetime as dt
import threading

from modeltally.server.scheduler import Scheduler, Task

NOW = dt.datetime(2025, 11, 21, 12, tzinfo=dt.UTC)


def test_each_task_runs_again_and_again_with_the_given_time() -> None:
    """Two tasks both run repeatedly, by the injected clock."""
    runs: dict[str, list[dt.datetime]] = {"a": [], "b": []}
    enough = threading.Event()

    def task(name: str) -> Task:
        def run(now: dt.datetime) -> list[dict[str, object]]:
            runs[name].append(now)
            if all(len(times) >= 3 for times in runs.values()):
                enough.set()
            return [{"ran": name}]

        return Task(name, 0.005, run)

    scheduler = Scheduler([task("a"), task("b")], now=lambda: NOW)
    scheduler.start()
    assert enough.wait(60)
    scheduler.stop()
    assert set(runs["a"] + runs["b"]) == {NOW}
    assert scheduler.status()["a"]["report"] == [{"ran": "a"}]
    assert scheduler.status()["a"]["at"] == "2025-11-21T12:00:00Z"


def test_a_failing_task_is_shown_and_runs_again() -> None:
    """A job that raises is counted, its error shown, and the next run clears it."""
    outcomes = iter([ValueError("no such table"), ValueError("again"), None])
    ended = threading.Event()

    def run(now: dt.datetime) -> list[dict[str, object]]:
        del now
        outcome = next(outcomes, None)
        if outcome is not None:
            raise outcome
        ended.set()
        return []

    task = Task("roll", 0.005, run)
    scheduler = Scheduler([task], now=lambda: NOW)
    scheduler.start()
    assert ended.wait(60)
    scheduler.stop()
    assert task.status()["failures"] == 2
    assert task.status()["error"] is None
