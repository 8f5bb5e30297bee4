"""Jobs run at their intervals, and one that fails ends nothing."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING

from modeltally.server.scheduler import Scheduler, Task, tasks_of

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def test_a_task_apart_holds_up_no_other() -> None:
    """While it waits for somebody the others run on, and a stop waits for it as long as it is told to."""
    waiting, released, enough = threading.Event(), threading.Event(), threading.Event()
    runs = 0

    def wait(now: dt.datetime) -> list[dict[str, object]]:
        del now
        waiting.set()
        released.wait(60)
        return []

    def run(now: dt.datetime) -> list[dict[str, object]]:
        nonlocal runs
        del now
        runs += waiting.is_set()
        if runs == 3:
            enough.set()
        return []

    tasks = [Task("alerts", 0.005, wait, is_apart=True), Task("roll", 0.005, run)]
    scheduler = Scheduler(tasks, now=lambda: NOW)
    scheduler.start()
    assert enough.wait(60)
    assert not scheduler.stop(timeout_seconds=0.05)
    assert scheduler.problem is None
    released.set()
    assert scheduler.stop()


class _Store:
    """Runs jobs that fail, and keeps what they were asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Mapping[str, object]] = {}

    def read(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, object]]:
        """Nobody reads."""
        raise AssertionError(name, parameters)

    def run(self, job: str, parameters: Mapping[str, object]) -> list[dict[str, object]]:
        """Fail, unless it is the look."""
        self.asked[job] = parameters
        if job != "alerts":
            raise ValueError(f"no {job}")
        return []


def test_a_look_is_told_which_jobs_failed() -> None:
    """The errors of all tasks that a scheduler has, those that are no jobs of the store too."""
    store = _Store()
    tasks = tasks_of(store, {"roll": 1, "expire": 1, "alerts": 1})
    assert [task.is_apart for task in tasks] == [False, False, True]
    tasks.append(Task("verify", 1, lambda _: store.run("verify", {})))
    for task in (tasks[0], tasks[3]):
        task._attempt(lambda: NOW, earlier_failures=0)
    tasks[2].run(NOW)
    assert store.asked["alerts"] == {"as_of": NOW, "failed_jobs": {"roll": "no roll", "verify": "no verify"}}
    assert store.asked["roll"] == {"as_of": NOW}
