"""Who uses a pattern, for what, and when."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from modeltally.analytics.reducer import ModelUsageAnalyticsInput, execute_reduction

END = datetime(2026, 11, 30, tzinfo=UTC)
TEAMS = ("story", "story", "story", "layout", "layout", "sound")


def main() -> None:
    """Reduce executions of four weeks, of which most come early in the afternoon."""
    source = random.Random(1)
    executions = [
        {
            "timestamp": END
            - timedelta(days=source.randrange(28), hours=source.choice((2, 8, 9, 9, 10, 10)), minutes=5),
            "success": True,
            "agent": source.choice(TEAMS),
            "project": source.choice(("harbour", "lighthouse")),
            "file_type": "svg",
        }
        for _ in range(500)
    ]
    figures = execute_reduction(
        ModelUsageAnalyticsInput(
            pattern_id="storyboard",
            time_window_start=END - timedelta(days=29),
            time_window_end=END,
            execution_data=executions,
        )
    )
    use = figures.context_distribution
    if use is None:
        return
    print("by agent:", ", ".join(f"{agent} {count}" for agent, count in use.by_agent.items()))
    busiest = sorted(use.by_time_of_day.items(), key=lambda hour: -hour[1])[:3]
    print("busiest hours, UTC:", ", ".join(f"{hour:02}:00 {count}" for hour, count in busiest))
    weekend = use.by_day_of_week[5] + use.by_day_of_week[6]
    print(f"on weekends: {weekend / figures.total_data_points:.0%}")


if __name__ == "__main__":
    main()
