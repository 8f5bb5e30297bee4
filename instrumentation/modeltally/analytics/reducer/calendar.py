"""Executions by UTC hour and day: whole numbers, counted since 1970, from which every series is made."""

from __future__ import annotations

from collections import Counter
from itertools import repeat
from operator import floordiv
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.analytics.reducer.records import Columns

__all__ = ["DAY_SECONDS", "HOURS_OF_DAY", "HOURS_OF_WEEK", "HOUR_SECONDS", "by_day", "by_hour", "weekday"]

HOUR_SECONDS: Final = 3600
DAY_SECONDS: Final = 86_400
HOURS_OF_DAY: Final = 24
HOURS_OF_WEEK: Final = 168
_THURSDAY: Final = 3  # 1970-01-01


def by_hour(columns: Columns) -> Counter[int]:
    """Count executions by hour.

    Args:
        columns: The executions of a window.

    Returns:
        Counts by hours since 1970, without the empty ones.
    """
    # starts lie after 1970: what ``int`` cuts off is what floor would
    return Counter(map(floordiv, map(int, columns.starts), repeat(HOUR_SECONDS)))


def by_day(hours: Mapping[int, int]) -> Counter[int]:
    """Add hours up to days.

    Args:
        hours: Counts by hours since 1970.

    Returns:
        Counts by days since 1970, without the empty ones.
    """
    days: Counter[int] = Counter()
    for hour, count in hours.items():
        days[hour // HOURS_OF_DAY] += count
    return days


def weekday(day: int) -> int:
    """Say which day of the week it is.

    Args:
        day: Days since 1970.

    Returns:
        0 (Monday) to 6.
    """
    return (day + _THURSDAY) % 7
