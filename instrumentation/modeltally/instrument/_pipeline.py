"""The way of a record out of the process: a bounded queue, one background thread, and counts of what was lost.

The calling thread appends and goes on. The thread is made lazily, again in each forked child, and imports the SDK and
the exporter itself.
"""

from __future__ import annotations

import contextvars
import threading
import time
import weakref
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final

from modeltally.instrument import _guard, _ids
from modeltally.instrument import _names as names
from modeltally.instrument._counters import Counters
from modeltally.instrument._guard import internal_error, problem
from modeltally.instrument._live import Live
from modeltally.instrument._privacy import Hasher, find_user_key
from modeltally.instrument._record import BASE_BYTES, LOOSE_BYTES, Packed, Record, Shapes
from modeltally.instrument._redaction import redact

if TYPE_CHECKING:
    from modeltally.instrument._config import Config
    from modeltally.instrument._operation import Operation

__all__ = ["BATCH_ITEMS", "Pipeline"]

BATCH_ITEMS: Final = 512
LOOSE_SHARE: Final = 8  # records that are not packed may take this part of the room
WAIT_FOR_ROOM_SECONDS: Final = 0.1
SLICE_SECONDS: Final = 0.05  # of a wait for delivery, after which it looks whether it should give way
NO_THREAD_SECONDS: Final = 1.0  # before another try to start one
BROKEN: Final = "export_failed"
STRANDED: Final = "internal_error"

# held while the thread imports: a process that forks meanwhile would leave its child half a module and its lock
imports = threading.Lock()


