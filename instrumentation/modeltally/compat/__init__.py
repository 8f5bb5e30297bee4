"""Names that code written against other designs calls, each a thin way to ours: one import line changes, no call does.

| names | what they do here |
|---|---|
| ``track_model_usage_event``, ``track_generation_usage``, ``UsageEventType`` | operations, by event |
| ``MetricsService``, ``record_generation_request``, ``..._completion``, ``..._cancellation`` | one ``model.request`` |
| ``get_usage_tracker``, ``PatternUsageTrackerService``, ``UsageOutcome`` | one ``pattern.run`` each use |
| ``NodeUsageAnalyticsReducer`` and the types of its contract | ``modeltally.analytics.reducer`` |
| ``get_model_usage_analytics``, ``get_usage_statistics_for_model`` | ``modeltally stats`` of one model |
| ``get_generation_overview``, ``get_generation_trends`` and the like | ``modeltally stats``, its answers |
| ``get_cleanup_recommendations``, ``..._preload_...``, ``..._performance_...`` | ``modeltally recommend`` |
| ``generate_analytics_report`` | ``modeltally report``, all of them |
| ``ModelAvailabilityManager`` and the types of its answers | ``modeltally.availability``, and ``modeltally models`` |

What differs: prompts become a hash and a length, messages of errors are not recorded, a rate is None where nothing can
be rated. Recording never raises into the caller; what cannot be used is logged and counted. Each module loads when one
of its names is first asked for, and only advice and statistics load the store.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modeltally.compat.advice import (
        get_cleanup_recommendations,
        get_performance_recommendations,
        get_preload_recommendations,
    )
    from modeltally.compat.availability import (
        CleanupResult,
        DetailedModelStatus,
        ModelAvailabilityManager,
        ModelAvailabilityStatus,
        ModelPriority,
        ModelRequestResult,
        RetentionPolicy,
    )
    from modeltally.compat.events import UsageEventType, track_generation_usage, track_model_usage_event
    from modeltally.compat.generation_queries import (
        FailureAnalysis,
        get_failure_analysis,
        get_generation_overview,
        get_generation_trends,
        get_model_performance,
        get_peak_usage_times,
        get_user_generation_analytics,
    )
    from modeltally.compat.generations import (
        MetricsService,
        record_generation_cancellation,
        record_generation_completion,
        record_generation_request,
    )
    from modeltally.compat.patterns import PatternUsageTrackerService, UsageOutcome, get_usage_tracker
    from modeltally.compat.reduction import (
        AnalyticsGranularity,
        ContextDistribution,
        ModelUsageAnalyticsInput,
        ModelUsageAnalyticsOutput,
        NodeUsageAnalyticsReducer,
        PerformanceMetrics,
        SuccessMetrics,
        TimeWindowType,
        TrendAnalysis,
        UsageFrequencyMetrics,
        UsageTrendType,
    )
    from modeltally.compat.reports import generate_analytics_report
    from modeltally.compat.statistics import (
        ModelUsageAnalytics,
        PatternUsageData,
        UsageDataPoint,
        UsageStatistics,
        UsageStatsResponse,
        get_model_usage_analytics,
        get_usage_statistics_for_model,
    )

__all__ = [
    "AnalyticsGranularity",
    "CleanupResult",
    "ContextDistribution",
    "DetailedModelStatus",
    "FailureAnalysis",
    "MetricsService",
    "ModelAvailabilityManager",
    "ModelAvailabilityStatus",
    "ModelPriority",
    "ModelRequestResult",
    "ModelUsageAnalytics",
    "ModelUsageAnalyticsInput",
    "ModelUsageAnalyticsOutput",
    "NodeUsageAnalyticsReducer",
    "PatternUsageData",
    "PatternUsageTrackerService",
    "PerformanceMetrics",
    "RetentionPolicy",
    "SuccessMetrics",
    "TimeWindowType",
    "TrendAnalysis",
    "UsageDataPoint",
    "UsageEventType",
    "UsageFrequencyMetrics",
    "UsageOutcome",
    "UsageStatistics",
    "UsageStatsResponse",
    "UsageTrendType",
    "generate_analytics_report",
    "get_cleanup_recommendations",
    "get_failure_analysis",
    "get_generation_overview",
    "get_generation_trends",
    "get_model_performance",
    "get_model_usage_analytics",
    "get_peak_usage_times",
    "get_performance_recommendations",
    "get_preload_recommendations",
    "get_usage_statistics_for_model",
    "get_usage_tracker",
    "get_user_generation_analytics",
    "record_generation_cancellation",
    "record_generation_completion",
    "record_generation_request",
    "track_generation_usage",
    "track_model_usage_event",
]

_HOMES = {
    "advice": (
        "get_cleanup_recommendations",
        "get_performance_recommendations",
        "get_preload_recommendations",
    ),
    "availability": (
        "CleanupResult",
        "DetailedModelStatus",
        "ModelAvailabilityManager",
        "ModelAvailabilityStatus",
        "ModelPriority",
        "ModelRequestResult",
        "RetentionPolicy",
    ),
    "events": ("UsageEventType", "track_generation_usage", "track_model_usage_event"),
    "generation_queries": (
        "FailureAnalysis",
        "get_failure_analysis",
        "get_generation_overview",
        "get_generation_trends",
        "get_model_performance",
        "get_peak_usage_times",
        "get_user_generation_analytics",
    ),
    "generations": (
        "MetricsService",
        "record_generation_cancellation",
        "record_generation_completion",
        "record_generation_request",
    ),
    "patterns": ("PatternUsageTrackerService", "UsageOutcome", "get_usage_tracker"),
    "reduction": (
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
    ),
    "reports": ("generate_analytics_report",),
    "statistics": (
        "ModelUsageAnalytics",
        "PatternUsageData",
        "UsageDataPoint",
        "UsageStatistics",
        "UsageStatsResponse",
        "get_model_usage_analytics",
        "get_usage_statistics_for_model",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
