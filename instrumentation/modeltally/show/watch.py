"""Looks at what changes in a store and tells it: the same before a data directory and before a ClickHouse server.

While nobody listens the store is not asked. What has come is told at most once a second, summed up, however much it is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from modeltally.analytics.plain import plain
from modeltally.analytics.statistics import KeepsState
from modeltally.analytics.window import Window
from modeltally.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from modeltally.show.events import Broker
    from modeltally.store import Store

__all__ = ["Watcher"]

_LOGGER: Final = logging.getLogger(__name__)

# What is not told of by a call is seen after this long at most.
POLL_SECONDS: Final = 2.0
MIN_PAUSE_SECONDS: Final = 1.0
LOSS_SECONDS: Final = 10.0
MOST_LINES: Final = 50
_RECEIVED, _LAST_ADVICE, _ROLLS, _CONTEXT = (
    "operations_received",
    "recommendations_last",
    "figures_rolled",
    "answer_context",
)
# Receipts this far back are compared with what was there at the last look: what came late through the spool is seen.
_BACK: Final = timedelta(minutes=5)
_BEGAN: Final = timedelta(days=1)
_DAY: Final = timedelta(days=1)

_Counts = dict[tuple[str, str, str, str], int]


class Watcher:
    """One thread that looks whenever it is woken, and now and then."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        *,
        problem: Callable[[], str | None],
        now: Callable[[], datetime],
        last_roll: Callable[[], object] | None = None,
        poll_seconds: float = POLL_SECONDS,
        pause_seconds: float = MIN_PAUSE_SECONDS,
        loss_seconds: float = LOSS_SECONDS,
    ) -> None:
        """Take what is looked at; :meth:`start` sets it going.

        Args:
            store: What is asked.
            broker: Who is told.
            problem: Says what is wrong with the process; None when all is well.
            now: The clock of the store.
            last_roll: Says how the last roll went, where this process makes them; else they are seen by what they left.
            poll_seconds: How long nothing is looked at where nobody wakes it.
            pause_seconds: How long at least between two looks.
            loss_seconds: How long at least between two looks at losses.
        """
        self._store = store
        self._broker = broker
        self._problem = problem
        self._now = now
        self._last_roll = last_roll
        self._poll_seconds = poll_seconds
        self._pause_seconds = pause_seconds
        self._loss_seconds = loss_seconds
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._told_problem: tuple[str | None] | None = None
        self._states: Sequence[str] | None = None
        self._since: datetime | None = None
        self._seen: _Counts = {}
        self._told_roll: object = None
        self._losses: dict[str, object] | None = None
        self._looked_for_loss_at = float("-inf")
        self._thread = Worker(self._loop, name="watcher")

    def start(self) -> None:
        """Begin."""
        self._broker.on_listener(self.wake)
        self._thread.start()

    def stop(self, *, timeout_seconds: float | None = None) -> bool:
        """End; gives whether it ended in time."""
        self._stopping.set()
        self._wake.set()
        return self._thread.join(timeout_seconds)

    def wake(self) -> None:
        """Say that something has changed; never waits."""
        self._wake.set()

    @property
    def problem(self) -> str | None:
        """That its thread is gone; None when all is well."""
        return self._thread.problem

    def look(self) -> None:
        """Look once, and tell what has changed.

        Raises:
            StoreError: The database refused or failed.
            ServerError: The server could not be asked.
        """
        problem = self._problem()
        if self._told_problem != (problem,):
            self._told_problem = (problem,)
            self._broker.publish("state", {"status": "failing" if problem else "ok", "problem": problem})
        if not self._broker.is_watched:
            self._since = None
            return
        if self._since is None:
            self._begin()
            return
        states = self._read_states()
        changed = [states is None or self._states is None or states[at] != self._states[at] for at in range(3)]
        self._states = states
        if changed[0]:
            self._tell_received()
            self._tell_losses()
        if changed[1] and states is not None:
            self._tell_advice()
        self._tell_roll(is_changed=changed[2] and states is not None)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            self._wake.clear()
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - a store that is away for a while must not end it
                _LOGGER.debug("what changed is not known: %s", error)
                self._since = None
            self._wake.wait(self._poll_seconds)
            self._stopping.wait(max(0.0, self._pause_seconds - (time.monotonic() - began)))

    def _begin(self) -> None:
        """Take what is there as known."""
        states = self._read_states()
        since = self._now() - _BACK
        self._seen = self._counts(since)
        self._since, self._states = since, states
        self._losses = None
        self._told_roll = self._last_roll() if self._last_roll is not None else None
        self._broker.forget()
        self._tell_losses()

    def _read_states(self) -> Sequence[str] | None:
        if not isinstance(self._store, KeepsState):
            return None
        return self._store.states((_RECEIVED, _LAST_ADVICE, _ROLLS))

    def _counts(self, since: datetime) -> _Counts:
        rows = self._store.read(_RECEIVED, {"received_since": since, "began_since": since - _BEGAN})
        return {
            (str(row["operation"]), str(row["model"]), str(row["pattern"]), str(row["outcome"])): _whole(row)
            for row in rows
            if not str(row["operation"]).startswith("nested ")
        }

    def _tell_received(self) -> None:
        assert self._since is not None  # noqa: S101 - look() has seen to it
        now = self._counts(self._since)
        came = Counter(now)
        came.subtract(self._seen)
        lines = sorted(((count, key) for key, count in came.items() if count > 0), reverse=True)
        if lines:
            self._broker.publish("operations", _received(lines))
        self._seen = now
        since = self._now() - _BACK
        if since - self._since > _BACK:  # or more and more would be counted at each look
            self._seen, self._since = self._counts(since), since

    def _tell_roll(self, *, is_changed: bool) -> None:
        """Tell of a roll: of one that this process made by its end, of another's by what it left."""
        if self._last_roll is not None:
            made = self._last_roll()
            is_changed = bool(made) and made != self._told_roll
            self._told_roll = made
        if is_changed:
            self._broker.publish("roll", {"last_roll": plain(self._told_roll)})

    def _tell_losses(self) -> None:
        if time.monotonic() - self._looked_for_loss_at < self._loss_seconds and self._losses is not None:
            return
        self._looked_for_loss_at = time.monotonic()
        now = self._now()
        (row,) = self._store.read(_CONTEXT, Window(now - _DAY, now, now).bounds())
        losses = {name: row[name] for name in ("known_loss", "quarantined", "late")}
        if self._losses is not None and losses != self._losses:
            self._broker.publish("loss", {**losses, "hours": 24})
        self._losses = losses

    def _tell_advice(self) -> None:
        rows = self._store.read(_LAST_ADVICE, {"as_of": self._now()})
        made = Counter((str(row["kind"]), str(row["policy"]), str(row["verdict"])) for row in rows)
        lines = [
            {"kind": kind, "policy": policy, "verdict": verdict, "count": count}
            for (kind, policy, verdict), count in sorted(made.items())
        ]
        if lines:
            self._broker.publish("advice", {"made": lines})


def _received(lines: Sequence[tuple[int, tuple[str, str, str, str]]]) -> Mapping[str, object]:
    told: list[dict[str, Any]] = [
        {"operation": operation, "model": model, "pattern": pattern, "outcome": outcome, "count": count}
        for count, (operation, model, pattern, outcome) in lines[:MOST_LINES]
    ]
    whole = sum(count for count, _ in lines)
    return {"count": whole, "lines": told, "not_listed": whole - sum(line["count"] for line in told)}


def _whole(row: Mapping[str, object]) -> int:
    return int(str(row["operations"]))
