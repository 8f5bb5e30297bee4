"""Locks and flags that no exception of a signal handler can leave taken.

Python runs the host's signal handlers when a call of something written in C has returned, and they may raise: a time
limit, Ctrl-C. ``with lock`` may then have taken the lock and not know it, on every version inside
``threading.Event`` and ``threading.Condition``, from 3.14 on everywhere. A ``for`` statement takes its next item
without such a point between the item and the block, so::

    for _ in lock.taken:
        try:
            ...
        finally:
            lock.release()
        break

Who waits here waits for a plain lock, which C takes and releases in one step.
"""

from __future__ import annotations

import threading
import time
from itertools import repeat, starmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Flag", "Lock"]


class Lock:
    """A re-entrant lock: a signal handler or garbage collection may need what its thread holds already.

    Attributes:
        taken: Each item takes the lock once.
        tried: Each item says whether it took the lock, at once.
        release: Gives it back once.
    """

    __slots__ = ("release", "taken", "tried")

    def __init__(self) -> None:
        """Make one that is free."""
        lock = threading.RLock()
        self.taken: Iterator[bool] = starmap(lock.__enter__, repeat(()))
        self.tried: Iterator[bool] = starmap(lock.acquire, repeat((False,)))
        self.release: Callable[[], None] = lock.release


class Flag:
    """As ``threading.Event``: one thread waits for what others have set."""

    __slots__ = ("_bell", "_is_set")

    def __init__(self) -> None:
        """Make one that is not set."""
        self._is_set = False
        self._bell = threading.Lock()  # free while it rings; a ring that nobody needs is taken by the next who waits
        self._bell.acquire(blocking=False)

    def is_set(self) -> bool:
        """Return whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Set it and wake who waits."""
        self._is_set = True
        try:  # noqa: SIM105 - `suppress` is Python code, in which a handler may raise before the bell has rung
            self._bell.release()
        except RuntimeError:  # it rings already
            pass

    def clear(self) -> None:
        """Set it no more."""
        self._is_set = False

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, so long at most; return whether it is."""
        ends_at = time.monotonic() + seconds
        while not self._is_set:
            left = min(ends_at - time.monotonic(), threading.TIMEOUT_MAX)
            if left <= 0 or not self._bell.acquire(timeout=left):
                return self._is_set
        self.set()  # for another one who waits
        return True
