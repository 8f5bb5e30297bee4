"""How often patterns are used over time, in the shape that dashboards of patterns ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.plain import plain
from modeltally.analytics.topics.over_time import TIME
from modeltally.analytics.window import Window
from modeltally.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from modeltally.analytics.statistics import Statistics
    from modeltally.analytics.trust import Trust

__all__ = ["PatternUsageData", "UsageDataPoint", "UsageStatsResponse", "question", "usage_stats"]

_RANGE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)([hdw])")
_LONGEST: Final = timedelta(days=3660)
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageDataPoint:
    """One stretch of time.

    Attributes:
        timestamp: When it begins, UTC.
        count: Runs that began in it.
    """

    timestamp: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternUsageData:
    """One pattern.

    Attributes:
        pattern_id: The pattern, by the name its aliases lead to.
        pattern_name: The same.
        usage_data: Its stretches, the oldest first, those without a run too.
        total_usage: Their runs.
    """

    pattern_id: str
    pattern_name: str
    usage_data: tuple[UsageDataPoint, ...]
    total_usage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageStatsResponse:
    """Patterns over time.

    Attributes:
        patterns: Each pattern.
        time_range: How long a window, as it was asked for.
        granularity: How time is cut.
        total_patterns: How many patterns.
        trust: What it rests on; not in :meth:`to_dict`, whose shape is fixed.
    """

    patterns: tuple[PatternUsageData, ...]
    time_range: str
    granularity: str
    total_patterns: int
    trust: Trust

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can hold: ``patterns``, ``time_range``, ``granularity``, ``total_patterns``."""
        patterns = [
            {
                "pattern_id": one.pattern_id,
                "pattern_name": one.pattern_name,
                "usage_data": [{"timestamp": plain(at.timestamp), "count": at.count} for at in one.usage_data],
                "total_usage": one.total_usage,
            }
            for one in self.patterns
        ]
        told = {"time_range": self.time_range, "granularity": self.granularity, "total_patterns": self.total_patterns}
        return {"patterns": patterns, **told}


def usage_stats(
    statistics: Statistics,
    pattern_id: str | None = None,
    *,
    time_range: str = "7d",
    group_by: str = "day",
    now: datetime | None = None,
) -> UsageStatsResponse:
    """Count the runs of one pattern, or of each, over time.

    Args:
        statistics: What answers.
        pattern_id: The pattern; None: each.
        time_range: How long a window, up to now: a number and h, d or w, such as 1d, 7d, 30d, 90d.
        group_by: hour, day, week or month.
        now: The end of the window, aware; the machine's time when not given.

    Returns:
        The counts.

    Raises:
        InputError: The range is not understood, or cut into more stretches than anybody reads.
        UnknownNameError: Time is not cut like that.
        StoreError: The database refused or failed.
        ServerError: The server could not be asked, or failed.
    """
    window, arguments = question(pattern_id, time_range=time_range, group_by=group_by, now=now)
    answer = statistics.ask(TIME, window, arguments=arguments)
    patterns: dict[str, list[UsageDataPoint]] = {}
    for row in answer.rows:
        point = UsageDataPoint(timestamp=row["begin_at"], count=row["operations"])
        patterns.setdefault(row["subject"], []).append(point)
    return UsageStatsResponse(
        patterns=tuple(
            PatternUsageData(
                pattern_id=name,
                pattern_name=name,
                usage_data=tuple(points),
                total_usage=sum(point.count for point in points),
            )
            for name, points in patterns.items()
        ),
        time_range=time_range,
        granularity=group_by,
        total_patterns=len(patterns),
        trust=answer.trust,
    )


def question(
    pattern_id: str | None, *, time_range: str, group_by: str, now: datetime | None = None
) -> tuple[Window, dict[str, object]]:
    """Give the window and the arguments of the topic ``time`` that :func:`usage_stats` asks.

    Args:
        pattern_id: The pattern; None: each.
        time_range: How long a window, up to now.
        group_by: hour, day, week or month.
        now: The end of the window, aware; the machine's time when not given.

    Raises:
        InputError: The range is not understood.
        UnknownNameError: Time is not cut like that.
    """
    given = {"kind": "pattern", "subject": pattern_id, "bucket": group_by}
    return _window_of(time_range, now), arguments_of(TIME, given, topics=[TIME])


def _window_of(time_range: str, now: datetime | None) -> Window:
    found = _RANGE.fullmatch(time_range)
    if found is None or not float(found[1]):
        raise InputError(f"time_range is {time_range[:80]!r}; allowed: a number and h, d or w, for example 7d")
    length = timedelta(**{_UNITS[found[2]]: float(found[1])})
    if length > _LONGEST:
        raise InputError(f"time_range is {time_range!r}; allowed: at most {_LONGEST.days}d, ten years")
    return Window.last(length, now=now)
