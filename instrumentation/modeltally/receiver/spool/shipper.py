"""Moves segments from a spool into the store, each exactly once.

A segment goes under its own name as batch id, and is deleted only when the store has it. What the store refuses again
and again is taken apart, so that what can be stored is, and what is behind it is not held up.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

from modeltally.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.receiver.counters import Counters
    from modeltally.receiver.spool.spool import Segment, Spool

__all__ = ["Shipper", "Sink", "is_disk_full"]

_LOGGER: Final = logging.getLogger(__name__)

# A segment collects for this many times as long as the last insert took, within limits: an insert costs a tenth of a
# second however little it holds, and must not keep a quiet machine busy.
AGE_PER_INSERT: Final = 4.0
MIN_SEGMENT_AGE_SECONDS: Final = 0.2
MAX_BACKOFF_SECONDS: Final = 5.0
MAX_WAIT_WHILE_STOPPING_SECONDS: Final = 0.2
# How long a stop goes on trying once the store has refused: what is left waits on disk.
PATIENCE_WHILE_STOPPING_SECONDS: Final = 2.0
_DETAIL_CHARACTERS: Final = 500


class Sink(Protocol):
    """Writes segments to the store; it never touches the spool."""

    max_segment_age_seconds: float
    attempts: int  # to store a segment whole

    def store(self, segment: Segment) -> None:
        """Store a segment whole, once for each name."""
        ...

    def store_parts(self, segment: Segment) -> Counter[str]:
        """Store what can be stored of a segment that was refused, and note in the store what cannot.

        Returns:
            How many items are left, by reason.

        Raises when it is the store that does not work.
        """
        ...

    def flush(self) -> None:
        """Store what else waits; raises when the store does not take it."""
        ...


class Shipper:
    """One thread that feeds a sink from a spool."""

    def __init__(
        self, spool: Spool, sink: Sink, *, counters: Counters, name: str, stored: Callable[[], None] = lambda: None
    ) -> None:
        """Take what it works on; :meth:`start` sets it going.

        Args:
            spool: Where segments come from.
            sink: Where they go.
            counters: Counts what was stored, and why not.
            name: What it ships, for the thread's name and the log.
            stored: Called after each segment that the store has; it must not wait.
        """
        self._spool = spool
        self._sink = sink
        self._counters = counters
        self._name = name
        self._stored = stored
        self._segment_age_seconds = MIN_SEGMENT_AGE_SECONDS
        self._is_flush_overdue = False
        self._stopping = threading.Event()
        self._give_up_at = float("inf")
        self._thread = Worker(self._run, name=f"shipper of {name}")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, timeout_seconds: float) -> None:
        """Ship what is in the spool, then end; what takes longer waits on disk for the next start."""
        self._give_up_at = time.monotonic() + timeout_seconds
        self._stopping.set()
        self._thread.join()

    @property
    def problem(self) -> str | None:
        """That its thread is gone; None when all is well."""
        return self._thread.problem

    def _run(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            segment = self._spool.next_segment(
                min_age_seconds=0.0 if stopping else self._segment_age_seconds,
                timeout_seconds=0.0 if stopping else MIN_SEGMENT_AGE_SECONDS,
            )
            self._flush()
            self._spool.delete_stored()
            if segment is not None:
                self._ship(segment)
            elif stopping:
                return
            if time.monotonic() > self._give_up_at:
                return

    def _flush(self) -> None:
        try:
            self._sink.flush()
        except Exception as error:  # noqa: BLE001 - the same as for segments: it stays, and is tried again
            self._note_failure("the store refused rows for the quarantine", error)
            self._is_flush_overdue = True
            return
        if self._is_flush_overdue:
            self._is_flush_overdue = False
            self._counters.note_failure(None)

    def _ship(self, segment: Segment) -> None:
        refusals = attempts = 0
        left: Counter[str] | None = None
        while time.monotonic() <= self._give_up_at:
            try:
                if left is None:
                    parts = refusals >= self._sink.attempts
                    left = self._sink.store_parts(segment) if parts else self._store(segment)
                if left:  # nothing acknowledged is thrown away
                    self._set_aside(segment, left.total())
            except Exception as error:  # noqa: BLE001 - whatever the engine or the disk raises, the spool must go on
                attempts += 1
                refusals += not is_disk_full(error)
                self._note_failure(f"the store refused batch {segment.name}", error)
                if self._stopping.is_set():
                    self._give_up_at = min(self._give_up_at, time.monotonic() + PATIENCE_WHILE_STOPPING_SECONDS)
                self._wait(min(MAX_BACKOFF_SECONDS, 0.05 * 2 ** min(attempts, 10)))
                continue
            self._counters.reject(left)
            self._counters.add("stored_items", segment.items - left.total())
            self._counters.add("stored_batches")
            self._counters.note_failure(None)
            self._stored()
            if not left:  # last: who sees that nothing waits sees it counted
                self._spool.remove(segment)
            return

    def _store(self, segment: Segment) -> Counter[str]:
        began = time.monotonic()
        self._sink.store(segment)
        age = AGE_PER_INSERT * (time.monotonic() - began)
        self._segment_age_seconds = min(max(age, MIN_SEGMENT_AGE_SECONDS), self._sink.max_segment_age_seconds)
        return Counter()

    def _set_aside(self, segment: Segment, items: int) -> None:
        place = self._spool.set_aside(segment)
        _LOGGER.error(
            "%s: %d items of batch %s could not be stored; they are kept in %s", self._name, items, segment.name, place
        )

    def _note_failure(self, what: str, error: Exception) -> None:
        message = str(error)[:_DETAIL_CHARACTERS]
        if self._counters.note_failure(message):  # once, not at every attempt
            _LOGGER.warning("%s: %s", what, message)

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            time.sleep(min(seconds, MAX_WAIT_WHILE_STOPPING_SECONDS))


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error says that the disk is full, however the engine words it."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    text = str(error)
    return "NOT_ENOUGH_SPACE" in text or "No space left" in text
