"""How fast a pattern is, and whether its slowest runs need a look."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from modeltally.analytics.reducer import ModelUsageAnalyticsInput, execute_reduction

END = datetime(2026, 11, 30, tzinfo=UTC)


def main() -> None:
    """Reduce a thousand executions, of which a few take ten times as long."""
    source = random.Random(1)
    executions = [
        {
            "timestamp": END - timedelta(minutes=minutes + 1),
            "success": True,
            "execution_time_ms": source.uniform(100, 300) * (10 if source.random() < 0.06 else 1),
        }
        for minutes in range(1000)
    ]
    figures = execute_reduction(
        ModelUsageAnalyticsInput(
            pattern_id="storyboard",
            time_window_start=END - timedelta(days=1),
            time_window_end=END,
            include_trends=False,
            include_distribution=False,
            execution_data=executions,
        )
    )
    times = figures.performance_metrics
    if times is None or times.p50_execution_time_ms is None or times.p95_execution_time_ms is None:
        print("nothing was timed")
        return
    print(f"p50 {times.p50_execution_time_ms:.0f} ms, p95 {times.p95_execution_time_ms:.0f} ms")
    print(f"p99 {times.p99_execution_time_ms:.0f} ms, standard deviation {times.std_dev_ms:.0f} ms")
    if times.p99_execution_time_ms is not None and times.p99_execution_time_ms > 1000:
        print("one in a hundred takes longer than a second: look at those")
    if times.p95_execution_time_ms > 2 * times.p50_execution_time_ms:
        print("durations vary much")


if __name__ == "__main__":
    main()
