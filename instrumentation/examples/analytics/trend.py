"""Which way the use of three patterns goes, and how sure that is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from modeltally.analytics.reducer import Execution, ModelUsageAnalyticsInput, UsageTrendType, execute_reduction

if TYPE_CHECKING:
    from collections.abc import Sequence

END = datetime(2026, 11, 30, tzinfo=UTC)
ADVICE = {
    UsageTrendType.GROWING: "worth making faster",
    UsageTrendType.DECLINING: "ask why",
    UsageTrendType.EMERGING: "too new to say",
    UsageTrendType.ABANDONED: "may go",
    UsageTrendType.STABLE: "leave as it is",
    None: "never used",
}


def show(pattern: str, counts: Sequence[int]) -> None:
    """Reduce so many executions on each of the last days."""
    begin = END - timedelta(days=len(counts))
    executions = [
        Execution(timestamp=begin + timedelta(days=day, minutes=number), success=True, user=f"user-{number}")
        for day, count in enumerate(counts)
        for number in range(count)
    ]
    figures = execute_reduction(
        ModelUsageAnalyticsInput(
            pattern_id=pattern, time_window_start=begin, time_window_end=END, execution_data=executions
        )
    )
    trend = figures.trend_analysis
    if trend is None or trend.confidence_score is None:
        print(f"{pattern}: nothing to say")
        return
    print(f"{pattern}: {trend.trend_type}, {trend.velocity:+.2f} a day each day, {ADVICE[trend.trend_type]}")
    print(f"  confidence {trend.confidence_score:.3f}, by fixed slopes it would be {trend.seed_trend_type}")


def main() -> None:
    """Show a pattern that grows, one that is busy and steady, and one that nobody uses any more."""
    show("storyboard", [2, 3, 2, 4, 5, 4, 6, 7, 8, 8, 9, 11, 12, 13])
    show("caption", [90, 110, 95, 104, 88, 112, 99, 101, 93, 108, 110, 97, 106, 103])
    show("old layout", [6, 5, 7, 4, 5, 3, 2, 0, 0, 0, 0, 0, 0, 0])


if __name__ == "__main__":
    main()
