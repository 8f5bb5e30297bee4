"""How often a pattern was used in a week, and how well it went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from modeltally.analytics.reducer import ModelUsageAnalyticsInput, TimeWindowType, execute_reduction

END = datetime(2026, 11, 30, tzinfo=UTC)


def main() -> None:
    """Reduce a hundred executions, of which every tenth failed."""
    executions = [
        {
            "timestamp": END - timedelta(hours=hours + 1),
            "success": hours % 10 != 0,
            "execution_time_ms": 200 + hours,
            "quality_score": 0.85,
            "context_type": "debugging",
            "agent": f"agent-{hours % 3}",
        }
        for hours in range(100)
    ]
    figures = execute_reduction(
        ModelUsageAnalyticsInput(
            pattern_id="storyboard",
            time_window_end=END,
            time_window_type=TimeWindowType.WEEKLY,
            execution_data=executions,
        )
    )
    usage, success = figures.usage_metrics, figures.success_metrics
    print(f"{usage.total_executions} executions, {usage.executions_per_day:.1f} a day, {usage.unique_users} agents")
    print(f"success rate {success.success_rate:.0%}, mean quality {success.avg_quality_score:.2f}")
    print(f"how far to trust it: {figures.analytics_quality_score:.2f} of 1")


if __name__ == "__main__":
    main()
