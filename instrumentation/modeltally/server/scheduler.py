"""Runs the store's jobs at their intervals: one after the other in one thread, those that wait for others apart."""

from __future__ import annotations

import functools
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modeltally.jobs import JOBS
from modeltally.threads import Worker

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    from modeltally.store import Row, Store

__all__ = ["Scheduler", "Task", "tasks_of"]

_LOGGER: Final = logging.getLogger(__name__)


@dataclass
class Task:
    """A job and how it went.

    Attributes:
        name: The job's name.
        interval_seconds: How long after one run the next begins.
        run: The job; gets the time it goes by.
        is_apart: It has a thread of its own, so that no other waits for what it waits for.
    """

    name: str
    interval_seconds: float
    run: Callable[[dt.datetime], list[Row]]
    is_apart: bool = False
    _last: dict[str, object] = field(default_factory=dict)

    def status(self) -> dict[str, object]:
        """How the last run went; empty before the first."""
        return self._last

    def _attempt(self, now: Callable[[], dt.datetime], *, earlier_failures: int) -> None:
        started_at, began = now(), time.monotonic()
        error: str | None = None
        rows: list[Row] = []
        try:
            rows = self.run(started_at)
        except Exception as problem:  # a job that fails must not end the server
            error = str(problem)[:500]
            _LOGGER.exception("the job %s failed", self.name)
        self._last = {
            "at": started_at.isoformat().replace("+00:00", "Z"),
            "seconds": round(time.monotonic() - began, 3),
            "report": rows,
            "error": error,
            "failures": earlier_failures + (error is not None),
        }


def tasks_of(store: Store, intervals: Mapping[str, float]) -> list[Task]:
    """Make the tasks that run a store's jobs.

    Args:
        store: What runs them.
        intervals: Seconds between two runs, by the job's name.

    Returns:
        A task for each. What is added to this list is known to a job that wants to know which jobs failed.
    """
    tasks: list[Task] = []

    def failed() -> dict[str, object]:
        return {task.name: task.status()["error"] for task in tasks if task.status().get("error")}

    def make(name: str, interval_seconds: float) -> Task:
        job = JOBS[name]

        def run(now: dt.datetime) -> list[Row]:
            return store.run(name, {"as_of": now} | ({"failed_jobs": failed()} if job.wants_failures else {}))

        return Task(name, interval_seconds, run, is_apart=job.is_apart)

    tasks += [make(name, seconds) for name, seconds in intervals.items()]
    return tasks


class Scheduler:
    """Runs each task when it is due."""

    def __init__(
        self, tasks: Sequence[Task], *, now: Callable[[], dt.datetime], ran: Callable[[], None] = lambda: None
    ) -> None:
        """Take the tasks; :meth:`start` sets them going.

        Args:
            tasks: What to run; each runs first one interval after the start.
            now: The clock the jobs go by.
            ran: Called after each run; it must not wait.
        """
        self._tasks = tasks
        self._now = now
        self._ran = ran
        self._stopping = threading.Event()
        together = [task for task in tasks if not task.is_apart]
        groups = {"scheduler": together, **{task.name: [task] for task in tasks if task.is_apart}}
        self._threads = [
            Worker(functools.partial(self._loop, group), name=name) for name, group in groups.items() if group
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, *, timeout_seconds: float | None = None) -> bool:
        """End, after the jobs that run now; gives whether they ended in time."""
        self._stopping.set()
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        ended = [
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic())) for thread in self._threads
        ]
        return all(ended)

    @property
    def problem(self) -> str | None:
        """That a thread of it is gone; None when all is well."""
        return next((thread.problem for thread in self._threads if thread.problem), None)

    def status(self) -> dict[str, dict[str, object]]:
        """How each task's last run went, by name."""
        return {task.name: task.status() for task in self._tasks}

    def _loop(self, tasks: Sequence[Task]) -> None:
        due = {task.name: time.monotonic() + task.interval_seconds for task in tasks}
        while not self._stopping.wait(max(0.0, min(due.values()) - time.monotonic())):
            for task in tasks:
                if due[task.name] <= time.monotonic() and not self._stopping.is_set():
                    failures = task.status().get("failures", 0)
                    task._attempt(self._now, earlier_failures=int(str(failures)))  # noqa: SLF001 - same module
                    due[task.name] = time.monotonic() + task.interval_seconds
                    self._ran()
