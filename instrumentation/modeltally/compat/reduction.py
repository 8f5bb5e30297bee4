"""The reducer as a class whose method is awaited, beside the types of its contract."""

from __future__ import annotations

import time
from dataclasses import replace

from modeltally.analytics.reducer import (
    AnalyticsGranularity,
    ContextDistribution,
    ModelUsageAnalyticsInput,
    ModelUsageAnalyticsOutput,
    PerformanceMetrics,
    SuccessMetrics,
    TimeWindowType,
    TrendAnalysis,
    UsageFrequencyMetrics,
    UsageTrendType,
    execute_reduction,
)

__all__ = [
    "AnalyticsGranularity",
    "ContextDistribution",
    "ModelUsageAnalyticsInput",
    "ModelUsageAnalyticsOutput",
    "NodeUsageAnalyticsReducer",
    "PerformanceMetrics",
    "SuccessMetrics",
    "TimeWindowType",
    "TrendAnalysis",
    "UsageFrequencyMetrics",
    "UsageTrendType",
]


class NodeUsageAnalyticsReducer:
    """Computes statistics of executions in memory; it holds nothing."""

    async def execute_reduction(self, contract: ModelUsageAnalyticsInput) -> ModelUsageAnalyticsOutput:
        """Compute the figures of one window, and say how long it took.

        Nothing is waited for: a thousand executions take a few milliseconds of the event loop. Hand a million to
        :func:`modeltally.analytics.reducer.execute_reduction` in a thread.

        Args:
            contract: The executions, the window, and what to compute.

        Returns:
            The figures.

        Raises:
            InputError: The contract or an execution cannot be used.
        """
        begin = time.perf_counter()
        figures = execute_reduction(contract)
        return replace(figures, computation_time_ms=(time.perf_counter() - begin) * 1000)
