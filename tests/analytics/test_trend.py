"""A trend is the line through whole days, told from chance; each class has its case, each figure its None."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.analytics.reducer import (
    ModelUsageAnalyticsInput,
    TrendAnalysis,
    TrendBucket,
    UsageTrendType,
    execute_reduction,
)
from modeltally.analytics.reducer.trend import Series, chance_of_slope, seed_type, slope, trend_type

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2026, 10, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def trend_of(
    counts: Sequence[int],
    *,
    step: timedelta = DAY,
    users: Sequence[Sequence[str]] = (),
    ragged: timedelta = timedelta(0),
) -> TrendAnalysis:
    """Give the trend of so many executions in each bucket, or of one for each user."""
    names: list[list[Any]] = [list(of) for of in users] or [[None] * count for count in counts]
    executions = [
        {"timestamp": START + at * step + timedelta(seconds=place), "success": True, "user": name}
        for at, of in enumerate(names)
        for place, name in enumerate(of)
    ]
    figures = execute_reduction(
        ModelUsageAnalyticsInput(
            pattern_id="p",
            time_window_start=START - ragged,
            time_window_end=START + len(names) * step + ragged,
            execution_data=executions,
        )
    )
    assert figures.trend_analysis is not None
    return figures.trend_analysis


def series(counts: Sequence[int]) -> Series:
    """Make a series of days."""
    return Series(TrendBucket.DAY, 0, len(counts), {at: count for at, count in enumerate(counts) if count})


@pytest.mark.parametrize("counts", [[1, 2, 3, 4], [5, 0, 0, 9, 2, 7, 7], [0, 0, 1], [4, 4, 4], list(range(40, 0, -2))])
def test_velocity_is_the_least_squares_slope(counts: list[int]) -> None:
    """The slope is the one Python's statistics give, days without use counted as zero."""
    expected = statistics.linear_regression(range(len(counts)), counts).slope
    assert trend_of(counts).velocity == pytest.approx(expected, abs=1e-12)
    half = len(counts) // 2
    if half >= 2:
        slopes = [
            statistics.linear_regression(range(half), part).slope
            for part in (counts[:half], counts[len(counts) - half :])
        ]
        assert trend_of(counts).acceleration == pytest.approx(slopes[1] - slopes[0], abs=1e-12)


def test_chance_is_that_of_a_poisson_line() -> None:
    """The chance follows its formula, and is near one for a flat line and near none for a steep one."""
    counts = [3, 5, 4, 6, 8, 7, 9, 12]
    n, mean = len(counts), statistics.mean(counts)
    line = statistics.linear_regression(range(n), counts)
    rest = sum((count - line.intercept - line.slope * at) ** 2 for at, count in enumerate(counts))
    dispersion = max(1.0, rest / (n - 2) / mean)
    t = line.slope / math.sqrt(dispersion * mean / sum((at - 3.5) ** 2 for at in range(n)))
    normal = (8 * (n - 2) + 1) / (8 * (n - 2) + 3) * math.sqrt((n - 2) * math.log(1 + t * t / (n - 2)))
    assert chance_of_slope(series(counts)) == pytest.approx(2 * (1 - statistics.NormalDist().cdf(normal)), rel=1e-9)
    assert chance_of_slope(series([4] * 30)) == pytest.approx(1.0)
    assert (chance_of_slope(series([at * at for at in range(30)])) or 1.0) < 1e-9


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([0] * 10, None),
        ([5, 5, 5, 5, 5, 0, 0, 0, 0, 0], UsageTrendType.ABANDONED),
        ([1, 0, 0, 0], UsageTrendType.ABANDONED),
        ([0, 0, 0, 0, 0, 0, 3, 2, 4], UsageTrendType.EMERGING),
        ([0, 0, 0, 0, 0, 0, 3, 3, 4], UsageTrendType.GROWING),
        ([0, 0, 0, 0, 0, 3, 0, 2, 4], UsageTrendType.GROWING),
        ([1, 0, 0, 0, 0, 0, 3, 2, 3], UsageTrendType.GROWING),
        ([0, 0, 1, 2, 0, 1, 0, 1, 0], UsageTrendType.STABLE),
        ([10, 12, 9, 11, 10, 10, 12], UsageTrendType.STABLE),
        ([1, 2, 4, 8, 16, 32], UsageTrendType.GROWING),
        ([32, 16, 8, 4, 2, 1], UsageTrendType.DECLINING),
        ([0, 7], UsageTrendType.STABLE),
        ([7], UsageTrendType.STABLE),
    ],
)
def test_class_is_the_first_that_fits(counts: list[int], expected: UsageTrendType | None) -> None:
    """Abandoned before emerging, emerging before growing and declining, stable else; none without executions."""
    assert trend_type(series(counts), chance_of_slope(series(counts))) is expected


