"""Moves segments from a spool into the store, each exactly once.

A segment goes under its own name as batch id, and is deleted only when the store has it. What the store refuses again
and again is taken apart, so that what can be stored is, and what is behind it is not held up.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from modeltally.receiver.counters import Stats
    from modeltally.receiver.spool.spool import Segment, Spool

__all__ = ["Handover", "Lane", "is_disk_full"]

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


class Lane(Protocol):
    """How one signal gets into the store."""

    signal: str
    max_segment_age_seconds: float
    attempts: int  # to store a segment whole

    def store(self, segment: Segment) -> None:
        """Store a segment whole, once for each name."""
        ...

    def store_what_can_be(self, segment: Segment) -> None:
        """Store of a segment that was refused what can be; set it aside when something cannot.

        Raises when it is the store that does not work.
        """
        ...

    def flush(self) -> None:
        """Store what else waits; raises when the store does not take it."""
        ...


class Handover:
    """One thread that feeds the store from a spool."""

    def __init__(self, spool: Spool, lane: Lane, *, stats: Stats) -> None:
        """Take what it works on; :meth:`start` sets it going.

        Args:
            spool: Where segments come from.
            lane: How they are stored.
            stats: Counts what was stored, and why not.
        """
        self._spool = spool
        self._lane = lane
        self._stats = stats
        self._segment_age_seconds = MIN_SEGMENT_AGE_SECONDS
        self._is_flush_overdue = False
        self._stopping = threading.Event()
        self._give_up_at = float("inf")
        self._thread = threading.Thread(target=self._run, name=f"modeltally-store-{lane.signal}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, timeout_seconds: float) -> None:
        """Hand over what is in the spool, then end; what takes longer waits on disk for the next start."""
        self._give_up_at = time.monotonic() + timeout_seconds
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            segment = self._spool.next_segment(
                min_age_seconds=0.0 if stopping else self._segment_age_seconds,
                timeout_seconds=0.0 if stopping else MIN_SEGMENT_AGE_SECONDS,
            )
            self._flush()
            if segment is not None:
                self._hand_over(segment)
            elif stopping:
                return
            if time.monotonic() > self._give_up_at:
                return

    def _flush(self) -> None:
        try:
            self._lane.flush()
        except Exception as error:  # noqa: BLE001 - the same as for segments: it stays, and is tried again
            self._note_failure("the store refused rows for the quarantine", error)
            self._is_flush_overdue = True
            return
        if self._is_flush_overdue:
            self._is_flush_overdue = False
            self._stats.note_failure(self._lane.signal, None)

    def _hand_over(self, segment: Segment) -> None:
        attempts = refusals = 0
        while time.monotonic() <= self._give_up_at:
            try:
                if refusals >= self._lane.attempts:
                    self._lane.store_what_can_be(segment)
                else:
                    began = time.monotonic()
                    self._lane.store(segment)
                    self._pace(time.monotonic() - began)
            except Exception as error:  # noqa: BLE001 - whatever the engine raises, the spool must go on
                attempts += 1
                refusals += not is_disk_full(error)
                self._note_failure(f"the store refused batch {segment.name}", error)
                if self._stopping.is_set():
                    self._give_up_at = min(self._give_up_at, time.monotonic() + PATIENCE_WHILE_STOPPING_SECONDS)
                self._wait(min(MAX_BACKOFF_SECONDS, 0.05 * 2 ** min(attempts, 10)))
                continue
            self._stats.add(self._lane.signal, "stored_batches")
            self._stats.note_failure(self._lane.signal, None)
            if segment.path.exists():
                self._spool.remove(segment)
            return

    def _pace(self, insert_seconds: float) -> None:
        age = AGE_PER_INSERT * insert_seconds
        self._segment_age_seconds = min(max(age, MIN_SEGMENT_AGE_SECONDS), self._lane.max_segment_age_seconds)

    def _note_failure(self, what: str, error: Exception) -> None:
        message = str(error)[:_DETAIL_CHARACTERS]
        if self._stats.note_failure(self._lane.signal, message):  # once, not at every attempt
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
