"""Everything about a pattern at once, for a page: several windows of one reading, and the next seven days."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from modeltally.analytics.reducer import (
    AnalyticsGranularity,
    ModelUsageAnalyticsInput,
    TimeWindowType,
    execute_reductions,
)

END = datetime(2026, 11, 30, tzinfo=UTC)
WINDOWS = (TimeWindowType.DAILY, TimeWindowType.WEEKLY, TimeWindowType.MONTHLY)


def main() -> None:
    """Reduce executions of thirty days once, for three windows."""
    source = random.Random(1)
    executions = [
        {
            "timestamp": END - timedelta(days=day, hours=source.triangular(0.1, 24, 10)),
            "outcome": source.choices(("success", "partial_success", "failure", "error"), (90, 4, 4, 2))[0],
            "execution_time_ms": source.lognormvariate(5.5, 0.6),
            "quality_score": source.betavariate(8, 2),
            "agent": source.choice(("story", "layout")),
        }
        for day in range(30)
        for _ in range(source.randrange(30, 60))
    ]
    contract = ModelUsageAnalyticsInput(
        pattern_id="storyboard",
        time_window_end=END,
        granularity=AnalyticsGranularity.COMPREHENSIVE,
        execution_data=executions,
    )
    for figures in execute_reductions(contract, WINDOWS):
        times, trend = figures.performance_metrics, figures.trend_analysis
        if times is None or trend is None:
            continue
        print(
            f"{figures.time_window_type:8} {figures.total_data_points:5} executions,"
            f" success {figures.success_metrics.success_rate:.1%}, p95 {times.p95_execution_time_ms:.0f} ms,"
            f" {trend.trend_type}"
        )
        ahead = figures.predictions
        if ahead is not None:
            tomorrow = ahead.hours[:24]
            print(
                f"         tomorrow about {sum(hour.expected for hour in tomorrow):.0f} executions,"
                f" at most {max(hour.high for hour in tomorrow)} an hour (by {ahead.basis})"
            )


if __name__ == "__main__":
    main()
