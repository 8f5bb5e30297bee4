"""How often: totals, rates by the window's length, and how many contexts and users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeltally.analytics.reducer.calendar import DAY_SECONDS, HOUR_SECONDS, by_day
from modeltally.analytics.reducer.contract import UsageFrequencyMetrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.analytics.reducer.records import Columns

__all__ = ["frequency", "users_of"]


def frequency(
    columns: Columns, hours: Mapping[int, int], users: list[str | None], *, since: float, until: float
) -> UsageFrequencyMetrics:
    """Say how often.

    A day, week or month is 1, 7 or 30 times the executions per day of the window's whole length, empty days included.

    Args:
        columns: The executions of the window.
        hours: The same counted by hours since 1970.
        users: Who they were for, each; none where nobody is known.
        since: The window's begin, seconds since 1970.
        until: Its end.

    Returns:
        The metrics.
    """
    per_day = len(columns) / ((until - since) / DAY_SECONDS)
    return UsageFrequencyMetrics(
        total_executions=len(columns),
        executions_per_day=per_day,
        executions_per_week=per_day * 7,
        executions_per_month=per_day * 30,
        unique_contexts=_different(_either(columns.context_ids, columns.context_types)),
        unique_users=_different(users),
        peak_daily_usage=max(by_day(hours).values(), default=0),
        time_since_last_use=(until - max(columns.starts)) / HOUR_SECONDS if columns.starts else None,
    )


def users_of(columns: Columns) -> list[str | None]:
    """Give each execution's user, or its agent where it has no user; an empty list where nobody has either."""
    return _either(columns.users, columns.agents)


def _either(first: list[str | None], second: list[str | None]) -> list[str | None]:
    if not first or not second:
        return first or second
    return [one or other for one, other in zip(first, second, strict=True)]


def _different(names: list[str | None]) -> int:
    return len(set(names) - {None})
