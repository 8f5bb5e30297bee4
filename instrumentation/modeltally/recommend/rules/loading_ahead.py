"""Which models to load before they are asked for, by how often what was like now was followed by a use in time.

The chance is that of the view ``usage_chance``: the share of earlier hours, of all models, that were like this one by
the idle time, the usual uses at this time of the day and how busy the fleet is. It shows its count.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from modeltally.recommend.policies.keep_alive import break_even_seconds
from modeltally.recommend.record import ADVISE, Made, Refutation
from modeltally.recommend.rules.reading import HOUR, load_seconds, nothing_said, success_rates, unwatched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modeltally.recommend.record import Occasion

__all__ = ["AHEAD_DAYS", "load_ahead", "next_use"]

AHEAD_DAYS: Final = 28
_HOURS_OF_DAY: Final = 24
_WEEK_DAYS: Final = 7
_MOST_HOURS: Final = 24
_QUANTILES: Final = (0.1, 0.5, 0.9)


def load_ahead(occasion: Occasion) -> Iterator[Made]:
    """Say which models to load now.

    Args:
        occasion: When advice is asked for.

    Yields:
        A row for each model to load, or one that says why nothing is said.
    """
    settings = occasion.store.settings
    since = occasion.as_of - dt.timedelta(days=AHEAD_DAYS)
    refusal = unwatched(occasion, since, least_days=settings.preload_history_days, what="to know what is likely")
    if refusal is not None:
        yield nothing_said(occasion, refusal, since)
        return
    loads = load_seconds(occasion, since)
    rates = success_rates(occasion, since)
    uses = _uses_by_hour(occasion)
    within = {model: _within_hours(loads.get(model, settings.preload_unknown_load_seconds)) for model in uses}
    for hours in sorted(set(within.values())):
        for row in _chances(occasion, since, hours):
            model = str(row["subject"])
            chance = float(str(row["chance"]))
            a_day = sum(count for _, count in uses.get(model, {}).values()) / _WEEK_DAYS
            if (
                within.get(model) == hours
                and a_day > settings.preload_threshold_frequency
                and rates.get(model, 0.0) > settings.preload_success_rate
                and chance >= settings.preload_probability
            ):
                facts = {"uses_per_day": a_day, "success_rate": rates[model]}
                yield _advised(occasion, model, row, chance, hours, loads.get(model), uses[model], facts, since)


def _advised(  # noqa: PLR0913, PLR0917 - each is a fact about the model
    occasion: Occasion,
    model: str,
    row: Mapping[str, object],
    chance: float,
    hours: int,
    loading: float | None,
    uses: Mapping[int, tuple[int, int]],
    facts: Mapping[str, float],
    since: dt.datetime,
) -> Made:
    settings = occasion.store.settings
    taken = loading or settings.preload_unknown_load_seconds
    # an hour warm pays where the wait it saves is worth more
    pays_from = (
        HOUR.total_seconds() / break_even_seconds(taken, waiting_price=settings.waiting_weight, idle_price=1.0)
        if taken > 0
        else None
    )
    times = next_use({hour: days for hour, (days, _) in uses.items()}, chance, hours, occasion.as_of)
    pays = pays_from is not None and chance >= pays_from
    price = (
        ""
        if pays or pays_from is None
        else f"; at waiting_weight {settings.waiting_weight:g} an hour of a place costs more than that wait"
    )
    idle = float(str(row["idle_hours"]))
    length = "1 hour" if hours == 1 else f"{hours} hours"
    n, k = int(str(row["times_like_now"])), int(str(row["came_in_time"]))
    return Made(
        subject=model,
        verdict=ADVISE,
        action="keep loaded" if idle < 1 else "load",
        reason=(f"preload: {k:,} of {n:,} times like now a use came within {length}{price}"),
        confidence=chance,
        horizon_seconds=hours * HOUR.total_seconds(),
        priority="high" if pays else "medium" if chance >= 0.75 else "low",  # noqa: PLR2004 - three in four
        evidence={
            "chance": chance,
            "times_like_now": n,
            "came_in_time": k,
            "within_hours": hours,
            "idle_hours": idle,
            "usual_uses": row["usual_uses"],
            "level": row["level"],
            **facts,
            "load_seconds": loading,
            "pays_from_chance": pays_from,
            "waiting_weight": settings.waiting_weight,
            "next_use_from": times[0],
            "next_use_at": times[1],
            "next_use_until": times[2],
            "last_used_at": row["last_used_at"],
        },
        refutation=Refutation(
            words=f"it is not asked for within {length}",
            figure="requests",
            less_than=1,
            after_seconds=(hours * HOUR.total_seconds(),),
        ),
        window_since=since,
        window_until=occasion.as_of,
        expires_at=occasion.as_of + hours * HOUR,
    )


def next_use(
    days_by_hour: Mapping[int, int], chance: float, within_hours: int, as_of: dt.datetime
) -> Sequence[dt.datetime | None]:
    """Say when the next use is to be expected: after one in ten, one in two and nine in ten cases.

    The first hours have the chance that was told; each later one the share of the last seven days on which that hour
    of the day was used, drawn towards the share of all its hours as if there had been one day more.

    Args:
        days_by_hour: By the hour of the day (UTC): on how many of the last seven days the model was used in it.
        chance: Of a use within the first hours.
        within_hours: How many these are.
        as_of: The time.

    Returns:
        Three times; None for one later than a week from now.
    """
    base = sum(days_by_hour.values()) / (_WEEK_DAYS * _HOURS_OF_DAY)
    left, at = 1.0, as_of
    found: list[dt.datetime | None] = []
    for ahead in range(_WEEK_DAYS * _HOURS_OF_DAY):
        if ahead < within_hours:
            taken = 1.0 - (1.0 - min(chance, 1.0)) ** (1.0 / within_hours)
        else:
            taken = (days_by_hour.get(at.hour, 0) + base) / (_WEEK_DAYS + 1)
        after = left * (1.0 - taken)
        while len(found) < len(_QUANTILES) and 1.0 - after >= _QUANTILES[len(found)]:
            part = (left - (1.0 - _QUANTILES[len(found)])) / (left - after)
            found.append(at + part * HOUR)
        left, at = after, at + HOUR
    return [*found, *[None] * (len(_QUANTILES) - len(found))]


def _within_hours(loading: float) -> int:
    """Give the hours within which a use pays: one, and the time that a load takes."""
    return min(_MOST_HOURS, max(1, round(1 + loading / HOUR.total_seconds())))


def _uses_by_hour(occasion: Occasion) -> dict[str, dict[int, tuple[int, int]]]:
    """Give each model's days and uses by the hour of the day (UTC), over the last seven days up to now."""
    since = occasion.as_of - dt.timedelta(days=_WEEK_DAYS)
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for row in occasion.store.read("busy_hours", {"since": since, "until": occasion.as_of, "zone": "UTC"}):
        told = min(_WEEK_DAYS, int(str(row["days"]))), int(str(row["requests"]))
        found.setdefault(str(row["model"]), {})[int(str(row["hour"]))] = told
    return found


def _chances(occasion: Occasion, since: dt.datetime, hours: int) -> Sequence[Mapping[str, object]]:
    return occasion.store.read(
        "usage_chance",
        {
            "kind": "model",
            "subject": "",
            "operation": "model.request",
            "since": since,
            "until": occasion.as_of,
            "within_hours": hours,
        },
    )
