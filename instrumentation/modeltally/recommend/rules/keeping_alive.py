"""How long a model stays loaded after a use, and in which hours of the day it is kept warm.

A pause is worth keeping a model through while it is shorter than T* = L (1 + w / G): L is the time of a load, w / G
what an hour of waiting costs against an hour of an idle place on the device, the setting ``waiting_weight``. Who
unloads after T* pays at most twice what the best choice would have cost (the ski rental argument). A model in the
middle of much use stays longer: T* (1 + ln n), n being its uses decayed by half an hour; at a steady rate of u uses an
hour n is 1 + u / (2 ln 2).

Hours of the day that were used on at least four of the last seven days are kept warm besides. That pays next to a T*
of twelve minutes or more, and costs warm hours next to a shorter one.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from modeltally.recommend.constants import (
    BURST_HALF_LIFE_SECONDS,
    SCHEDULE_DAYS,
    SCHEDULE_LEAST_DAYS,
    SCHEDULE_LEAST_TTL_SECONDS,
)
from modeltally.recommend.policies.keep_alive import break_even_seconds
from modeltally.recommend.record import ADVISE, REFUSED, Made, Refutation
from modeltally.recommend.rules.reading import HOUR, days_before, load_seconds, nothing_said, unwatched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modeltally.recommend.record import Occasion

__all__ = ["Stretch", "keep_alive", "stretches", "ttl_seconds"]

_DAYS: Final = int(SCHEDULE_DAYS)
_HOURS_OF_DAY: Final = 24
_LOADS_DAYS: Final = 30
_MINUTE: Final = 60


class Stretch(NamedTuple):
    """Hours of the day one after the other.

    Attributes:
        first: The hour it begins with.
        hours: How many.
        days: Of each hour, on how many of the last days it was used.
    """

    first: int
    hours: int
    days: tuple[int, ...]

    @property
    def begin(self) -> str:
        """When it begins, as a clock shows it."""
        return f"{self.first:02}:00"

    @property
    def end(self) -> str:
        """When it ends, as a clock shows it; all day long ends when it begins."""
        return f"{(self.first + self.hours) % _HOURS_OF_DAY:02}:00"


def stretches(days_by_hour: Mapping[int, int], *, least_days: int = int(SCHEDULE_LEAST_DAYS)) -> list[Stretch]:
    """Put together the hours of the day that were used on enough days.

    Args:
        days_by_hour: By the hour of the day, 0 to 23: on how many days it was used.
        least_days: How many are enough.

    Returns:
        The stretches in the order of their begin; one may go on past midnight.
    """
    busy = [days_by_hour.get(hour, 0) >= least_days for hour in range(_HOURS_OF_DAY)]
    if all(busy):
        return [Stretch(0, _HOURS_OF_DAY, tuple(days_by_hour[hour] for hour in range(_HOURS_OF_DAY)))]
    found = []
    for first in range(_HOURS_OF_DAY):
        if busy[first] and not busy[first - 1]:
            length = next(count for count in range(1, _HOURS_OF_DAY) if not busy[(first + count) % _HOURS_OF_DAY])
            hours = ((first + ahead) % _HOURS_OF_DAY for ahead in range(length))
            found.append(Stretch(first, length, tuple(days_by_hour[hour] for hour in hours)))
    return found


def ttl_seconds(break_even: float, uses_per_hour: float) -> float:
    """Give how long a model stays loaded after a use.

    Args:
        break_even: T*, in seconds.
        uses_per_hour: How often it is used in an hour in which it is used at all.
    """
    uses = 1.0 + max(0.0, uses_per_hour) * BURST_HALF_LIFE_SECONDS / HOUR.total_seconds() / math.log(2)
    return break_even * (1.0 + math.log(uses))


def keep_alive(occasion: Occasion) -> Iterator[Made]:
    """Say how long each model that is in use stays loaded, and when it is kept warm.

    Args:
        occasion: When advice is asked for.

    Yields:
        For each model a row about the time after a use, and one for each stretch of the day.
    """
    settings = occasion.store.settings
    zone = str(occasion.asked.get("zone", settings.advice_zone))
    since, until = days_before(occasion.as_of, _DAYS, zone)
    refusal = unwatched(occasion, since, least_days=_DAYS, what="to know the hours")
    if refusal is not None:
        yield nothing_said(occasion, refusal, since)
        return
    loads = load_seconds(occasion, occasion.as_of - dt.timedelta(days=_LOADS_DAYS))
    rows = occasion.store.read("busy_hours", {"since": since, "until": until, "zone": zone})
    by_model: dict[str, list[Mapping[str, object]]] = {}
    for row in rows:
        by_model.setdefault(str(row["model"]), []).append(row)
    for model, hours in by_model.items():
        yield from _of_model(occasion, model, hours, loads.get(model), zone=zone, since=since, until=until)


def _of_model(
    occasion: Occasion,
    model: str,
    hours: Sequence[Mapping[str, object]],
    loading: float | None,
    *,
    zone: str,
    since: dt.datetime,
    until: dt.datetime,
) -> Iterator[Made]:
    weight = occasion.store.settings.waiting_weight
    said = Made(
        subject=model,
        verdict=REFUSED,
        reason="load: none of its loads was recorded, so what a pause may cost is not known",
        window_since=since,
        window_until=until,
        expires_at=occasion.as_of + dt.timedelta(days=1),
    )
    requests, used_hours = (sum(int(str(row[name])) for row in hours) for name in ("requests", "hours"))
    seen = {"requests": requests, "used_hours": used_hours, "waiting_weight": weight}
    if not loading:
        yield replace(said, evidence=seen)
        return
    break_even = break_even_seconds(loading, waiting_price=weight, idle_price=1.0)
    stays = ttl_seconds(break_even, requests / used_hours)
    seen |= {"load_seconds": loading, "break_even_seconds": break_even, "ttl_seconds": stays}
    yield replace(
        said,
        verdict=ADVISE,
        action="unload when idle",
        reason=(
            f"ttl: unload it {_length(stays)} after its last use; a load takes {_length(loading)}, and with an hour of"
            f" waiting worth {weight:g} idle hours a pause pays up to {_length(break_even)}, longer amid"
            f" {requests / used_hours:.1f} uses an hour"
        ),
        priority="low",
        evidence=seen,
    )
    for stretch in stretches({int(str(row["hour"])): int(str(row["days"])) for row in hours}):
        yield _of_stretch(occasion, stretch, seen | {"zone": zone}, said)


def _of_stretch(occasion: Occasion, stretch: Stretch, seen: Mapping[str, object], base: Made) -> Made:
    zone, weight = str(seen["zone"]), float(str(seen["waiting_weight"]))
    evidence = {
        **seen,
        "begin": stretch.begin,
        "end": stretch.end,
        "hours": stretch.hours,
        "days_used": list(stretch.days),
        "days_looked_at": _DAYS,
    }
    few, many = min(stretch.days), max(stretch.days)
    days = f"{few}" if few == many else f"{few} to {many}"
    when = "all day" if stretch.hours == _HOURS_OF_DAY else f"at {stretch.begin}, keep it until {stretch.end}"
    said = f"load it {when} {zone}, daily: each hour of it was used on {days} of the last {_DAYS} days"
    break_even = float(str(seen["break_even_seconds"]))
    if break_even < SCHEDULE_LEAST_TTL_SECONDS:
        needed = SCHEDULE_LEAST_TTL_SECONDS / float(str(seen["load_seconds"])) - 1
        return replace(
            base,
            action=f"keep warm {stretch.begin}-{stretch.end}",
            reason=(
                f"price: warm hours pay where a pause of {_length(SCHEDULE_LEAST_TTL_SECONDS)} does, and here one of"
                f" {_length(break_even)} does; with waiting_weight from {math.ceil(needed):,} on (now {weight:g}):"
                f" {said}"
            ),
            evidence=evidence,
        )
    begins, ends = _next(occasion.as_of, stretch, zone)
    until_end = (ends - occasion.as_of).total_seconds()
    return replace(
        base,
        verdict=ADVISE,
        action=f"keep warm {stretch.begin}-{stretch.end}",
        reason=f"hours: {said}",
        # as often as it was, with one day more on either side
        confidence=(many + 1) / (_DAYS + 2),
        horizon_seconds=until_end,
        priority="high" if few == _DAYS else "medium",
        evidence=evidence,
        refutation=Refutation(
            words="it is not asked for in these hours",
            figure="requests",
            less_than=1,
            after_seconds=(until_end,),
            from_seconds=(begins - occasion.as_of).total_seconds(),
        ),
    )


def _next(as_of: dt.datetime, stretch: Stretch, zone: str) -> tuple[dt.datetime, dt.datetime]:
    """Give the begin and the end of the next such stretch that is still to begin."""
    there = as_of.astimezone(ZoneInfo(zone))
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(3):
        begin = (midnight + dt.timedelta(days=day, hours=stretch.first)).astimezone(dt.UTC)
        if begin >= as_of:
            break
    return begin, begin + stretch.hours * HOUR


def _length(seconds: float) -> str:
    """Say how long something takes, in the unit that people would."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR.total_seconds():
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / HOUR.total_seconds():.1f} h"
