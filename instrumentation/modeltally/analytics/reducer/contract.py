"""What goes into a reduction and what comes out: names of fields and of enum members are those of the seed design."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.analytics.reducer.records import Execution

__all__ = [
    "WINDOW_LENGTHS",
    "AnalyticsGranularity",
    "ContextDistribution",
    "Forecast",
    "ForecastBasis",
    "ForecastHour",
    "ModelUsageAnalyticsInput",
    "ModelUsageAnalyticsOutput",
    "PerformanceMetrics",
    "SuccessMetrics",
    "TimeWindowType",
    "TrendAnalysis",
    "TrendBucket",
    "UsageFrequencyMetrics",
    "UsageTrendType",
    "as_json",
]


class TimeWindowType(enum.StrEnum):
    """How long a window is."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"
    ALL_TIME = "all_time"


WINDOW_LENGTHS: Final = {
    TimeWindowType.HOURLY: timedelta(hours=1),
    TimeWindowType.DAILY: timedelta(days=1),
    TimeWindowType.WEEKLY: timedelta(days=7),
    TimeWindowType.MONTHLY: timedelta(days=30),
    TimeWindowType.QUARTERLY: timedelta(days=90),
    TimeWindowType.YEARLY: timedelta(days=365),
}


class AnalyticsGranularity(enum.StrEnum):
    """How much is computed: usage and success alone, the parts that are switched on, or those and a forecast."""

    SUMMARY = "summary"
    DETAILED = "detailed"
    COMPREHENSIVE = "comprehensive"


class UsageTrendType(enum.StrEnum):
    """Which way usage goes."""

    GROWING = "growing"
    STABLE = "stable"
    DECLINING = "declining"
    EMERGING = "emerging"
    ABANDONED = "abandoned"


class TrendBucket(enum.StrEnum):
    """What the series of a trend is counted by."""

    DAY = "day"
    HOUR = "hour"