@pytest.mark.parametrize(
    ("executions", "velocity", "expected"),
    [
        (4, -2.1, UsageTrendType.ABANDONED),
        (5, -2.1, UsageTrendType.EMERGING),
        (9, 3.0, UsageTrendType.EMERGING),
        (10, 0.51, UsageTrendType.GROWING),
        (10, 0.5, UsageTrendType.STABLE),
        (10, -0.5, UsageTrendType.STABLE),
        (10, -0.51, UsageTrendType.DECLINING),
        (10, None, UsageTrendType.STABLE),
        (0, None, UsageTrendType.EMERGING),
    ],
)
def test_seeds_class_goes_by_its_fixed_slopes(
    executions: int, velocity: float | None, expected: UsageTrendType
) -> None:
    """The seed's own rule stands beside ours with its own thresholds."""
    assert seed_type(executions, velocity) is expected


def test_users_come_stay_and_go() -> None:
    """New users of the newer half count per week, those of the older seen again are kept; the middle is in neither."""
    found = trend_of([], users=[["a"], ["b", "c"], ["middle"], ["a", "d"], ["e", "b"]])
    assert found.adoption_rate == pytest.approx(2 / (2 / 7))
    assert found.retention_rate == pytest.approx(2 / 3)
    assert found.churn_rate == pytest.approx(1 / 3)
    assert found.growth_percentage == pytest.approx(100 / 3)


def test_what_cannot_be_said_is_none() -> None:
    """A single bucket has no slope and no halves; two have halves without slopes; an empty older half has no growth."""
    one = trend_of([5], step=timedelta(hours=1))
    assert (one.velocity, one.acceleration, one.adoption_rate, one.retention_rate) == (None, None, None, None)
    assert (one.growth_percentage, one.confidence_score, one.bucket_count) == (None, None, 1)
    two = trend_of([5, 6], step=timedelta(hours=1))
    assert (two.velocity, two.acceleration, two.growth_percentage) == (1.0, None, 20.0)
    assert trend_of([0, 0, 5, 6]).growth_percentage is None


def test_short_windows_are_counted_by_hours() -> None:
    """A window shorter than three days is counted by whole hours, one of three days by whole days."""
    assert trend_of([1] * 71, step=timedelta(hours=1)).bucket is TrendBucket.HOUR
    days = trend_of([1] * 72, step=timedelta(hours=1))
    assert (days.bucket, days.bucket_count) == (TrendBucket.DAY, 3)


def test_ragged_ends_are_in_no_bucket() -> None:
    """Days that the window holds in part are left out, with their executions and users."""
    found = trend_of([9, 1, 2, 3, 9], step=DAY, ragged=-timedelta(seconds=2))
    assert (found.bucket_count, found.bucketed_executions) == (3, 6)
    assert found.velocity == 1.0


def test_a_century_costs_no_more_than_a_day() -> None:
    """Empty buckets are not stored: ten thousand years are as quick as a week, and sums are exact."""
    figures = execute_reduction(
        ModelUsageAnalyticsInput(
            pattern_id="p",
            time_window_start=datetime(1, 1, 1, tzinfo=UTC),
            time_window_end=datetime(9999, 1, 1, tzinfo=UTC),
            execution_data=[{"timestamp": START + at * DAY, "success": True} for at in range(30)],
        )
    )
    assert figures.trend_analysis is not None
    assert figures.trend_analysis.bucket_count == 3_651_694
    assert figures.trend_analysis.trend_type is UsageTrendType.ABANDONED
    assert slope(series([0] * 1000 + [1])) == pytest.approx(
        statistics.linear_regression(range(1001), [0] * 1000 + [1]).slope
    )
