"""Where and when: executions by what was said of them, by hour and by weekday."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from modeltally.analytics.reducer.calendar import HOURS_OF_DAY, weekday
from modeltally.analytics.reducer.contract import ContextDistribution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.analytics.reducer.records import Columns

__all__ = ["distribution"]


def distribution(columns: Columns, hours: Mapping[int, int]) -> ContextDistribution:
    """Say where and when.

    Args:
        columns: The executions of the window.
        hours: The same counted by hours since 1970.

    Returns:
        Counts by name, the most frequent first, then by name; hours and weekdays in their order, zeros included.
    """
    by_time_of_day = dict.fromkeys(range(HOURS_OF_DAY), 0)
    by_day_of_week = dict.fromkeys(range(7), 0)
    for hour, count in hours.items():
        by_time_of_day[hour % HOURS_OF_DAY] += count
        by_day_of_week[weekday(hour // HOURS_OF_DAY)] += count
    return ContextDistribution(
        by_context_type=_counts(columns.context_types),
        by_agent=_counts(columns.agents),
        by_project=_counts(columns.projects),
        by_file_type=_counts(columns.file_types),
        by_time_of_day=by_time_of_day,
        by_day_of_week=by_day_of_week,
    )


def _counts(names: list[str | None]) -> dict[str, int]:
    said = [(name, count) for name, count in Counter(names).items() if name is not None]
    return dict(sorted(said, key=lambda entry: (-entry[1], entry[0])))
