"""The figures of a reduction from what is stored: the same records as the pure reducer's, filled from the views."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from modeltally.analytics.arguments import BY_OR_ALL, OPERATION_OF
from modeltally.analytics.reducer import (
    AnalyticsGranularity,
    ContextDistribution,
    Forecast,
    ForecastBasis,
    ForecastHour,
    ModelUsageAnalyticsInput,
    ModelUsageAnalyticsOutput,
    PerformanceMetrics,
    SuccessMetrics,
    TimeWindowType,
    TrendAnalysis,
    TrendBucket,
    UsageFrequencyMetrics,
    UsageTrendType,
)
from modeltally.analytics.reducer.records import columns_of
from modeltally.analytics.reducer.reduce import checked
from modeltally.analytics.reducer.trend import trend
from modeltally.analytics.reducer.window import ReductionWindow, window_of
from modeltally.analytics.topics.answer_quality import ANSWER_QUALITY
from modeltally.analytics.topics.over_time import FORECAST, TRENDS
from modeltally.analytics.topics.subjects import DISTRIBUTION, FREQUENCY, SPEED, SUCCESS
from modeltally.analytics.topics.usage import STORED
from modeltally.analytics.window import BEGINNING, MOVING, Window
from modeltally.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.analytics.answers import Answer
    from modeltally.analytics.statistics import Statistics
    from modeltally.analytics.topic import R, Topic
    from modeltally.analytics.trust import Trust

__all__ = ["StoredUsageAnalytics", "reduce_stored", "reduce_stored_windows"]

_HOUR_SECONDS: Final = 3600
_NUMBERED: Final = ("by_time_of_day", "by_day_of_week")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUsageAnalytics(ModelUsageAnalyticsOutput):
    """What the store says of one window.

    Attributes:
        trust: What it rests on.
    """

    trust: Trust


def reduce_stored(
    statistics: Statistics, contract: ModelUsageAnalyticsInput, *, kind: str = "pattern"
) -> StoredUsageAnalytics:
    """Give the figures of one pattern, model or other subject from the store.

    Args:
        statistics: What answers.
        contract: The subject as ``pattern_id``, the window and what to compute; executions are not looked at. Without
            an end the window ends now, without a begin and a type it begins with the first thing that is stored.
        kind: What ``pattern_id`` names: pattern, model, project, agent, service, context_type or file_type; ``all``
            is everything, whatever it is called.

    Returns:
        The figures. Quantiles are within 1.1 %, everything else is what the pure reducer says of the same executions.

    Raises:
        InputError: The contract cannot be used; the message says which, why, and what is allowed.
        UnknownNameError: There is no such kind.
        StoreError: The database refused or failed.
        ServerError: The server could not be asked, or failed.
    """
    (figures,) = reduce_stored_windows(statistics, contract, [None], kind=kind)
    return figures


def reduce_stored_windows(
    statistics: Statistics,
    contract: ModelUsageAnalyticsInput,
    windows: Sequence[TimeWindowType | tuple[datetime, datetime] | None],
    *,
    kind: str = "pattern",
) -> list[StoredUsageAnalytics]:
    """Give the figures of several windows.

    Args:
        statistics: What answers.
        contract: As in :func:`reduce_stored`; a type of window counts back from its end.
        windows: Types of window, begins and ends, or None for the contract's own.
        kind: What ``pattern_id`` names.

    Returns:
        The figures of each window, in the order given.

    Raises:
        InputError: The contract or a window cannot be used; then nothing is computed.
        UnknownNameError: There is no such kind.
        StoreError: The database refused or failed.
        ServerError: The server could not be asked, or failed.
    """
    granularity, _ = checked(contract)
    now = datetime.now(UTC)
    asked = [_window(statistics, contract, window, now=now) for window in windows]
    subject = "" if kind == "all" else str(contract.pattern_id)
    if kind not in BY_OR_ALL.allowed:
        raise UnknownNameError("kind of subject", kind, BY_OR_ALL.allowed)
    if kind != "all" and not subject:
        raise InputError(f"pattern_id is empty; give the {kind} to look at, or kind='all' for everything")
    values = {"kind": kind, "subject": subject, "operation": OPERATION_OF.get(kind, OPERATION_OF[""]), "zone": "UTC"}
    return [_Reading(statistics, contract, *window, values).figures(granularity) for window in asked]


def _window(
    statistics: Statistics,
    contract: ModelUsageAnalyticsInput,
    window: TimeWindowType | tuple[datetime, datetime] | None,
    *,
    now: datetime,
) -> tuple[ReductionWindow, Window]:
    start, end, named = contract.time_window_start, contract.time_window_end, contract.time_window_type
    if isinstance(window, tuple):
        (start, end), named = window, None
    elif window is not None:
        start, named = None, window
    moving = MOVING if end is None else frozenset[str]()
    end = end or now
    if start is not None:
        moving -= {"since"}
    elif named is None or named == TimeWindowType.ALL_TIME:
        (stored,) = statistics.ask(STORED, Window(BEGINNING, end, end)).rows
        start = stored["first_used_at"] or BEGINNING
        moving -= {"since"}
    reduced = window_of(start, end, named, columns_of(()))
    # all figures go by the window's end, as those of the pure reducer
    return reduced, Window(reduced.start, reduced.end, reduced.end, moving)


class _Reading:
    """The topics of one window."""

    def __init__(
        self,
        statistics: Statistics,
        contract: ModelUsageAnalyticsInput,
        reduced: ReductionWindow,
        window: Window,
        values: Mapping[str, str],
    ) -> None:
        self._statistics = statistics
        self._contract = contract
        self._reduced = reduced
        self._window = window
        self._values = values
        self._began = time.perf_counter()

    def figures(self, granularity: AnalyticsGranularity) -> StoredUsageAnalytics:
        """Fill the records."""
        contract = self._contract
        has_parts = granularity != AnalyticsGranularity.SUMMARY
        is_forecast = contract.include_predictions or granularity == AnalyticsGranularity.COMPREHENSIVE
        quality = self._ask(ANSWER_QUALITY)
        (said,) = quality.rows
        usage = self._usage(said["contexts"], said["users_or_agents"])
        return StoredUsageAnalytics(
            pattern_id=contract.pattern_id,
            time_window_start=self._reduced.start,
            time_window_end=self._reduced.end,
            time_window_type=self._reduced.kind,
            usage_metrics=usage,
            success_metrics=self._success(),
            performance_metrics=self._performance() if has_parts and contract.include_performance else None,
            trend_analysis=self._trend() if has_parts and contract.include_trends else None,
            context_distribution=self._distribution() if has_parts and contract.include_distribution else None,
            predictions=self._predictions() if is_forecast else None,
            total_data_points=usage.total_executions,
            analytics_quality_score=said["analytics_quality_score"],
            correlation_id=contract.correlation_id,
            left_out=0,
            trust=quality.trust,
            computation_time_ms=(time.perf_counter() - self._began) * 1000,
        )

    def _ask(self, topic: Topic[R]) -> Answer[R]:
        taken = {argument.parameter for argument in topic.arguments}
        arguments = {name: value for name, value in self._values.items() if name in taken}
        return self._statistics.ask(topic, self._window, arguments=arguments)

    def _row(self, topic: Topic[R]) -> Mapping[str, Any]:
        """Give the row of the subject; an empty one where it has none."""
        return next((row for row in self._ask(topic).rows if row["subject"] == self._values["subject"]), {})

    def _usage(self, contexts: int, users: int) -> UsageFrequencyMetrics:
        row = self._row(FREQUENCY)
        last = row.get("last_used_at")
        return UsageFrequencyMetrics(
            total_executions=row.get("operations", 0),
            executions_per_day=row.get("executions_per_day", 0.0),
            executions_per_week=row.get("executions_per_week", 0.0),
            executions_per_month=row.get("executions_per_month", 0.0),
            # what rolls know of users is there when the events are gone
            unique_contexts=contexts,
            unique_users=max(users, row.get("users", 0)),
            peak_daily_usage=row.get("peak_daily_usage", 0),
            time_since_last_use=None if last is None else (self._window.until - last).total_seconds() / _HOUR_SECONDS,
        )

    def _success(self) -> SuccessMetrics:
        row = self._row(SUCCESS)
        operations = row.get("operations", 0)
        return SuccessMetrics(
            success_count=row.get("successes", 0),
            failure_count=row.get("failures", 0),
            success_rate=row.get("success_rate"),
            error_rate=row.get("error_rate"),
            timeout_count=row.get("timeouts", 0),
            quality_gate_failures=row.get("quality_gate_failures", 0),
            avg_quality_score=row.get("mean_quality"),
            partial_success_count=row.get("partial_successes", 0),
            error_count=row.get("errors", 0),
            cancelled_count=row.get("cancelled", 0),
            abandoned_count=row.get("abandoned", 0),
            in_flight_count=row.get("in_flight", 0),
            rated_count=operations - row.get("cancelled", 0) - row.get("in_flight", 0),
            judged_count=row.get("judged", 0),
        )

    def _performance(self) -> PerformanceMetrics:
        row = self._row(SPEED)
        return PerformanceMetrics(
            avg_execution_time_ms=row.get("mean_ms"),
            p50_execution_time_ms=row.get("p50_ms"),
            p95_execution_time_ms=row.get("p95_ms"),
            p99_execution_time_ms=row.get("p99_ms"),
            min_execution_time_ms=row.get("min_ms"),
            max_execution_time_ms=row.get("max_ms"),
            std_dev_ms=row.get("stddev_ms"),
            total_execution_time_ms=row.get("total_ms", 0.0),
            timed_count=row.get("operations", 0),
        )

    def _trend(self) -> TrendAnalysis:
        row = self._row(TRENDS)
        if not row:
            # of no use there is nothing to read: what is left follows from the window
            return trend(columns_of(()), {}, [], since=self._reduced.since, until=self._reduced.until)
        return TrendAnalysis(
            trend_type=UsageTrendType(row["trend_type"]),
            velocity=row["velocity"],
            acceleration=row["acceleration"],
            adoption_rate=row["adoption_rate"],
            retention_rate=row["retention_rate"],
            churn_rate=row["churn_rate"],
            growth_percentage=row["growth_percentage"],
            confidence_score=row["confidence_score"],
            seed_trend_type=UsageTrendType(row["seed_trend_type"]),
            bucket=TrendBucket(row["bucket"]),
            bucket_count=row["buckets"],
            bucketed_executions=row["operations"],
        )

    def _distribution(self) -> ContextDistribution:
        counts: dict[str, dict[Any, int]] = {}
        for row in self._ask(DISTRIBUTION).rows:
            value = int(row["value"]) if row["dimension"] in _NUMBERED else row["value"]
            counts.setdefault(row["dimension"], {})[value] = row["operations"]
        return ContextDistribution(
            by_context_type=counts.get("by_context_type", {}),
            by_agent=counts.get("by_agent", {}),
            by_project=counts.get("by_project", {}),
            by_file_type=counts.get("by_file_type", {}),
            by_time_of_day=counts["by_time_of_day"],
            by_day_of_week=counts["by_day_of_week"],
        )

    def _predictions(self) -> Forecast | None:
        rows = self._ask(FORECAST).rows
        if not rows:
            return None
        return Forecast(
            basis=ForecastBasis(rows[0]["basis"]),
            periods=rows[0]["periods"],
            hours=tuple(
                ForecastHour(starts_at=row["begin_at"], expected=row["expected"], low=row["low"], high=row["high"])
                for row in rows
            ),
        )
