"""The statistics of executions in memory: a pure function of what it is handed, equal to what the views say of it.

::

    contract = ModelUsageAnalyticsInput(pattern_id="storyboard", execution_data=executions,
                                        time_window_start=start, time_window_end=end)
    figures = execute_reduction(contract)
    figures.success_metrics.success_rate
    figures.to_dict()

It imports no store and no engine, reads no clock, and takes time in proportion to the executions (and the sorting of
their durations). ``docs/reducer.md`` has every formula.
"""

from modeltally.analytics.reducer.contract import (
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
from modeltally.analytics.reducer.records import Execution
from modeltally.analytics.reducer.reduce import execute_reduction, execute_reductions

__all__ = [
    "AnalyticsGranularity",
    "ContextDistribution",
    "Execution",
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
    "execute_reduction",
    "execute_reductions",
]
