"""Answers that are kept for as long as what they are of has not changed."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ResultCache"]

T = TypeVar("T")
_MAX_ENTRIES: Final = 1000
_MAX_BYTES: Final = 64 * 1024**2
# of the bytes: what is larger would drive too much out
_LARGEST_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    state: str
    answer: T
    at: float
    size_bytes: int


class ResultCache(Generic[T]):
    """Keeps the answer to a question together with the state of what it was read from.

    An answer is given again while that state is the same, and for a time at most; equal questions that come while one
    is being answered wait for that one. What was used longest ago goes first. Safe to use from several threads.
    """

    def __init__(
        self,
        *,
        ttl_seconds: float,
        size_of: Callable[[T], int],
        is_kept: Callable[[T], bool] = lambda _: True,
        max_entries: int = _MAX_ENTRIES,
        max_bytes: int = _MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start empty.

        Args:
            ttl_seconds: How long an answer is kept at most.
            size_of: Says how many bytes an answer takes, roughly.
            is_kept: Says whether an answer is one to keep.
            max_entries: How many answers are kept at most.
            max_bytes: How many bytes they take at most.
            clock: Counts seconds.
        """
        self._ttl_seconds = ttl_seconds
        self._size_of = size_of
        self._is_kept = is_kept
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept[T]] = OrderedDict()
        self._computing: dict[tuple[str, str], Future[T]] = {}
        self._bytes = self._hits = self._misses = self._pushed_out = 0

    def get(self, question: str, state: str, compute: Callable[[], T]) -> tuple[T, float]:
        """Give the answer to a question.

        Args:
            question: What is asked, with every argument.
            state: The state of what it is read from, looked at before it is read.
            compute: Finds the answer where none is kept.

        Returns:
            The answer, and how many seconds ago it was computed; 0 where that was now.
        """
        with self._lock:
            kept = self._kept.get(question)
            if kept is not None and kept.state == state and (age := self._clock() - kept.at) < self._ttl_seconds:
                self._kept.move_to_end(question)
                self._hits += 1
                return kept.answer, age
            coming = self._computing.get((question, state))
            if coming is None:
                self._misses += 1
                own: Future[T] = Future()
                self._computing[question, state] = own
            else:
                self._hits += 1
        return (coming.result(), 0.0) if coming is not None else (self._compute(question, state, compute, own), 0.0)

    def status(self) -> dict[str, object]:
        """Say how much is kept, and how often it was of use."""
        with self._lock:
            asked = self._hits + self._misses
            return {
                "ttl_seconds": self._ttl_seconds,
                "hits": self._hits,
                "misses": self._misses,
                "hit_rate": self._hits / asked if asked else None,
                "answers": len(self._kept),
                "bytes": self._bytes,
                "pushed_out": self._pushed_out,
            }

    def _compute(self, question: str, state: str, compute: Callable[[], T], own: Future[T]) -> T:
        at = self._clock()
        try:
            answer = compute()
            size, is_kept = self._size_of(answer), self._is_kept(answer)
        except BaseException as error:
            with self._lock:
                del self._computing[question, state]
            own.set_exception(error)
            raise
        with self._lock:
            del self._computing[question, state]
            if is_kept:
                self._keep(question, _Kept(state, answer, at, size))
        own.set_result(answer)
        return answer

    def _keep(self, question: str, kept: _Kept[T]) -> None:
        before = self._kept.pop(question, None)
        self._bytes -= before.size_bytes if before else 0
        if kept.size_bytes > self._max_bytes * _LARGEST_SHARE:
            return
        self._kept[question] = kept
        self._bytes += kept.size_bytes
        while len(self._kept) > self._max_entries or self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size_bytes
            self._pushed_out += 1
