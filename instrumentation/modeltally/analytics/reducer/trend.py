"""Which way it goes: a straight line through the counts of whole days, and whether chance would draw it too.

The class goes by a test, not by a fixed slope: thresholds on the slope call most steady series growing or declining as
soon as they are busy. The test is that of a Poisson regression with a dispersion estimated from the series itself
(quasi-Poisson: McCullagh and Nelder, Generalized Linear Models, 1989, chapter 6), which also holds for counts that vary
more than chance alone; t is turned into a normal value by Wallace's formula (Annals of Mathematical Statistics 30,
1959), so that SQL can say the same. ``make bench-trends`` shows how often it errs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modeltally.analytics.reducer.calendar import DAY_SECONDS, HOUR_SECONDS, by_day
from modeltally.analytics.reducer.contract import TrendAnalysis, TrendBucket, UsageTrendType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.analytics.reducer.records import Columns

__all__ = ["ALPHA", "Series", "chance_of_slope", "seed_type", "series_of", "slope", "trend", "trend_type"]

# the chance below which a line counts as none of chance's: simulated steady series are then called growing or declining
# in at most 5 of 100 cases
ALPHA: Final = 0.04
_DAYS_NEEDED: Final = 3
_WEEK_SECONDS: Final = 7 * DAY_SECONDS
_FEW: Final = 10


@dataclass(frozen=True, slots=True)
class Series:
    """Counts of equal buckets, oldest first; empty ones are not stored, so that a century costs no more than a day.

    Attributes:
        bucket: What a bucket is.
        first: The number of the first bucket since 1970.
        length: How many buckets there are.
        counts: Counts by place, 0 the oldest; none is zero.
    """

    bucket: TrendBucket
    first: int
    length: int
    counts: Mapping[int, int]

    @property
    def total(self) -> int:
        """How many executions it holds."""
        return sum(self.counts.values())

    @property
    def half(self) -> int:
        """How many buckets a half has; the middle one of an odd number is in neither."""
        return self.length // 2

    def older(self) -> Series:
        """Give its first half."""
        return self._part(0)

    def newer(self) -> Series:
        """Give its last half."""
        return self._part(self.length - self.half)

    def _part(self, begin: int) -> Series:
        inside = {at - begin: count for at, count in self.counts.items() if begin <= at < begin + self.half}
        return Series(self.bucket, self.first + begin, self.half, inside)


def trend(
    columns: Columns, hours: Mapping[int, int], users: Sequence[str | None], *, since: float, until: float
) -> TrendAnalysis:
    """Say which way it goes.

    Args:
        columns: The executions of the window.
        hours: The same counted by hours since 1970.
        users: Who they were for, each; none where nobody is known.
        since: The window's begin, seconds since 1970.
        until: Its end.

    Returns:
        The trend.
    """
    series = series_of(hours, since=since, until=until)
    older, newer = series.older(), series.newer()
    velocity = slope(series)
    chance = chance_of_slope(series)
    slopes = slope(older), slope(newer)
    adoption, retention = _users(columns, users, older, newer)
    return TrendAnalysis(
        trend_type=trend_type(series, chance),
        velocity=velocity,
        acceleration=None if slopes[0] is None or slopes[1] is None else slopes[1] - slopes[0],
        adoption_rate=adoption,
        retention_rate=retention,
        churn_rate=None if retention is None else 1.0 - retention,
        growth_percentage=100 * (newer.total - older.total) / older.total if older.total else None,
        confidence_score=None if chance is None else 1.0 - chance,
        seed_trend_type=seed_type(series.total, velocity),
        bucket=series.bucket,
        bucket_count=series.length,
        bucketed_executions=series.total,
    )


def series_of(hours: Mapping[int, int], *, since: float, until: float) -> Series:
    """Make the series of a window: its whole UTC days, or its whole hours where it is shorter than three days.

    Args:
        hours: Counts by hours since 1970.
        since: The window's begin, seconds since 1970.
        until: Its end.

    Returns:
        The series; what lies in the ragged ends of the window is in no bucket.
    """
    is_long = until - since >= _DAYS_NEEDED * DAY_SECONDS
    bucket, seconds = (TrendBucket.DAY, DAY_SECONDS) if is_long else (TrendBucket.HOUR, HOUR_SECONDS)
    first, end = math.ceil(since / seconds), math.floor(until / seconds)
    length = max(0, end - first)
    counts = by_day(hours) if is_long else hours
    return Series(bucket, first, length, {at - first: count for at, count in counts.items() if first <= at < end})


def slope(series: Series) -> float | None:
    """Give the least-squares slope, in executions per bucket, per bucket; None for fewer than two buckets."""
    sums = _sums(series)
    return sums.xy / sums.xx if sums.xx else None


def chance_of_slope(series: Series) -> float | None:
    """Give the chance that a steady series has so steep a line.

    Args:
        series: Counts of buckets.

    Returns:
        The p-value of the slope, two-sided; None for fewer than three buckets or without executions.
    """
    n, sums = series.length, _sums(series)
    if n < 3 or not sums.y:  # noqa: PLR2004 - two points always lie on a line
        return None
    mean = sums.y / n
    residual = max(0.0, (sums.yy - sums.xy * sums.xy / sums.xx) / n)
    # counts vary at least as chance has it: less than that is luck
    dispersion = max(1.0, residual / (n - 2) / mean)
    t = (sums.xy / sums.xx) / math.sqrt(dispersion * mean * n / sums.xx)
    freedom = n - 2
    normal = (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom))
    return math.erfc(normal / math.sqrt(2))


def trend_type(series: Series, chance: float | None) -> UsageTrendType | None:
    """Name the trend, the first that fits.

    Args:
        series: Counts of buckets.
        chance: The chance of its slope.

    Returns:
        Its class; None without executions.
    """
    if not series.total:
        return None
    if series.older().total and not series.newer().total:
        return UsageTrendType.ABANDONED
    # begun in the newest third
    if series.total < _FEW and 3 * min(series.counts) >= 2 * series.length:
        return UsageTrendType.EMERGING
    if chance is not None and chance < ALPHA:
        return UsageTrendType.GROWING if (slope(series) or 0.0) > 0 else UsageTrendType.DECLINING
    return UsageTrendType.STABLE


def seed_type(executions: int, velocity: float | None) -> UsageTrendType:
    """Name the trend by the fixed thresholds of the seed design, the first that fits.

    Args:
        executions: How many there are.
        velocity: The slope; none counts as zero.

    Returns:
        Its class.
    """
    velocity = velocity or 0.0
    if velocity < -2.0 and executions < 5:  # noqa: PLR2004 - the seed's thresholds, named nowhere else
        return UsageTrendType.ABANDONED
    if executions < _FEW:
        return UsageTrendType.EMERGING
    if velocity > 0.5:  # noqa: PLR2004 - the same
        return UsageTrendType.GROWING
    return UsageTrendType.DECLINING if velocity < -0.5 else UsageTrendType.STABLE  # noqa: PLR2004 - the same


@dataclass(frozen=True, slots=True)
class _Sums:
    """Whole-number sums of a series, each times its length where a mean is taken off."""

    y: int
    xx: int
    xy: int
    yy: int


def _sums(series: Series) -> _Sums:
    n, counts = series.length, series.counts
    x, squares = n * (n - 1) // 2, n * (n - 1) * (2 * n - 1) // 6
    y = sum(counts.values())
    return _Sums(
        y=y,
        xx=n * squares - x * x,
        xy=n * sum(at * count for at, count in counts.items()) - x * y,
        yy=n * sum(count * count for count in counts.values()) - y * y,
    )


def _users(
    columns: Columns, users: Sequence[str | None], older: Series, newer: Series
) -> tuple[float | None, float | None]:
    if not older.length:
        return None, None
    before, after = _users_within(columns, users, older), _users_within(columns, users, newer)
    weeks = newer.length * _seconds(newer) / _WEEK_SECONDS
    return len(after - before) / weeks, len(after & before) / len(before) if before else None


def _users_within(columns: Columns, users: Sequence[str | None], series: Series) -> set[str | None]:
    since = series.first * _seconds(series)
    until = since + series.length * _seconds(series)
    if not users:
        return set()
    return {user for start, user in zip(columns.starts, users, strict=True) if since <= start < until} - {None}


def _seconds(series: Series) -> int:
    return DAY_SECONDS if series.bucket == TrendBucket.DAY else HOUR_SECONDS
