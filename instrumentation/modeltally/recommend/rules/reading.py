"""What several rules read the same way: how long loads take, how well requests end, if there is enough to go by."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from modeltally.recommend.record import EVERY_MODEL, REFUSED, Made

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.recommend.record import Occasion

__all__ = ["HOUR", "days_before", "load_seconds", "nothing_said", "success_rates", "unwatched"]

HOUR: Final = dt.timedelta(hours=1)


def load_seconds(occasion: Occasion, since: dt.datetime) -> dict[str, float]:
    """Give the mean time of a load of each model that was seen loading.

    Args:
        occasion: When advice is asked for.
        since: From when loads count.
    """
    rows = occasion.store.read("loads_by_model", _asked(occasion, since))
    return {str(row["model"]): _number(row["mean_load_ms"]) / 1000 for row in rows if row["mean_load_ms"]}


def success_rates(occasion: Occasion, since: dt.datetime) -> dict[str, float]:
    """Give the success rate of each model of which a request was rated.

    Args:
        occasion: When advice is asked for.
        since: From when requests count.
    """
    rows = occasion.store.read("usage_by_model", _asked(occasion, since))
    return {str(row["model"]): _number(row["success_rate"]) for row in rows if row["success_rate"] is not None}


def unwatched(occasion: Occasion, since: dt.datetime, *, least_days: float, what: str) -> str | None:
    """Say why there is too little to go by.

    Args:
        occasion: When advice is asked for.
        since: From when days count.
        least_days: How many of them must have been watched.
        what: What they are needed for.

    Returns:
        A code and a sentence; None where there is enough.
    """
    if occasion.is_silent and occasion.seen_at is not None:
        return f"silence: nothing was seen since {occasion.seen_at:%Y-%m-%d %H:%M:%S}"
    first = since.astimezone(dt.UTC).date()
    watched = sum(first <= day for day in occasion.watched)
    if watched < least_days:
        days = "day" if watched == 1 else "days"
        return f"history: watched for {watched} {days}, {least_days:g} are needed {what}"
    return None


def nothing_said(occasion: Occasion, reason: str, since: dt.datetime, **evidence: object) -> Made:
    """Refuse the whole run.

    Args:
        occasion: When advice is asked for.
        reason: Why, as a code and a sentence.
        since: Where what was looked at begins.
        evidence: Figures behind it.
    """
    return Made(
        subject=EVERY_MODEL,
        verdict=REFUSED,
        reason=reason,
        evidence={"watched_days": len(occasion.watched), **evidence},
        window_since=since,
        window_until=occasion.until,
        expires_at=occasion.as_of + dt.timedelta(days=1),
    )


def days_before(as_of: dt.datetime, days: int, zone: str) -> tuple[dt.datetime, dt.datetime]:
    """Give the last whole days by the clocks of a zone.

    Args:
        as_of: A moment of the day after them.
        days: How many.
        zone: The name of the zone.

    Returns:
        Where they begin and where they end, in UTC; days of 23 or 25 hours are whole days too.
    """
    there = as_of.astimezone(ZoneInfo(zone))
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    first = midnight - dt.timedelta(days=days)  # the clock's days, whatever their length
    return first.astimezone(dt.UTC), midnight.astimezone(dt.UTC)


def _asked(occasion: Occasion, since: dt.datetime) -> Mapping[str, object]:
    return {
        "since": since,
        "until": occasion.as_of,
        "as_of": occasion.as_of,
        "abandoned_after_seconds": occasion.store.settings.abandoned_after_seconds,
    }


def _number(value: object) -> float:
    return float(str(value))
