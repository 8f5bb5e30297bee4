"""Operations that one call begins and another ends, found again by a name."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

from modeltally.instrument._lock import Lock

if TYPE_CHECKING:
    from modeltally.instrument.manual import ManualOperation

__all__ = ["OpenOperations"]

MAX_OPEN: Final = 10_000


class OpenOperations:
    """What has begun and not ended; of more than ten thousand the oldest is let go, and so counts as cancelled."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: OrderedDict[object, deque[ManualOperation]] = OrderedDict()
        self._count = 0

    def add(self, name: object, operation: ManualOperation) -> None:
        """Keep an operation under a name; several may have the same."""
        dropped = None
        for _ in self._lock.taken:
            try:
                self._open.setdefault(name, deque()).append(operation)
                self._count += 1
                if self._count > MAX_OPEN:
                    dropped = self._take_locked(next(iter(self._open)))
            finally:
                self._lock.release()
            break
        if dropped is not None:
            dropped.cancel()

    def to_start(self, name: object) -> ManualOperation | None:
        """Give the first under a name that still waits, else the last that does not, and keep it."""
        for _ in self._lock.taken:
            try:
                kept = self._open.get(name)
                return next((one for one in kept if one.is_waiting), kept[-1]) if kept else None
            finally:
                self._lock.release()
        return None

    def take(self, name: object) -> ManualOperation | None:
        """Give the one that was first added under a name, and forget it."""
        for _ in self._lock.taken:
            try:
                return self._take_locked(name)
            finally:
                self._lock.release()
        return None

    def _take_locked(self, name: object) -> ManualOperation | None:
        waiting = self._open.get(name)
        if not waiting:
            return None
        operation = waiting.popleft()
        self._count -= 1
        if not waiting:
            del self._open[name]
        return operation
