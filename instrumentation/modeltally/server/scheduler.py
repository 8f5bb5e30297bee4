"""Runs the store's jobs at their intervals, one after the other, in one thread."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

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
    """

    name: str
    interval_seconds: float
    run: Callable[[dt.datetime], list[Row]]
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
        A task for each.
    """

    def task(name: str, interval_seconds: float) -> Task:
        return Task(name, interval_seconds, lambda now: store.run(name, {"as_of": now}))

    return [task(name, interval_seconds) for name, interval_seconds in intervals.items()]


class Scheduler:
    """One thread that runs each task when it is due."""

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
        self._thread = Worker(self._loop, name="scheduler")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, timeout_seconds: float | None = None) -> bool:
        """End, after the job that runs now; gives whether it ended in time."""
        self._stopping.set()
        return self._thread.join(timeout_seconds)

    @property
    def problem(self) -> str | None:
        """That its thread is gone; None when all is well."""
        return self._thread.problem

    def status(self) -> dict[str, dict[str, object]]:
        """How each task's last run went, by name."""
        return {task.name: task.status() for task in self._tasks}

    def _loop(self) -> None:
        due = {task.name: time.monotonic() + task.interval_seconds for task in self._tasks}
        while not self._stopping.wait(max(0.0, min(due.values()) - time.monotonic())):
            for task in self._tasks:
                if due[task.name] <= time.monotonic() and not self._stopping.is_set():
                    failures = task.status().get("failures", 0)
                    task._attempt(self._now, earlier_failures=int(str(failures)))  # noqa: SLF001 - same module
                    due[task.name] = time.monotonic() + task.interval_seconds
                    self._ran()
