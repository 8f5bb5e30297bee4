"""How fast: exact figures of the durations of what finished and was not cancelled."""

from __future__ import annotations

import math
from itertools import compress
from operator import mul
from typing import TYPE_CHECKING

from modeltally.analytics.reducer.contract import PerformanceMetrics
from modeltally.analytics.reducer.outcomes import FINISHED

if TYPE_CHECKING:
    from modeltally.analytics.reducer.records import Columns

__all__ = ["nearest_rank", "performance"]

_US_PER_MS = 1000


def performance(columns: Columns) -> PerformanceMetrics:
    """Say how fast.

    All sums are of whole microseconds, so no order of the executions changes a digit. The standard deviation is the
    sample's: ``sqrt((n * sum of squares - sum * sum) / (n * (n - 1)))``.

    Args:
        columns: The executions of the window.

    Returns:
        The metrics.
    """
    finished = columns.durations_us
    if not set(columns.outcomes) <= set(FINISHED):
        finished = list(compress(finished, map(set(FINISHED).__contains__, columns.outcomes)))
    durations = sorted([duration for duration in finished if duration is not None])
    count, total = len(durations), sum(durations)
    if not count:
        return PerformanceMetrics(
            avg_execution_time_ms=None,
            p50_execution_time_ms=None,
            p95_execution_time_ms=None,
            p99_execution_time_ms=None,
            min_execution_time_ms=None,
            max_execution_time_ms=None,
            std_dev_ms=None,
            total_execution_time_ms=0.0,
            timed_count=0,
        )
    return PerformanceMetrics(
        avg_execution_time_ms=total / count / _US_PER_MS,
        p50_execution_time_ms=nearest_rank(durations, 50) / _US_PER_MS,
        p95_execution_time_ms=nearest_rank(durations, 95) / _US_PER_MS,
        p99_execution_time_ms=nearest_rank(durations, 99) / _US_PER_MS,
        min_execution_time_ms=durations[0] / _US_PER_MS,
        max_execution_time_ms=durations[-1] / _US_PER_MS,
        std_dev_ms=_deviation(count, total, sum(map(mul, durations, durations))),
        total_execution_time_ms=total / _US_PER_MS,
        timed_count=count,
    )


def nearest_rank(ascending: list[int], percent: int) -> int:
    """Give a quantile by nearest rank: the smallest value that so many of a hundred do not exceed.

    Args:
        ascending: Values in order, at least one.
        percent: 1 to 100.

    Returns:
        One of the values.
    """
    return ascending[(len(ascending) * percent + 99) // 100 - 1]


def _deviation(count: int, total: int, squares: int) -> float | None:
    if count < 2:  # noqa: PLR2004 - one value deviates from nothing
        return None
    return math.sqrt(float(count * squares - total * total) / (float(count) * (count - 1))) / _US_PER_MS
