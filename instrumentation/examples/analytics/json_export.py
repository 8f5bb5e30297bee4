"""The figures as JSON, for other systems: names are those of the fields, times are ISO 8601 in UTC."""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime, timedelta

from modeltally.analytics.reducer import ModelUsageAnalyticsInput, execute_reduction

END = datetime(2026, 11, 30, tzinfo=UTC)


def main() -> None:
    """Write the figures of fifty executions to standard output."""
    executions = [
        {"timestamp": END - timedelta(hours=3 * number + 1), "success": True, "execution_time_ms": 200}
        for number in range(50)
    ]
    figures = execute_reduction(
        ModelUsageAnalyticsInput(
            pattern_id=uuid.uuid5(uuid.NAMESPACE_URL, "storyboard"),
            time_window_start=END - timedelta(days=7),
            time_window_end=END,
            execution_data=executions,
            correlation_id="nightly export",
        )
    )
    json.dump(figures.to_dict(), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
