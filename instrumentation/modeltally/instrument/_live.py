"""The last hour of this process in memory: counts, outcomes, durations and what is running.

The calling thread appends one tuple; the background thread, or whoever asks, folds tuples into minutes. Counts cover
the hour; durations are those of the last 1,000 finished operations of each subject within it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._lock import Lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modeltally.instrument._record import Record
    from modeltally.instrument._scalars import Stored

__all__ = ["Live", "LiveFigures"]

WINDOW_MINUTES: Final = 60
MAX_DURATIONS: Final = 1000
MAX_SUBJECTS: Final = 512
OTHER: Final = "(other)"  # all subjects beyond MAX_SUBJECTS together
MINUTE_NS: Final = 60 * 10**9
# So many wait to be folded; beyond, each append folds two, so that memory is bounded whatever the other thread does.
MAX_PENDING: Final = 4096

_Ended = tuple[str, "Stored | None", str, int, int]  # operation, subject, outcome, end and start in nanoseconds
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """One subject's last hour in this process.

    Attributes:
        operations: Ended within the hour, whatever the outcome.
        outcomes: How many of them, by outcome.
        success_rate: Successes and half of the partial successes among all but the cancelled; None without any.
        in_flight: Running now.
        durations: How many durations the following figures are of: the last 1,000 within the hour, cancelled
            operations excluded.
        mean_ms: Their mean in milliseconds; None without any, as the next.
        p50_ms: Median, nearest rank.
        p95_ms: 95th percentile, nearest rank.
        max_ms: The longest.
    """

    operations: int
    outcomes: Mapping[str, int]
    success_rate: float | None
    in_flight: int
    durations: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    max_ms: float | None


class _Subject:
    """One subject's minutes and latest durations."""

    __slots__ = ("latest", "minutes")

    def __init__(self) -> None:
        self.minutes: dict[int, dict[str, int]] = {}
        self.latest: deque[tuple[int, int]] = deque(maxlen=MAX_DURATIONS)

    def add(self, outcome: str, end_ns: int, duration_ns: int) -> None:
        """Count one operation."""
        minute = end_ns // MINUTE_NS
        counts = self.minutes.get(minute)
        if counts is None:
            self.forget(minute - WINDOW_MINUTES)
            counts = self.minutes[minute] = {}
        counts[outcome] = counts.get(outcome, 0) + 1
        if outcome != names.CANCELLED:
            self.latest.append((end_ns, duration_ns))

    def forget(self, until_minute: int) -> None:
        """Drop what is older than the window."""
        for minute in [minute for minute in self.minutes if minute <= until_minute]:
            del self.minutes[minute]


class Live:
    """Recent operations of one process; safe to use from several threads."""

    def __init__(self, *, clock_ns: Callable[[], int] | None = None) -> None:
        """Start empty.

        Args:
            clock_ns: The time that the window ends at, in nanoseconds since the epoch; None for that of operations.
        """
        self._clock_ns = clock_ns
        self._pending: deque[_Ended] = deque()
        self._subjects: dict[Key, _Subject] = {}
        self._cleared_minute = 0
        self._lock = Lock()  # a signal handler may ask while we answer

    def add(self, record: Record) -> None:
        """Note an operation that ended; in the calling thread."""
        values, pending = record.values, self._pending
        subject = values.get(names.MODEL_KEYWORD) or values.get(names.PATTERN_NAME_KEYWORD)
        pending.append((record.operation, subject, record.outcome, record.end_ns, record.start_ns))
        if len(pending) > MAX_PENDING:
            self.fold(limit=2)

    def fold(self, *, limit: int = 2 * MAX_PENDING) -> None:
        """Fold noted operations into minutes, unless another thread is already doing it."""
        for is_taken in self._lock.tried:
            if not is_taken:
                return
            try:
                for _ in range(min(limit, len(self._pending))):
                    self._fold_one(self._pending.popleft())
            finally:
                self._lock.release()
            break

    def figures(self, operation: str, running: Iterable[Key]) -> dict[str, LiveFigures]:
        """Return the figures of an operation, by subject.

        Args:
            operation: Its kind.
            running: Operation and subject of everything in flight.
        """
        in_flight: dict[str, int] = {}
        for kind, subject in running:
            if kind == operation:
                in_flight[subject] = in_flight.get(subject, 0) + 1
        for _ in self._lock.taken:
            try:
                self.fold()
                minute = (self._clock_ns or _clock.time_ns)() // MINUTE_NS
                self._clear(minute)
                since_ns = (minute - WINDOW_MINUTES + 1) * MINUTE_NS
                figures = {
                    subject: _figures(seen, in_flight.pop(subject, 0), since_ns=since_ns)
                    for (kind, subject), seen in self._subjects.items()
                    if kind == operation
                }
            finally:
                self._lock.release()
            break
        nothing = _Subject()
        figures.update((subject, _figures(nothing, count, since_ns=0)) for subject, count in in_flight.items())
        return figures

    def _fold_one(self, ended: _Ended) -> None:
        operation, stored, outcome, end_ns, start_ns = ended
        subject = stored if isinstance(stored, str) else names.UNKNOWN_MODEL
        seen = self._subjects.get((operation, subject))
        if seen is None:
            if len(self._subjects) >= MAX_SUBJECTS:
                minute = end_ns // MINUTE_NS
                if minute != self._cleared_minute:  # once a minute: it looks at all of them
                    self._clear(minute)
                subject = subject if len(self._subjects) < MAX_SUBJECTS else OTHER
            seen = self._subjects.setdefault((operation, subject), _Subject())
        seen.add(outcome, end_ns, end_ns - start_ns)

    def _clear(self, minute: int) -> None:
        """Drop what is older than the window, then subjects that are empty."""
        self._cleared_minute = minute
        for key, seen in list(self._subjects.items()):
            seen.forget(minute - WINDOW_MINUTES)
            if not seen.minutes:
                del self._subjects[key]


def _figures(seen: _Subject, in_flight: int, *, since_ns: int) -> LiveFigures:
    outcomes: dict[str, int] = {}
    for counts in seen.minutes.values():
        for outcome, count in counts.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + count
    operations = sum(outcomes.values())
    rated = operations - outcomes.get(names.CANCELLED, 0)
    good = outcomes.get(names.SUCCESS, 0) + outcomes.get(names.PARTIAL_SUCCESS, 0) / 2
    durations = sorted(duration_ns / 1e6 for end_ns, duration_ns in seen.latest if end_ns >= since_ns)
    return LiveFigures(
        operations=operations,
        outcomes=outcomes,
        success_rate=good / rated if rated else None,
        in_flight=in_flight,
        durations=len(durations),
        mean_ms=math.fsum(durations) / len(durations) if durations else None,
        p50_ms=_nearest_rank(durations, 0.5),
        p95_ms=_nearest_rank(durations, 0.95),
        max_ms=durations[-1] if durations else None,
    )


def _nearest_rank(ordered: list[float], quantile: float) -> float | None:
    return ordered[math.ceil(quantile * len(ordered)) - 1] if ordered else None
