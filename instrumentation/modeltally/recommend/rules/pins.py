"""What to keep loaded: the models used most of late, for half of what fits, chosen anew each hour.

A use counts half after a day, from ``many_slots`` on after three days. Half of the slots is the most: pins on more of
them starve every other model. Where room is told in bytes, and the size of each model is known, models rank by their
use divided by the square root of their size, which saves cold starts and bytes loaded both.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Final, NamedTuple

from modeltally.recommend.constants import (
    MANY_SLOTS,
    PINNED_SHARE,
    PINS_HALF_LIFE_SECONDS,
    PINS_LONG_HALF_LIFE_SECONDS,
    PINS_RENEWED_SECONDS,
)
from modeltally.recommend.record import ADVISE, Made, Refutation
from modeltally.recommend.rules.reading import nothing_said, unwatched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from modeltally.recommend.record import Occasion

__all__ = ["KEEP_DAYS", "Used", "chosen", "keep_loaded"]

# after so long a use counts a thousandth, with the longer half-life
KEEP_DAYS: Final = 30
_LEAST_DAYS: Final = 2.0
# how a use within a day follows from decayed uses is not fitted: only ranks are
_NOT_USED = Refutation(
    words="it is not asked for within a day", figure="requests", less_than=1, after_seconds=(86_400.0,)
)


class Used(NamedTuple):
    """How much a model is used of late."""

    model: str
    decayed_uses: float
    requests: int
    last_used_at: dt.datetime
    days: int
    size_bytes: int | None = None


def chosen(used: Sequence[Used], *, slots: int = 0, room_bytes: int = 0) -> list[Used]:
    """Choose what is kept loaded.

    Args:
        used: Every model with its use.
        slots: How many models fit; 0 where that is not what limits.
        room_bytes: How many bytes fit; 0 where that is not what limits. It takes the size of every model.

    Returns:
        The models, the most used first; of equal ones the first by name.
    """
    alive = [one for one in used if one.decayed_uses > 0]
    if room_bytes:
        left = room_bytes * PINNED_SHARE
        ranked = sorted(alive, key=lambda one: (-one.decayed_uses / math.sqrt(one.size_bytes or 1), one.model))
        kept = []
        for one in ranked:
            if one.size_bytes is not None and one.size_bytes <= left:
                kept.append(one)
                left -= one.size_bytes
    else:
        kept = sorted(alive, key=lambda one: (-one.decayed_uses, one.model))
    return kept[: int(slots * PINNED_SHARE)] if slots else kept


def keep_loaded(occasion: Occasion) -> Iterator[Made]:
    """Say what to keep loaded for the next hour.

    Args:
        occasion: When advice is asked for.

    Yields:
        A row for each model to keep, or one that says why there is none.
    """
    settings = occasion.store.settings
    slots = int(str(occasion.asked.get("slots", settings.keep_slots)))
    room_bytes = int(str(occasion.asked.get("room_bytes", settings.keep_room_bytes)))
    since = occasion.as_of - dt.timedelta(days=KEEP_DAYS)
    refusal = _no_room(slots, room_bytes) or unwatched(
        occasion, since, least_days=_LEAST_DAYS, what="to tell what is used most"
    )
    if refusal is not None:
        yield nothing_said(occasion, refusal, since)
        return
    half_life = PINS_LONG_HALF_LIFE_SECONDS if room_bytes or slots >= MANY_SLOTS else PINS_HALF_LIFE_SECONDS
    used = _used(occasion, since, half_life)
    unsized = [one.model for one in used if one.size_bytes is None] if room_bytes else []
    if unsized:
        named = ", ".join(unsized[:3]) + (f" and {len(unsized) - 3} more" if len(unsized) > 3 else "")  # noqa: PLR2004 - three names are enough
        yield nothing_said(
            occasion, f"size: of {named} no size is known, so what fits is not; run the inventory", since
        )
        return
    kept = chosen(used, slots=slots, room_bytes=room_bytes)
    yield from _rows(
        occasion, since, kept, used, {"slots": slots, "room_bytes": room_bytes, "half_life_seconds": half_life}
    )


def _no_room(slots: int, room_bytes: int) -> str | None:
    if slots <= 0 and room_bytes <= 0:
        return "slots: how many models fit is not known; set keep_slots or keep_room_bytes, or give --slots"
    if 0 < slots < 1 / PINNED_SHARE:
        return "slots: with room for one model it has to go for each other one; none can be kept"
    return None


def _rows(
    occasion: Occasion, since: dt.datetime, kept: Sequence[Used], used: Sequence[Used], room: Mapping[str, object]
) -> Iterable[Made]:
    names = {one.model for one in kept}
    next_one = next((one for one in used if one.model not in names), None)
    for place, one in enumerate(kept, start=1):
        displaced = (
            "" if next_one is None else f", where the next one, {next_one.model}, has {next_one.decayed_uses:.1f}"
        )
        yield Made(
            subject=one.model,
            verdict=ADVISE,
            action="keep loaded",
            reason=f"keep: number {place} of {len(kept)}, {one.decayed_uses:.1f} uses of late{displaced}",
            priority="high" if place == 1 else "medium",
            evidence={
                "place": place,
                "decayed_uses": one.decayed_uses,
                "requests": one.requests,
                "days_used": one.days,
                "last_used_at": one.last_used_at,
                "size_bytes": one.size_bytes,
                "next_model": next_one.model if next_one is not None else None,
                "next_decayed_uses": next_one.decayed_uses if next_one is not None else None,
                **room,
            },
            # as often as it was used on a day, with one day more on either side
            confidence=(one.days + 1) / (max(_watched(occasion, since), one.days) + 2),
            horizon_seconds=86_400.0,
            refutation=_NOT_USED,
            window_since=since,
            window_until=occasion.as_of,
            expires_at=occasion.as_of + dt.timedelta(seconds=PINS_RENEWED_SECONDS),
        )


def _watched(occasion: Occasion, since: dt.datetime) -> int:
    return sum(since.date() <= day for day in occasion.watched)


def _used(occasion: Occasion, since: dt.datetime, half_life_seconds: float) -> list[Used]:
    window = {"since": since, "until": occasion.as_of}
    rows = occasion.store.read("decayed_uses", {**window, "half_life_seconds": half_life_seconds})
    sizes = occasion.store.read(
        "storage_by_model",
        {
            **window,
            "as_of": occasion.as_of,
            "abandoned_after_seconds": occasion.store.settings.abandoned_after_seconds,
        },
    )
    size_of = {str(row["model"]): row["size_bytes"] for row in sizes}
    return [
        Used(
            model=str(row["model"]),
            decayed_uses=float(str(row["decayed_uses"])),
            requests=int(str(row["requests"])),
            days=int(str(row["days"])),
            last_used_at=row["last_used_at"],  # type: ignore[arg-type] # a time
            size_bytes=size_of.get(str(row["model"])),  # type: ignore[arg-type] # a number or none
        )
        for row in rows
    ]
