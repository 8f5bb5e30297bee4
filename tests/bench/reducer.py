"""What a reduction costs: processor time for a thousand and a million executions, beside a plain loop.

``make bench-reducer`` prints the medians and the ratio, all parts but the forecast, and fails where executions that say
seven things each miss a target: 10 ms for a thousand, 3 s for a million. Those that say up to twelve cost more.
"""

# ruff: noqa: T201 - printing what was measured is the purpose

from __future__ import annotations

import argparse
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from analytics.executions import random_executions
from analytics.naive import naive
from modeltally.analytics.reducer import AnalyticsGranularity, ModelUsageAnalyticsInput, execute_reduction

if TYPE_CHECKING:
    from collections.abc import Callable

END = datetime(2026, 11, 30, tzinfo=UTC)
TARGETS_SECONDS = {1_000: 0.010, 1_000_000: 3.0}
KEYS = ("execution_id", "timestamp", "success", "execution_time_ms", "quality_score", "context_type", "agent")


def uniform(count: int) -> list[dict[str, Any]]:
    """Make executions that all say the same seven things."""
    defaults = {"success": True, "execution_time_ms": 200, "quality_score": 0.85, "context_type": "test", "agent": "a"}
    return [
        {key: one.get(key, defaults.get(key)) for key in KEYS}
        for one in random_executions(count, end=END, days=30, seed=1)
    ]


def processor_seconds(work: Callable[[], object], rounds: int) -> float:
    """Give the median of several runs."""
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return statistics.median(taken)


def main() -> int:
    """Measure and print; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    missed = False
    for count, target in TARGETS_SECONDS.items():
        for title, executions in (
            ("of seven facts each", uniform(count)),
            ("of up to twelve", random_executions(count, end=END, days=30, seed=1)),
        ):
            contract = ModelUsageAnalyticsInput(
                pattern_id="p",
                time_window_start=END - timedelta(days=30),
                time_window_end=END,
                granularity=AnalyticsGranularity.DETAILED,
                execution_data=executions,
            )
            ours = processor_seconds(lambda contract=contract: execute_reduction(contract), arguments.rounds)  # type: ignore[misc]
            few = executions[:20_000]  # the plain loop takes minutes for a million
            plain = processor_seconds(lambda few=few: naive(few, END - timedelta(days=30), END), 1)  # type: ignore[misc]
            plain *= count / len(few)
            has_target = set(executions[0]) == set(KEYS)
            missed |= has_target and ours > target
            print(
                f"{count:>9,} executions {title:20} {1000 * ours:8.1f} ms"
                f"{f' (target {1000 * target:,.0f} ms)' if has_target else '':18},"
                f" a plain loop {1000 * plain:10.1f} ms, {plain / ours:.0f} times"
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
