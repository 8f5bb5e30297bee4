"""The half-open window of a reduction: ``start <= t < end``, in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from modeltally.analytics.reducer.contract import WINDOW_LENGTHS, TimeWindowType
from modeltally.errors import InputError

if TYPE_CHECKING:
    from modeltally.analytics.reducer.records import Columns

__all__ = ["ReductionWindow", "type_named", "window_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReductionWindow:
    """A window whose ends and name are known."""

    start: datetime
    end: datetime
    kind: TimeWindowType

    @property
    def since(self) -> float:
        """Its begin in seconds since 1970."""
        return self.start.timestamp()

    @property
    def until(self) -> float:
        """Its end in seconds since 1970."""
        return self.end.timestamp()


def window_of(
    start: datetime | None, end: datetime | None, kind: TimeWindowType | str | None, columns: Columns
) -> ReductionWindow:
    """Complete a window.

    Args:
        start: Its begin, aware; None: its type back from the end, else with the first execution.
        end: Its end, aware, itself not in it; None: just after the last execution.
        kind: Its type; None: the shortest that holds it.
        columns: All executions.

    Returns:
        The window.

    Raises:
        InputError: It is empty, has no time zone or no such type, or has to come from executions and there are none.
    """
    named = None if kind is None else type_named(kind)
    end_at = _utc("time_window_end", end) if end is not None else _moment(columns, is_last=True)
    length = WINDOW_LENGTHS.get(named) if named is not None else None
    if start is not None:
        start_at = _utc("time_window_start", start)
    elif length is not None:
        start_at = _back(end_at, length)
    else:
        start_at = _moment(columns, is_last=False)
    if start_at >= end_at:
        raise InputError(
            f"time_window_start {start_at.isoformat()} is not before time_window_end {end_at.isoformat()}; the window"
            " holds what began at or after its start and before its end"
        )
    return ReductionWindow(start_at, end_at, named or _shortest(end_at - start_at))


def type_named(kind: TimeWindowType | str) -> TimeWindowType:
    """Find a type of window by its name.

    Args:
        kind: The type or its name.

    Returns:
        The type.

    Raises:
        InputError: There is none of that name.
    """
    try:
        return TimeWindowType(kind)
    except ValueError:
        raise InputError(f"time_window_type is {kind!r}; allowed: {', '.join(TimeWindowType)}") from None


def _utc(field: str, moment: datetime) -> datetime:
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise InputError(f"{field} is {moment!r}; give an aware datetime, such as datetime.now(timezone.utc)")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InputError(f"{field} is {moment!r}, which is outside the years 1 to 9999 in UTC") from None


def _back(end: datetime, length: timedelta) -> datetime:
    try:
        return end - length
    except OverflowError:
        raise InputError(f"time_window_end is {end!r}; a window that ends there begins before the year 1") from None


def _moment(columns: Columns, *, is_last: bool) -> datetime:
    if not columns.starts:
        raise InputError(
            "time_window_start and time_window_end are not given, and there is no execution to take them from"
        )
    seconds = max(columns.starts) if is_last else min(columns.starts)
    return _EPOCH + timedelta(microseconds=round(seconds * 1_000_000) + is_last)


def _shortest(length: timedelta) -> TimeWindowType:
    return next((kind for kind, longest in WINDOW_LENGTHS.items() if length <= longest), TimeWindowType.ALL_TIME)
