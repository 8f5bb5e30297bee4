"""Records waiting to be sent, operations running, and their counts: nothing is lost uncounted.

Bounded in items and in bytes. Beyond a share of the room a record is packed, which takes the calling thread as long
again as the operation itself. What may interrupt these counts, and what that means for them, is told in ``_pipeline``.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final

from modeltally.instrument import _clock, _guard
from modeltally.instrument._counters import Counters
from modeltally.instrument._guard import problem
from modeltally.instrument._live import Live
from modeltally.instrument._lock import Flag, Lock
from modeltally.instrument._packed import BASE_BYTES, Packed, Shapes
from modeltally.instrument._redaction import redact

if TYPE_CHECKING:
    import weakref
    from collections.abc import Mapping

    from modeltally.instrument._config import Config
    from modeltally.instrument._record import Record, Running

__all__ = ["BATCH_ITEMS", "Queue", "log_loss"]

BATCH_ITEMS: Final = 512
LOOSE_SHARE: Final = 8  # records that are not packed may take this part of the room
BROKEN: Final = "export_failed"
STRANDED: Final = "internal_error"


class Queue:
    """Records on their way, running operations, and what became of them."""

    def __init__(self, config: Config) -> None:
        """Start empty."""
        self.config = config
        self.live = Live()
        self.closes_at: float | None = None  # monotonic; when set, the thread ends by then
        self._queue: deque[Record | Packed] = deque()
        self._queue_bytes = 0
        self._loose_items = config.max_queue_items
        self._loose_bytes = config.max_queue_bytes // LOOSE_SHARE
        self._shapes = Shapes()
        self._running: dict[int, weakref.ref[Running]] = {}
        self._started = 0
        self._finished = 0
        self._exported = 0
        self._accepted = 0  # records that entered the queue, copies included
        self._settled_count = 0  # of those, how many were delivered or dropped
        self._queued = 0  # counted records in the queue, and those taken from it and not settled
        self._dropped: defaultdict[str, int] = defaultdict(int)
        self._told: dict[str, int] = {}  # losses that a heartbeat delivered has told of
        self._inherited = 0  # of what was lost, how much before this began
        self._lost_at_flush = 0
        self._stranded = 0  # ended and not queued, because an error of ours came in between
        self._is_abandoned = False
        self._make_locks()

    def _make_locks(self) -> None:
        self._kind_of_lock = threading.Lock
        self.wake = Flag()  # there is enough to send
        self.hurry = Flag()  # somebody waits: do not sleep between attempts
        self.closing = Flag()
        self.done = Flag()  # the thread has ended
        # garbage collection or a signal handler may end an operation while this thread holds it
        self._lock = Lock()
        self._settled = Flag()  # more of the queue is done
        self._room = Flag()

    def counters(self) -> Counters:
        """Return the numbers as they are now."""
        problems = _guard.problems()  # no lock inside another: a signal handler may come in the other order
        for _ in self._lock.taken:
            try:
                counters = Counters(
                    started=self._started,
                    finished=self._finished,
                    exported=self._exported,
                    queued=self._queued,
                    in_flight=len(self._running),
                    dropped=self._losses(),
                    problems=problems,
                )
            finally:
                self._lock.release()
            break
        return counters

    def running(self) -> list[Running]:
        """Return what is in flight, nested operations included."""
        for _ in self._lock.taken:
            try:
                # a list of its own: garbage collected on the way may end an operation
                references = list(self._running.values())
            finally:
                self._lock.release()
            break
        return [operation for reference in references if (operation := reference()) is not None]

    def is_full(self) -> bool:
        """Return whether the queue has no room for another operation."""
        return len(self._queue) >= self.config.max_queue_items or (
            self._queue_bytes + BASE_BYTES > self.config.max_queue_bytes
        )

    def _has_room(self, size: int) -> bool:
        return (
            len(self._queue) < self.config.max_queue_items and self._queue_bytes + size <= self.config.max_queue_bytes
        )

    def _packed(self, record: Record) -> Record | Packed:
        try:
            return Packed(record, self._shapes)
        except Exception:  # noqa: BLE001 - an odd one: whether it can be sent shows when it is encoded
            return record

    def _enqueue(self, item: Record | Packed) -> str | None:
        """Append to the queue, or return why the record is lost; the lock is held."""
        size = item.memory_bytes
        if self._is_abandoned or not self._has_room(size):
            reason = "shut_down" if self._is_abandoned else "queue_full"
            self._drop(reason, int(item.is_counted))
            return reason
        if len(self._queue) == BATCH_ITEMS - 1:
            self.wake.set()
        self._queue.append(item)  # atomic from here: it is in the queue and counted, or neither
        self._queued += item.is_counted
        self._queue_bytes += size
        self._accepted += 1
        return None

    def tell(self, losses: Mapping[str, int]) -> None:
        """Note the losses, by reason, that the receiver knows of."""
        self._told = dict(losses)

    def untold(self) -> dict[str, int]:
        """Return, once, the losses by reason that nobody was told of."""
        for _ in self._lock.taken:
            try:
                losses = self._losses()
                untold = {reason: count - self._told.get(reason, 0) for reason, count in losses.items()}
                self._told = losses
            finally:
                self._lock.release()
            break
        return {reason: count for reason, count in untold.items() if count > 0}

    def inherit(self, losses: Mapping[str, int]) -> None:
        """Count, and tell of, operations that were lost before this began."""
        for _ in self._lock.taken:
            try:
                for reason, count in losses.items():
                    self._dropped[reason] += count
                    self._started += count
                    self._finished += count
                    self._inherited += count
                    self._lost_at_flush += count
            finally:
                self._lock.release()
            break

    def _losses(self) -> dict[str, int]:
        """Return what was lost, by reason; the lock is held."""
        return {**self._dropped, STRANDED: self._stranded} if self._stranded else dict(self._dropped)

    def _drop(self, reason: str, count: int) -> None:
        """Count operations as lost; the lock is held."""
        if count:
            self._dropped[reason] += count  # atomic: a signal handler may count as well

    # the background thread

    def take(self) -> list[Record]:
        """Take up to a batch from the queue."""
        if threading.Lock is not self._kind_of_lock:
            problem(
                "patched_late",
                "gevent or eventlet changed the threads after the first operation; patch before that, or operations"
                " may be lost at the end",
            )
        self.live.fold()
        for _ in self._lock.taken:
            try:
                batch = [self._queue.popleft() for _ in range(min(BATCH_ITEMS, len(self._queue)))]
                freed = sum(item.memory_bytes for item in batch)
                # in a step of its own: garbage collected in `sum` may end an operation; and what grew while it
                # waited, in a thread that was telling more as another one ended it, must not be in the sum for ever
                self._queue_bytes = self._queue_bytes - freed if self._queue else 0  # atomic
            finally:
                self._lock.release()
            break
        if batch:
            self._room.set()
        return [item.record() for item in batch]

    def settle(self, *, delivered: int, dropped: int, reason: str | None) -> None:
        """Count records that were delivered or dropped."""
        for _ in self._lock.taken:
            try:
                if self._is_abandoned:
                    return
                self._exported += delivered
                self._queued -= delivered + dropped
                if reason is not None:
                    self._drop(reason, dropped)
            finally:
                self._lock.release()
            break
        log_loss(reason if dropped else None)

    def settled(self, records: int) -> None:
        """Note that a batch of that many queue entries is done."""
        for _ in self._lock.taken:
            try:
                self._settled_count += records
                self._settled.set()
                if self._settled_count >= self._accepted and self.closes_at is None:
                    self.hurry.clear()
            finally:
                self._lock.release()
            break

    def leave_copies(self, *, older_than_seconds: float) -> None:
        """Queue one unfinished copy of each operation that has been running for longer."""
        started_before_ns = _clock.perf_counter_ns() - int(older_than_seconds * 1e9)
        for operation in self.running():
            if not operation.needs_copy(started_before_ns):
                continue
            copy = operation.unfinished_copy()
            if self.config.redact is not None:
                redact(copy, self.config.redact)  # the host's code: no lock is held
            for _ in self._lock.taken:
                try:
                    self._enqueue(self._packed(copy))
                finally:
                    self._lock.release()
                break

    def _abandon(self) -> None:
        """Count everything not delivered as lost; the lock is held."""
        if self._is_abandoned:
            return
        self._is_abandoned = True  # before anything is freed, which may end another operation
        self._loose_items = 0
        self._drop(BROKEN, self._queued)
        self._queued = 0
        self._queue_bytes = 0
        self._queue.clear()
        self._settled_count = self._accepted
        self._settled.set()


def log_loss(lost_as: str | None) -> None:
    """Log a loss; never with a lock held, since logging handlers are the host's code."""
    if lost_as is not None:
        problem(lost_as, "operations are lost: %s; modeltally.counters() has the numbers", lost_as)
