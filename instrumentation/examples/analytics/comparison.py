"""Several patterns side by side, the best first."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from modeltally.analytics.reducer import ModelUsageAnalyticsInput, ModelUsageAnalyticsOutput, execute_reduction

END = datetime(2026, 11, 30, tzinfo=UTC)
PATTERNS = {"storyboard": (0.95, 220), "caption": (0.88, 90), "upscale": (0.60, 1500)}


def figures_of(pattern: str, source: random.Random) -> ModelUsageAnalyticsOutput:
    """Reduce three hundred executions of a pattern."""
    rate, milliseconds = PATTERNS[pattern]
    executions = [
        {
            "timestamp": END - timedelta(hours=source.uniform(0.1, 167)),
            "success": source.random() < rate,
            "execution_time_ms": source.gauss(milliseconds, milliseconds / 10),
        }
        for _ in range(300)
    ]
    return execute_reduction(
        ModelUsageAnalyticsInput(
            pattern_id=pattern,
            time_window_start=END - timedelta(days=7),
            time_window_end=END,
            execution_data=executions,
        )
    )


def main() -> None:
    """Compare three patterns."""
    source = random.Random(1)
    found = [figures_of(pattern, source) for pattern in PATTERNS]
    for figures in sorted(found, key=lambda one: -(one.success_metrics.success_rate or 0.0)):
        times = figures.performance_metrics
        slowest = "-" if times is None else f"{times.p95_execution_time_ms:.0f} ms"
        print(f"{figures.pattern_id:12} success {figures.success_metrics.success_rate:.0%}, p95 {slowest}")


if __name__ == "__main__":
    main()
