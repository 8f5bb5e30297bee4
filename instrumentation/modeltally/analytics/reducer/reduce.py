"""A reduction: executions in, figures out; no clock, no file, no store, and the same answer in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeltally.analytics.reducer.calendar import by_hour
from modeltally.analytics.reducer.contract import (
    AnalyticsGranularity,
    ModelUsageAnalyticsInput,
    ModelUsageAnalyticsOutput,
    TimeWindowType,
)
from modeltally.analytics.reducer.distribution import distribution
from modeltally.analytics.reducer.forecast import forecast
from modeltally.analytics.reducer.frequency import frequency, users_of
from modeltally.analytics.reducer.performance import performance
from modeltally.analytics.reducer.quality import answer_quality
from modeltally.analytics.reducer.records import Columns, columns_of
from modeltally.analytics.reducer.success import success
from modeltally.analytics.reducer.trend import trend
from modeltally.analytics.reducer.window import ReductionWindow, window_of
from modeltally.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

__all__ = ["checked", "execute_reduction", "execute_reductions"]


def execute_reduction(contract: ModelUsageAnalyticsInput) -> ModelUsageAnalyticsOutput:
    """Compute the figures of one window.

    Args:
        contract: The executions, the window, and what to compute.

    Returns:
        The figures.

    Raises:
        InputError: The contract or an execution cannot be used; the message says which, why, and what is allowed.
    """
    granularity, loss = checked(contract)
    columns = columns_of(contract.execution_data)
    window = window_of(contract.time_window_start, contract.time_window_end, contract.time_window_type, columns)
    return _reduce(contract, columns, window, granularity=granularity, loss=loss)


def execute_reductions(
    contract: ModelUsageAnalyticsInput, windows: Sequence[TimeWindowType | tuple[datetime, datetime]]
) -> list[ModelUsageAnalyticsOutput]:
    """Compute the figures of several windows of the same executions, which are read once.

    Args:
        contract: The executions and what to compute; a type of window counts back from its end.
        windows: Types of window, or begins and ends.

    Returns:
        The figures of each window, in the order given.

    Raises:
        InputError: The contract, a window or an execution cannot be used; then nothing is computed.
    """
    granularity, loss = checked(contract)
    columns = columns_of(contract.execution_data)
    asked = [
        window_of(None, contract.time_window_end, window, columns)
        if isinstance(window, str)
        else window_of(*window, None, columns)
        for window in windows
    ]
    return [_reduce(contract, columns, window, granularity=granularity, loss=loss) for window in asked]


def checked(contract: ModelUsageAnalyticsInput) -> tuple[AnalyticsGranularity, float]:
    """Read what of a contract is neither executions nor the window.

    Args:
        contract: The contract.

    Returns:
        How much is computed, and the known share of losses.

    Raises:
        InputError: One of them is not allowed.
    """
    try:
        granularity = AnalyticsGranularity(contract.granularity)
    except ValueError:
        raise InputError(
            f"granularity is {contract.granularity!r}; allowed: {', '.join(AnalyticsGranularity)}"
        ) from None
    loss = contract.known_loss_share
    if isinstance(loss, bool) or not isinstance(loss, int | float) or not 0 <= loss <= 1:
        raise InputError(f"known_loss_share is {loss!r}; allowed: a number from 0 to 1")
    return granularity, float(loss)


def _reduce(
    contract: ModelUsageAnalyticsInput,
    everything: Columns,
    window: ReductionWindow,
    *,
    granularity: AnalyticsGranularity,
    loss: float,
) -> ModelUsageAnalyticsOutput:
    since, until = window.since, window.until
    columns = everything.within(since, until)
    hours, users = by_hour(columns), users_of(columns)
    has_parts = granularity != AnalyticsGranularity.SUMMARY
    is_forecast = contract.include_predictions or granularity == AnalyticsGranularity.COMPREHENSIVE
    return ModelUsageAnalyticsOutput(
        pattern_id=contract.pattern_id,
        time_window_start=window.start,
        time_window_end=window.end,
        time_window_type=window.kind,
        usage_metrics=frequency(columns, hours, users, since=since, until=until),
        success_metrics=success(columns),
        performance_metrics=performance(columns) if has_parts and contract.include_performance else None,
        trend_analysis=trend(columns, hours, users, since=since, until=until)
        if has_parts and contract.include_trends
        else None,
        context_distribution=distribution(columns, hours) if has_parts and contract.include_distribution else None,
        predictions=forecast(hours, since=since, until=until) if is_forecast else None,
        total_data_points=len(columns),
        analytics_quality_score=answer_quality(columns, since=since, until=until, known_loss_share=loss),
        computation_time_ms=None,
        correlation_id=contract.correlation_id,
        left_out=len(everything) - len(columns),
    )
