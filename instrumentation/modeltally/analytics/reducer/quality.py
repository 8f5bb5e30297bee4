"""How far an answer can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeltally.analytics.reducer.calendar import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.analytics.reducer.records import Columns

__all__ = ["answer_quality", "completeness"]

_ENOUGH_EXECUTIONS = 20
_ENOUGH_DAYS = 7


def answer_quality(columns: Columns, *, since: float, until: float, known_loss_share: float) -> float:
    """Say how far the figures of a window can be trusted.

    ``0.4 min(1, n / 20) + 0.2 min(1, days / 7) + 0.2 completeness + 0.2 (1 - known loss)``: twenty executions over
    seven days are what the seed design calls enough.

    Args:
        columns: The executions of the window.
        since: The window's begin, seconds since 1970.
        until: Its end.
        known_loss_share: The share of all executions that is known to be missing, 0 to 1.

    Returns:
        0 to 1.
    """
    return (
        0.4 * min(1.0, len(columns) / _ENOUGH_EXECUTIONS)
        + 0.2 * min(1.0, (until - since) / DAY_SECONDS / _ENOUGH_DAYS)
        + 0.2 * completeness(columns)
        + 0.2 * (1.0 - known_loss_share)
    )


def completeness(columns: Columns) -> float:
    """Say how much of five facts is there: duration, quality, context type, agent and user.

    Args:
        columns: The executions of a window.

    Returns:
        The mean of the five shares of executions that say it, 0 to 1; 0 without executions.
    """
    facts: list[Sequence[object]] = [
        columns.durations_us,
        columns.qualities_ppm,
        columns.context_types,
        columns.agents,
        columns.users,
    ]
    if not len(columns):
        return 0.0
    return sum(len(fact) - fact.count(None) for fact in facts) / (len(columns) * len(facts))