class ForecastBasis(enum.StrEnum):
    """Which hours of the past a forecast goes by."""

    HOUR_OF_WEEK = "hour_of_week"
    HOUR_OF_DAY = "hour_of_day"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsageAnalyticsInput:
    """What a reduction is asked.

    Attributes:
        pattern_id: What the executions are of; it is handed through.
        time_window_start: Where the window begins, aware; None: the window's type back from its end, or with the first
            execution where the type is all_time or not given.
        time_window_end: Where it ends, aware, itself not in it; None: just after the last execution.
        time_window_type: What the window is called; None: the shortest type that holds it.
        granularity: How much is computed.
        include_trends: Compute the trend; summary computes none.
        include_performance: Compute the durations; summary computes none.
        include_distribution: Count by context, agent, project, file type, hour and weekday; summary counts none.
        include_predictions: Forecast the next seven days; comprehensive always does.
        execution_data: The executions, in any order: mappings or :class:`Execution`. Those outside the window are
            left out.
        correlation_id: It is handed through.
        known_loss_share: The share of all executions that is known to be missing, 0 to 1.
    """

    pattern_id: UUID | str
    time_window_start: datetime | None = None
    time_window_end: datetime | None = None
    time_window_type: TimeWindowType | None = None
    granularity: AnalyticsGranularity = AnalyticsGranularity.DETAILED
    include_trends: bool = True
    include_performance: bool = True
    include_distribution: bool = True
    include_predictions: bool = False
    execution_data: Sequence[Mapping[str, Any] | Execution] = ()
    correlation_id: UUID | str | None = None
    known_loss_share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageFrequencyMetrics:
    """How often.

    Attributes:
        total_executions: Executions that began in the window.
        executions_per_day: The same per day of the window's length.
        executions_per_week: Seven times that.
        executions_per_month: Thirty times that.
        unique_contexts: Different context ids, or context types of executions that have no id.
        unique_users: Different users, or agents of executions that have no user.
        peak_daily_usage: The most on one UTC day.
        time_since_last_use: Hours from the last start to the window's end; None without any.
    """

    total_executions: int
    executions_per_day: float
    executions_per_week: float
    executions_per_month: float
    unique_contexts: int
    unique_users: int
    peak_daily_usage: int
    time_since_last_use: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessMetrics:
    """How well.

    Attributes:
        success_count: Those that ended well.
        failure_count: Those that failed or raised an error.
        success_rate: Successes, and half of the partial ones, among the rated; None without any.
        error_rate: Errors and abandoned ones among the rated; None without any.
        timeout_count: Those whose error type is ``timeout``.
        quality_gate_failures: Those whose error type is ``quality_gate``.
        avg_quality_score: Mean quality of those that were judged; None without any.
        partial_success_count: Those that ended well in part.
        error_count: Those that raised an error.
        cancelled_count: Those that were cancelled.
        abandoned_count: Those whose end was never seen.
        in_flight_count: Those that may still be running.
        rated_count: All but those cancelled and in flight: what the rates are shares of.
        judged_count: How many have a quality.
    """

    success_count: int
    failure_count: int
    success_rate: float | None
    error_rate: float | None
    timeout_count: int
    quality_gate_failures: int
    avg_quality_score: float | None
    partial_success_count: int
    error_count: int
    cancelled_count: int
    abandoned_count: int
    in_flight_count: int
    rated_count: int
    judged_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceMetrics:
    """How fast; None where nothing was timed.

    Attributes:
        avg_execution_time_ms: Mean.
        p50_execution_time_ms: Median, by nearest rank as the other quantiles.
        p95_execution_time_ms: All but 5 of 100 took at most so long.
        p99_execution_time_ms: All but 1 of 100 took at most so long.
        min_execution_time_ms: The shortest.
        max_execution_time_ms: The longest.
        std_dev_ms: Sample standard deviation; None for fewer than two.
        total_execution_time_ms: All together.
        timed_count: How many were timed: finished, not cancelled, with a duration.
    """

    avg_execution_time_ms: float | None
    p50_execution_time_ms: float | None
    p95_execution_time_ms: float | None
    p99_execution_time_ms: float | None
    min_execution_time_ms: float | None
    max_execution_time_ms: float | None
    std_dev_ms: float | None
    total_execution_time_ms: float
    timed_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendAnalysis:
    """Which way it goes.

    Attributes:
        trend_type: The class, by a test of significance; None without executions.
        velocity: Slope of the series: executions per bucket, per bucket; None for fewer than two buckets.
        acceleration: Slope of the newer half less that of the older; None where a half has fewer than two buckets.
        adoption_rate: Users of the newer half that the older has not, per week; None where there are no halves.
        retention_rate: Share of the older half's users seen again in the newer; None without any.
        churn_rate: What is missing to one.
        growth_percentage: The newer half against the older; None where the older is empty.
        confidence_score: One less the chance that a steady series looks so; None where that cannot be said.
        seed_trend_type: The class by the fixed thresholds of the seed design, beside it.
        bucket: What the series is counted by: whole UTC days; hours where the window is shorter than three days.
        bucket_count: How long the series is.
        bucketed_executions: How many executions it holds: those of the window's ragged ends are left out.
    """

    trend_type: UsageTrendType | None
    velocity: float | None
    acceleration: float | None
    adoption_rate: float | None
    retention_rate: float | None
    churn_rate: float | None
    growth_percentage: float | None
    confidence_score: float | None
    seed_trend_type: UsageTrendType
    bucket: TrendBucket
    bucket_count: int
    bucketed_executions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextDistribution:
    """Where and when; only what was said is counted, hours and weekdays whole, in UTC.

    Attributes:
        by_context_type: Executions by context type, most first.
        by_agent: By agent.
        by_project: By project.
        by_file_type: By file type.
        by_time_of_day: By hour, 0 to 23.
        by_day_of_week: By weekday, 0 (Monday) to 6.
    """

    by_context_type: dict[str, int]
    by_agent: dict[str, int]
    by_project: dict[str, int]
    by_file_type: dict[str, int]
    by_time_of_day: dict[int, int]
    by_day_of_week: dict[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastHour:
    """One hour to come.

    Attributes:
        starts_at: When it begins, UTC.
        expected: Executions expected.
        low: The least of the interval in which four of five hours lie.
        high: The most of it; both belong to it.
    """

    starts_at: datetime
    expected: float
    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The next seven days by hour.

    Attributes:
        basis: Which hours of the past it goes by.
        periods: How many weeks (hour of the week) or days (hour of the day) of them.
        hours: 168 hours, the first whole one at or after the window's end first.
    """

    basis: ForecastBasis
    periods: int
    hours: tuple[ForecastHour, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsageAnalyticsOutput:
    """What a reduction says of one window; what was not asked for is None.

    Attributes:
        pattern_id: As it was given.
        time_window_start: Where the window begins, UTC.
        time_window_end: Where it ends, UTC; itself not in it.
        time_window_type: What it is called.
        usage_metrics: How often.
        success_metrics: How well.
        performance_metrics: How fast.
        trend_analysis: Which way it goes.
        context_distribution: Where and when.
        predictions: The next seven days; None too where there are less than two whole days to go by.
        total_data_points: Executions in the window: what all figures are of.
        analytics_quality_score: How far the figures can be trusted, 0 to 1.
        computation_time_ms: How long it took; None from the pure function, which reads no clock.
        correlation_id: As it was given.
        left_out: Executions that were given and lie outside the window.
    """

    pattern_id: UUID | str
    time_window_start: datetime
    time_window_end: datetime
    time_window_type: TimeWindowType
    usage_metrics: UsageFrequencyMetrics
    success_metrics: SuccessMetrics
    performance_metrics: PerformanceMetrics | None
    trend_analysis: TrendAnalysis | None
    context_distribution: ContextDistribution | None
    predictions: Forecast | None
    total_data_points: int
    analytics_quality_score: float
    computation_time_ms: float | None
    correlation_id: UUID | str | None
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can hold: times as ISO 8601 in UTC, ids and keys as text."""
        plain = as_json(self)
        assert isinstance(plain, dict)  # noqa: S101 - a dataclass becomes one
        return plain


def as_json(value: object) -> Any:
    """Turn dataclasses, enums, times, ids and what holds them into what JSON can hold.

    Args:
        value: Any of them.

    Returns:
        The same as dictionaries with text for keys, lists, texts and numbers.
    """
    if is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [as_json(inner) for inner in value]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, UUID) else value
