"""How models are used, as the statistics say: what a manager that can ask them is given."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from modeltally.analytics.topics.lifecycle import STORAGE
from modeltally.analytics.topics.usage import MODELS
from modeltally.analytics.window import Window, format_moment
from modeltally.availability.status import ModelUsage

if TYPE_CHECKING:
    from modeltally.analytics.statistics import Statistics
    from modeltally.store import Store

__all__ = ["watched_usage"]

_DAYS: Final = 30


def watched_usage(store: Store, statistics: Statistics, *, now: datetime) -> dict[str, ModelUsage]:
    """Say how each model was used in the last thirty days, when it was last used at all, and how long anybody watched.

    Args:
        store: What is asked for the days that were watched.
        statistics: What is asked for the rest.
        now: The time, UTC.

    Returns:
        The use by model; one that was seen and never asked is among them.

    Raises:
        StoreError: The database refused or failed.
    """
    window = Window(now - timedelta(days=_DAYS), now, now)
    used = {row["model"]: row for row in statistics.ask(MODELS, window).rows}
    (days,) = store.read("days_watched", {"as_of": format_moment(now), "count_imports": 0})
    watched = float(len(cast("list[object]", days["days"])))
    found = {}
    for row in statistics.ask(STORAGE, window).rows:
        mine = used.get(row["model"])
        mean = None if mine is None else mine["mean_ms"]
        found[row["model"]] = ModelUsage(
            0.0 if mine is None else mine["requests"] / _DAYS,
            row["last_used_at"],
            None if mean is None else mean / 1000,
            watched,
        )
    return found
