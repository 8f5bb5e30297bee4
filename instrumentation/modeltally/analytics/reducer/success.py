"""How well: disjoint outcomes, and rates that are None where nothing can be rated."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from modeltally.analytics.reducer import outcomes as words
from modeltally.analytics.reducer.contract import SuccessMetrics

if TYPE_CHECKING:
    from modeltally.analytics.reducer.records import Columns

__all__ = ["success"]

_PPM = 1_000_000


def success(columns: Columns) -> SuccessMetrics:
    """Say how well.

    Rated are all but those cancelled and in flight. The success rate is ``(successes + partial ones / 2) / rated``, the
    error rate ``(errors + abandoned) / rated``. Every execution with a quality counts in its mean.

    Args:
        columns: The executions of the window.

    Returns:
        The metrics.
    """
    outcomes = Counter(columns.outcomes)
    errors = Counter(columns.error_types)
    rated = len(columns) - outcomes[words.CANCELLED] - outcomes[words.IN_FLIGHT]
    qualities = [quality for quality in columns.qualities_ppm if quality is not None]
    return SuccessMetrics(
        success_count=outcomes[words.SUCCESS],
        failure_count=outcomes[words.FAILURE] + outcomes[words.ERROR],
        success_rate=(outcomes[words.SUCCESS] + outcomes[words.PARTIAL_SUCCESS] / 2) / rated if rated else None,
        error_rate=(outcomes[words.ERROR] + outcomes[words.ABANDONED]) / rated if rated else None,
        timeout_count=errors[words.TIMEOUT],
        quality_gate_failures=errors[words.QUALITY_GATE],
        avg_quality_score=sum(qualities) / len(qualities) / _PPM if qualities else None,
        partial_success_count=outcomes[words.PARTIAL_SUCCESS],
        error_count=outcomes[words.ERROR],
        cancelled_count=outcomes[words.CANCELLED],
        abandoned_count=outcomes[words.ABANDONED],
        in_flight_count=outcomes[words.IN_FLIGHT],
        rated_count=rated,
        judged_count=len(qualities),
    )