class Pipeline:
    """Queue, counters and running operations of one process."""

    def __init__(self, config: Config) -> None:
        """Take the configuration; nothing is started until the first operation."""
        self.config = config
        self.instance_id = _ids.new_instance_id()
        self.live = Live()
        self._hasher: Hasher | None = None
        self._make_locks()
        self.closes_at: float | None = None  # monotonic; when set, the thread ends by then
        self._gives_way = False
        self._queue: deque[Record | Packed] = deque()
        self._queue_bytes = 0
        # so much waits as it is, more is packed: that takes the calling thread as long again as the operation itself
        self._loose_items = config.max_queue_items
        self._loose_bytes = config.max_queue_bytes // LOOSE_SHARE
        self._shapes = Shapes()
        self._running: dict[int, weakref.ref[Operation]] = {}
        self._thread: threading.Thread | None = None
        self._no_thread_until = 0.0  # monotonic
        # flags and no locks: an exception of a signal handler between taking a lock and knowing it would keep it taken
        self._is_starting = False
        self._is_claimed = False  # somebody does the background work
        self._started = 0
        self._finished = 0
        self._exported = 0
        self._accepted = 0  # records that entered the queue, copies included
        self._settled_count = 0  # of those, how many were delivered or dropped
        self._queued = 0  # counted records in the queue, and those taken from it and not settled
        self._dropped: defaultdict[str, int] = defaultdict(int)
        self._stranded = 0  # ended and not queued, because an error of ours came in between
        self._lost_at_flush = 0
        self._is_abandoned = False

    def _make_locks(self) -> None:
        self._kind_of_lock = threading.Lock
        self.wake = threading.Event()  # there is enough to send
        self.hurry = threading.Event()  # somebody waits: do not sleep between attempts
        self.closing = threading.Event()
        self.done = threading.Event()  # the thread has ended
        # re-entrant: garbage collection or a signal handler may end an operation while this thread holds it
        self._lock = threading.RLock()
        self._settled = threading.Condition(self._lock)
        self._room = threading.Event()

    # the calling thread

    def start(self, operation: Operation) -> None:
        """Register an operation that begins."""
        reference = weakref.ref(operation)
        with self._lock:
            self._running[operation.span_id] = reference  # no call from here to the count: a signal handler may raise
            self._started += 1
            if operation.operation == names.MODEL_REQUEST:
                operation.values.setdefault("concurrency", len(self._running))
        if self._thread is None:
            self._start_thread()

    def finish(self, operation: Operation) -> None:
        """Queue an operation that ended; a second time changes nothing."""
        with self._lock:
            if operation.span_id not in self._running:
                return
            del self._running[operation.span_id]  # no call from here to the counts: a signal handler may raise
            self._finished += 1
            self._stranded += 1  # without a call: at the recursion limit the next one fails
            lost_as = None
            waiting, size = len(self._queue), LOOSE_BYTES + 2 * operation.size
            if waiting < self._loose_items and self._queue_bytes + size <= self._loose_bytes:
                # the way of nearly all, in as few functions as can be. Not by `append`: after a call a signal handler
                # may raise, and it would be queued and lost
                self._queue += (operation,)
                self._queued += 1
                self._queue_bytes += size
                self._accepted += 1
            else:
                is_lost = self._is_abandoned or self.is_full()
                lost_as = self._enqueue(operation if is_lost else self._packed(operation))
            self._stranded -= 1
        if waiting == BATCH_ITEMS - 1:
            self.wake.set()
        if not operation.nested:
            self.live.add(operation)
        if lost_as is not None:
            _say(lost_as)

    def add(self, record: Record, *, wait: bool) -> bool:
        """Queue an operation that was over before it came here.

        Args:
            record: The operation.
            wait: Wait for room instead of dropping it.

        Returns:
            Whether it was queued.
        """
        if self._thread is None:
            self._start_thread()
        item = self._packed(record)
        while True:
            with self._lock:
                is_waiting = (
                    wait and bool(self._queue) and self.closes_at is None and not self._has_room(item.memory_bytes)
                )
                if not is_waiting or self._gives_way:
                    self._started += 1
                    self._finished += not record.unfinished
                    self._stranded += 1
                    lost_as = self._enqueue(item)
                    self._stranded -= 1
                    break
                self._room.clear()
                self.wake.set()
            self._room.wait(WAIT_FOR_ROOM_SECONDS)
        _say(lost_as)
        return lost_as is None

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until everything recorded so far is settled.

        Returns:
            Whether it is, and nothing was lost since the last time this was asked.
        """
        with self._lock:
            target = self._accepted
            self.hurry.set()
            self.wake.set()
            ends_at = time.monotonic() + timeout_seconds
            while self._settled_count < target and not self._gives_way:
                seconds = ends_at - time.monotonic()
                if seconds <= 0:
                    break
                self._settled.wait(min(seconds, SLICE_SECONDS))
            is_settled = self._settled_count >= target
            lost = sum(self._losses().values())
            is_complete = is_settled and lost == self._lost_at_flush
            self._lost_at_flush = lost
            if self._settled_count >= self._accepted:
                self.hurry.clear()
            return is_complete

    def shut_down(self, timeout_seconds: float) -> bool:
        """Deliver what is queued, say goodbye, end the thread; what is left after the timeout is counted as lost.

        Returns:
            Whether everything was delivered.
        """
        with self._lock:
            closes_at = time.monotonic() + min(max(0.0, timeout_seconds), threading.TIMEOUT_MAX)
            # asked again, at the process's exit for example, it ends by the earlier time
            self.closes_at = closes_at if self.closes_at is None else min(closes_at, self.closes_at)
            self.closing.set()
            self.hurry.set()
            self.wake.set()
            has_work = bool(self._queue or self._started)
        if self._thread is None and has_work and not self.done.is_set():
            self._run()  # at interpreter exit no thread can be started any more
        if self._thread is not None or self._is_claimed:
            seconds = closes_at - time.monotonic()
            while not self.done.wait(max(0.0, min(seconds, SLICE_SECONDS))) and seconds > 0 and not self._gives_way:
                seconds = closes_at - time.monotonic()
        if self._gives_way:
            return False
        with self._lock:
            if not self.done.is_set():
                self._abandon()
            lost = sum(self._losses().values())
        if lost:
            problem("lost", "%d operations were not delivered", lost)
        return lost == 0

    def give_way(self, *, is_on: bool) -> None:
        """Have whoever waits for delivery wait no longer: a signal handler needs the main thread out of here."""
        self._gives_way = is_on

    def leave_to_parent(self) -> None:
        """In a forked child: be silent. What is queued and running here is the parent's, which ends it as well."""
        self._lock = threading.RLock()  # a thread that does not exist here may have held the former one
        self._running.clear()

    def counters(self) -> Counters:
        """Return the numbers as they are now."""
        problems = _guard.problems()  # no lock inside another: a signal handler may come in the other order
        with self._lock:
            return Counters(
                started=self._started,
                finished=self._finished,
                exported=self._exported,
                queued=self._queued,
                in_flight=len(self._running),
                dropped=self._losses(),
                problems=problems,
            )

    def _packed(self, record: Record) -> Record | Packed:
        try:
            return record.packed(self._shapes)
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
        # from here on nothing is called that could fail: it is in the queue and counted, or neither
        self._queue.append(item)
        self._queued += item.is_counted
        self._queue_bytes += size
        self._accepted += 1
        return None

    def _has_room(self, size: int) -> bool:
        return (
            len(self._queue) < self.config.max_queue_items and self._queue_bytes + size <= self.config.max_queue_bytes
        )

    def _losses(self) -> dict[str, int]:
        """Return what was lost, by reason; the lock is held."""
        return {**self._dropped, STRANDED: self._stranded} if self._stranded else dict(self._dropped)

    def _drop(self, reason: str, count: int) -> None:
        """Count operations as lost; the lock is held."""
        if count:
            self._dropped[reason] += count  # no call in between: a signal handler may count as well

    def _start_thread(self) -> None:
        if threading.Lock is not self._kind_of_lock and self._thread is None and self.closes_at is None:
            # gevent or eventlet came in between: the thread will be a greenlet, and must not block the real thread
            self._make_locks()
        # not with the other lock held: `start` waits for the new thread, and what is collected there as garbage before
        # it says that it runs may be an operation, whose end needs that lock
        if self._is_starting:
            return  # another thread is at it
        self._is_starting = True  # no call in between
        try:
            if self._thread is not None or self.closes_at is not None or time.monotonic() < self._no_thread_until:
                return
            thread = threading.Thread(target=self._run, name="modeltally", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # too many of them; or the interpreter is ending, and the exit handler delivers
                self._no_thread_until = time.monotonic() + NO_THREAD_SECONDS
                return
            self._thread = thread
        finally:
            self._is_starting = False

    def hasher(self) -> Hasher:
        """Return what hashes users and prompts under the deployment's key; the key is looked for once."""
        if self._hasher is None:
            self._hasher = Hasher(find_user_key(self.config.user_key))
        return self._hasher

    # the background thread

    def _run(self) -> None:
        if self._is_claimed:
            return  # an exception of a signal handler met the start of a thread, which runs all the same
        self._is_claimed = True  # no call in between
        try:
            with imports:
                from modeltally.instrument.background.worker import Worker  # noqa: PLC0415 - the SDK is imported in this thread

                worker = Worker(self)
            contextvars.copy_context().run(worker.run)  # at exit this is the host's thread: its context stays
        except BaseException as error:
            # the thread must not print a traceback into the host's output; at exit this may be the host's own thread
            if not isinstance(error, Exception) and threading.current_thread() is threading.main_thread():
                raise
            internal_error("background thread" if self.closes_at is None else "last delivery", error)
        finally:
            with self._lock:
                self._abandon()
                if self.closes_at is None:
                    self.closes_at = time.monotonic()
                self.done.set()

    def take(self) -> list[Record]:
        """Take up to a batch from the queue."""
        if threading.Lock is not self._kind_of_lock:
            problem(
                "patched_late",
                "gevent or eventlet changed the threads after the first operation; patch before that, or operations"
                " may be lost at the end",
            )
        self.live.fold()
        with self._lock:
            batch = [self._queue.popleft() for _ in range(min(BATCH_ITEMS, len(self._queue)))]
            freed = sum(item.memory_bytes for item in batch)
            # in a step of its own: garbage collected in `sum` may end an operation; and what grew while it waited, in
            # a thread that was telling more as another one ended it, must not be in the sum for ever
            self._queue_bytes = self._queue_bytes - freed if self._queue else 0
        if batch:
            self._room.set()
        return [item.record() for item in batch]

    def settle(self, *, delivered: int, dropped: int, reason: str | None) -> None:
        """Account for counted records that are on the way no more."""
        with self._lock:
            if self._is_abandoned:
                return
            self._exported += delivered
            self._queued -= delivered + dropped
            if reason is not None:
                self._drop(reason, dropped)
        _say(reason if dropped else None)

    def settled(self, records: int) -> None:
        """Say that a batch of so many queue entries is dealt with."""
        with self._lock:
            self._settled_count += records
            self._settled.notify_all()
            if self._settled_count >= self._accepted and self.closes_at is None:
                self.hurry.clear()

    def is_full(self) -> bool:
        """Tell whether new operations are being dropped for want of room."""
        return len(self._queue) >= self.config.max_queue_items or (
            self._queue_bytes + BASE_BYTES > self.config.max_queue_bytes
        )

    def leave_copies(self, *, older_than_seconds: float) -> None:
        """Queue an unfinished copy of each operation running for longer than that, once for each."""
        started_before_ns = time.perf_counter_ns() - int(older_than_seconds * 1e9)
        for operation in self.running():
            if not operation.needs_copy(started_before_ns):
                continue
            copy = operation.unfinished_copy()
            if self.config.redact is not None:
                redact(copy, self.config.redact)  # the host's code: no lock is held
            with self._lock:
                self._enqueue(self._packed(copy))

    def running(self) -> list[Operation]:
        """Return what is in flight, nested operations included."""
        with self._lock:
            # a list of its own: garbage collected on the way may end an operation
            references = list(self._running.values())
        return [operation for reference in references if (operation := reference()) is not None]

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
        self._settled.notify_all()


def _say(lost_as: str | None) -> None:
    """Log a loss; never with a lock held, since logging handlers are the host's code."""
    if lost_as is not None:
        problem(lost_as, "operations are lost: %s; modeltally.counters() has the numbers", lost_as)
