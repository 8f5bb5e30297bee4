"""The way of a record out of the process: a bounded queue, one background thread, and counts of what was lost.

The calling thread appends and goes on. The thread is made lazily, again in each forked child; what it does is handed
in, so that the calling thread imports neither the SDK nor an exporter.

The rule here and in ``_queue``: **no exception may keep a lock or part two counts that belong together.** The host's
signal handlers run between two bytecodes wherever a call begins or returns, and may raise; garbage collection may end
another operation there. So every lock is taken as ``_lock`` says, what only one thread may do is guarded by a flag that
is tested and set without a call, and no call stands between statements that must happen together. Those places say
``# atomic``: keep calls out of them, ``append`` and properties included.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, Final

from modeltally.instrument import _ids
from modeltally.instrument import _names as names
from modeltally.instrument._guard import internal_error, problem
from modeltally.instrument._lock import Lock
from modeltally.instrument._privacy import Hasher, find_user_key
from modeltally.instrument._queue import BATCH_ITEMS, Queue, log_loss
from modeltally.instrument._record import LOOSE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.instrument._config import Config
    from modeltally.instrument._record import Record, Running

__all__ = ["THREAD_NAME", "Pipeline"]

THREAD_NAME: Final = "modeltally"
WAIT_FOR_ROOM_SECONDS: Final = 0.1
SLICE_SECONDS: Final = 0.05  # of a wait for delivery, after which it looks whether it was interrupted
NO_THREAD_SECONDS: Final = 1.0  # before another try to start one


class Pipeline(Queue):
    """Queue, counters, running operations and background thread of one process."""

    def __init__(self, config: Config, work: Callable[[Pipeline], object]) -> None:
        """Prepare; the thread starts with the first operation.

        Args:
            config: The configuration.
            work: What the background thread does until :attr:`closes_at` is set.
        """
        super().__init__(config)
        self.instance_id = _ids.new_instance_id()
        self._work = work
        self._hasher: Hasher | None = None
        self._is_interrupted = False  # whoever waits for delivery waits no longer
        self._thread: threading.Thread | None = None
        self._no_thread_until = 0.0  # monotonic
        self._is_starting = False
        self._is_claimed = False  # somebody does the background work

    # the calling thread

    def start(self, operation: Running) -> None:
        """Register an operation that begins."""
        reference = weakref.ref(operation)
        for _ in self._lock.taken:
            try:
                self._running[operation.span_id] = reference  # atomic, with the count
                self._started += 1
                if operation.operation == names.MODEL_REQUEST:
                    operation.values.setdefault("concurrency", len(self._running))
            finally:
                self._lock.release()
            break
        if self._thread is None:
            self._start_thread()

    def finish(self, operation: Running) -> None:
        """Queue an operation that ended; repeated calls change nothing."""
        for _ in self._lock.taken:
            try:
                if operation.span_id not in self._running:
                    return
                del self._running[operation.span_id]  # atomic, with the counts: at the recursion limit a call fails
                self._finished += 1
                self._stranded += 1
                lost_as = None
                waiting, size = len(self._queue), LOOSE_BYTES + 2 * operation.size
                if waiting < self._loose_items and self._queue_bytes + size <= self._loose_bytes:
                    # the way of nearly all, in as few functions as can be
                    self._queue += (operation,)  # atomic, with the counts; by `append` it could be queued and lost
                    self._queued += 1
                    self._queue_bytes += size
                    self._accepted += 1
                else:
                    is_lost = self._is_abandoned or self.is_full()
                    lost_as = self._enqueue(operation if is_lost else self._packed(operation))
                self._stranded -= 1
            finally:
                self._lock.release()
            break
        if waiting == BATCH_ITEMS - 1:
            self.wake.set()
        if not operation.nested:
            self.live.add(operation)
        if lost_as is not None:
            log_loss(lost_as)

    def add(self, record: Record, *, wait: bool) -> bool:
        """Queue an operation that was already over when it was recorded.

        Args:
            record: The operation.
            wait: Wait for room instead of dropping it.

        Returns:
            Whether it was queued.
        """
        if self._thread is None:
            self._start_thread()
        item = self._packed(record)
        is_waiting = True
        while is_waiting:
            for _ in self._lock.taken:
                try:
                    is_waiting = (
                        wait
                        and bool(self._queue)
                        and self.closes_at is None
                        and not self._has_room(item.memory_bytes)
                        and not self._is_interrupted
                    )
                    if is_waiting:
                        self._room.clear()
                        self.wake.set()
                    else:
                        self._started += 1
                        self._finished += not record.unfinished
                        self._stranded += 1
                        lost_as = self._enqueue(item)
                        self._stranded -= 1
                finally:
                    self._lock.release()
                break
            if is_waiting:
                self._room.wait(WAIT_FOR_ROOM_SECONDS)
        log_loss(lost_as)
        return lost_as is None

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until everything recorded so far is settled.

        Returns:
            Whether it is, and nothing was lost since the last time this was asked.
        """
        ends_at = time.monotonic() + timeout_seconds
        for _ in self._lock.taken:
            try:
                target = self._accepted
                self.hurry.set()
                self.wake.set()
            finally:
                self._lock.release()
            break
        while True:
            self._settled.clear()  # before the look: what is settled after it rings
            seconds = ends_at - time.monotonic()
            if self._settled_count >= target or self._is_interrupted or seconds <= 0:
                break
            if self._thread is None:
                self._start_thread()  # there was none to be had, and perhaps nothing else will ask for it again
            self._settled.wait(min(seconds, SLICE_SECONDS))
        for _ in self._lock.taken:
            try:
                lost = sum(self._losses().values())
                is_complete = self._settled_count >= target and lost == self._lost_at_flush
                self._lost_at_flush = lost
                if self._settled_count >= self._accepted:
                    self.hurry.clear()
            finally:
                self._lock.release()
            break
        return is_complete

    def shut_down(self, timeout_seconds: float) -> bool:
        """Deliver what is queued, say goodbye, end the thread; what is left after the timeout is counted as lost.

        Returns:
            Whether everything was delivered.
        """
        for _ in self._lock.taken:
            try:
                closes_at = time.monotonic() + min(max(0.0, timeout_seconds), threading.TIMEOUT_MAX)
                # asked again, at the process's exit for example, it ends by the earlier time
                self.closes_at = closes_at if self.closes_at is None else min(closes_at, self.closes_at)
                self.closing.set()
                self.hurry.set()
                self.wake.set()
                has_work = bool(self._queue or self._started)
            finally:
                self._lock.release()
            break
        if self._thread is None and has_work and not self.done.is_set():
            self._run()  # at interpreter exit no thread can be started any more
        if self._thread is not None or self._is_claimed:
            seconds = closes_at - time.monotonic()
            while (
                not self.done.wait(max(0.0, min(seconds, SLICE_SECONDS))) and seconds > 0 and not self._is_interrupted
            ):
                seconds = closes_at - time.monotonic()
        if self._is_interrupted:
            return False
        for _ in self._lock.taken:
            try:
                if not self.done.is_set():
                    self._abandon()
                lost = sum(self._losses().values()) - self._inherited
            finally:
                self._lock.release()
            break
        if lost:
            problem("lost", "%d operations were not delivered", lost)
        return lost == 0

    def interrupt_waits(self, *, is_on: bool) -> None:
        """End every wait for delivery: a signal handler needs the main thread to leave this code."""
        self._is_interrupted = is_on

    def reset_after_fork(self) -> None:
        """Silence this pipeline in a forked child: what is queued and running belongs to the parent."""
        self._lock = Lock()  # a thread that does not exist here may have held the former one
        self._running.clear()

    def _start_thread(self) -> None:
        if threading.Lock is not self._kind_of_lock and self._thread is None and self.closes_at is None:
            # gevent or eventlet came in between: the thread will be a greenlet, and must not block the real thread
            self._make_locks()
            from modeltally.instrument.process import ends  # noqa: PLC0415 - nearly nobody needs it here

            ends.warm_resolver()
        # not with the other lock held: `start` waits for the new thread, and what is collected there as garbage before
        # it says that it runs may be an operation, whose end needs that lock
        if self._is_starting:
            return  # another thread is at it
        self._is_starting = True  # atomic, with the test
        try:
            if self._thread is not None or self.closes_at is not None or time.monotonic() < self._no_thread_until:
                return
            try:
                thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
                thread.start()
            except (OSError, RuntimeError):
                # too many of them; or the interpreter is ending, or is an isolated one that allows none of this kind:
                # then the exit handler delivers
                self._no_thread_until = time.monotonic() + NO_THREAD_SECONDS
                return
            self._thread = thread
        finally:
            self._is_starting = False

    def hasher(self) -> Hasher:
        """Return the hasher for users and prompts; the deployment's key is looked up once."""
        if self._hasher is None:
            self._hasher = Hasher(find_user_key(self.config.user_key))
        return self._hasher

    # the background thread

    def _run(self) -> None:
        if self._is_claimed:
            return  # an exception of a signal handler met the start of a thread, which runs all the same
        self._is_claimed = True  # atomic, with the test
        try:
            self._work(self)
        except BaseException as error:
            # the thread must not print a traceback into the host's output; at exit this may be the host's own thread
            if not isinstance(error, Exception) and threading.current_thread() is threading.main_thread():
                raise
            internal_error("background thread" if self.closes_at is None else "last delivery", error)
        finally:
            for _ in self._lock.taken:
                try:
                    self._abandon()
                    if self.closes_at is None:
                        self.closes_at = time.monotonic()
                    self.done.set()
                finally:
                    self._lock.release()
                break
