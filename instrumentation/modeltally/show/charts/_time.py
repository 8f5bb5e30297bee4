"""The axis of time: stretches with their ends, and ticks that say the hour or day of a zone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.analytics.window import Window

__all__ = ["Stretch", "epoch_ms", "moment_label", "stretches_of", "time_axis"]

_TICKS: Final = 8
_DECEMBER: Final = 12


class Stretch:
    """A stretch of time, and the rows that are of it."""

    __slots__ = ("begin", "end", "is_partial", "rows")

    def __init__(self, begin: datetime, end: datetime, *, is_partial: bool) -> None:
        self.begin = begin
        self.end = end
        self.is_partial = is_partial
        self.rows: list[Mapping[str, Any]] = []


def stretches_of(rows: Sequence[Mapping[str, Any]], *, window: Window, bucket: str, zone: str) -> list[Stretch]:
    """Sort rows into their stretches; none goes beyond what is known.

    Args:
        rows: Rows with ``begin_at``.
        window: The window asked about.
        bucket: How time is cut.
        zone: The zone in which days begin.

    Returns:
        The stretches in order; the first and the last are partial where the window, or the time of the answer, cuts
        them.
    """
    known_until = min(window.until, window.as_of)
    begins = sorted({row["begin_at"] for row in rows if row["begin_at"] < known_until})
    found: dict[datetime, Stretch] = {}
    for begin, after in zip_longest(begins, begins[1:]):
        end = after or _next_begin(begin, bucket, zone)
        is_partial = begin < window.since or end > known_until
        found[begin] = Stretch(begin, min(end, known_until), is_partial=is_partial)
    for row in rows:
        if row["begin_at"] in found:
            found[row["begin_at"]].rows.append(row)
    return list(found.values())


def time_axis(begins: Sequence[datetime], *, bucket: str, zone: str) -> dict[str, Any]:
    """Make the axis of a scale of milliseconds since 1970, with at most eight ticks where stretches begin.

    Args:
        begins: Where stretches begin, in order.
        bucket: How time is cut.
        zone: The zone that labels are in.

    Returns:
        The axis of a Vega-Lite encoding.
    """
    step = max(-(-len(begins) // _TICKS), 1)
    ticks = list(begins[::step])
    labels: dict[str, str] = {}
    year: int | None = None
    for tick in ticks:
        local = tick.astimezone(ZoneInfo(zone))
        labels[str(epoch_ms(tick))] = _tick_label(local, bucket, has_year=year is not None and local.year != year)
        year = local.year
    return {
        "values": [epoch_ms(tick) for tick in ticks],
        "labelExpr": f"{json.dumps(labels)}[datum.value]",
        "grid": False,
        "title": zone,
        "labelOverlap": "greedy",
    }


def epoch_ms(moment: datetime) -> int:
    """Count the milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def moment_label(moment: datetime, *, bucket: str, zone: str) -> str:
    """Write the begin of a stretch: the day, and the hour where time is cut so fine."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M}" if bucket == "hour" else f"{local:%Y-%m-%d}"


def _tick_label(local: datetime, bucket: str, *, has_year: bool) -> str:
    day = f"{local.day} {local:%b}"
    if bucket == "month" or has_year:
        return f"{local:%b %Y}" if bucket == "month" else f"{day} {local.year}"
    return f"{day} {local:%H:%M}" if bucket == "hour" else day


def _next_begin(begin: datetime, bucket: str, zone: str) -> datetime:
    """Say where the stretch after this one begins."""
    if bucket == "hour":
        return begin + timedelta(hours=1)
    local = begin.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if bucket == "month":
        is_last = local.month == _DECEMBER
        after = local.replace(year=local.year + is_last, month=1 if is_last else local.month + 1, day=1)
    else:
        after = local + timedelta(days=7 if bucket == "week" else 1)
    return after.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
