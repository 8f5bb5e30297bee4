"""The next seven days by hour, each with an interval that four of five hours fall into.

An hour to come is like the same hour of the past weeks, where there are four whole weeks of them, else like the same
hour of the past days. Past counts of that hour and of its two neighbours are put in order, and the interval leaves a
tenth of the chances out at either end: the next count is as likely to fall into any of the ``n + 1`` gaps between ``n``
past ones, so that the places ``0.1 (n + 1)`` and ``0.9 (n + 1)`` bound it with a chance of four fifths, however the
counts vary (split conformal prediction: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005,
chapter 2). No form of the variance is assumed. The level is that of late: hours of the day are those of the last seven
days alone, and a week of the past counts in proportion to the last two.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from modeltally.analytics.reducer.calendar import HOUR_SECONDS, HOURS_OF_DAY, HOURS_OF_WEEK
from modeltally.analytics.reducer.contract import Forecast, ForecastBasis, ForecastHour

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["forecast", "interval"]

_HORIZON: Final = HOURS_OF_WEEK
_WEEKS_NEEDED: Final = 4
_MOST_WEEKS: Final = 8
_DAYS_NEEDED: Final = 2
_MOST_DAYS: Final = 7
# added to a week's total before two of them are compared, so that a nearly empty one does not weigh a hundredfold
_STEADYING: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def forecast(hours: Mapping[int, int], *, since: float, until: float) -> Forecast | None:
    """Forecast the 168 hours after a window.

    Args:
        hours: Executions by hours since 1970.
        since: The window's begin, seconds since 1970.
        until: Its end; the first whole hour at or after it is the first of the forecast.

    Returns:
        The forecast; None where the window has less than two whole days of hours, or no execution.
    """
    begin, end = math.ceil(since / HOUR_SECONDS), math.floor(until / HOUR_SECONDS)
    first = math.ceil(until / HOUR_SECONDS)
    weeks, days = (end - begin) // HOURS_OF_WEEK, (end - begin) // HOURS_OF_DAY
    if days < _DAYS_NEEDED or not any(hours.values()):
        return None
    if weeks >= _WEEKS_NEEDED:
        basis, cycle, periods = ForecastBasis.HOUR_OF_WEEK, HOURS_OF_WEEK, min(weeks, _MOST_WEEKS)
        factors = _factors(hours, end, periods)
    else:
        basis, cycle, periods = ForecastBasis.HOUR_OF_DAY, HOURS_OF_DAY, min(days, _MOST_DAYS)
        factors = [1.0] * periods
    oldest = end - cycle * periods
    cells = [_cell(hours, place, oldest=oldest, end=end, cycle=cycle, factors=factors) for place in range(cycle)]
    return Forecast(
        basis=basis,
        periods=periods,
        hours=tuple(
            ForecastHour(starts_at=_EPOCH + timedelta(hours=hour), expected=cell[0], low=cell[1], high=cell[2])
            for hour in range(first, first + _HORIZON)
            for cell in [cells[(hour - oldest) % cycle]]
        ),
    )


def interval(ascending: Sequence[float]) -> tuple[int, int]:
    """Give the interval that the next value falls into with a chance of four fifths.

    Args:
        ascending: Past values in order, at least one.

    Returns:
        Its ends, which belong to it: the whole numbers between the places of a tenth and of nine tenths, or those
        around them where there are none between. With fewer than nine values the ends are 0 and the largest.
    """
    low, high = _at(ascending, 1), _at(ascending, 9)
    inner = math.ceil(low), math.floor(high)
    return inner if inner[0] <= inner[1] else (math.floor(low), math.ceil(high))


def _at(ascending: Sequence[float], tenths: int) -> float:
    """Give what stands at the place ``tenths / 10 (n + 1)``, between two values in proportion."""
    place, rest = divmod(tenths * (len(ascending) + 1), 10)
    if place < 1:
        return 0.0
    if place >= len(ascending):
        return ascending[-1]
    return ascending[place - 1] + (ascending[place] - ascending[place - 1]) * rest / 10


def _cell(
    hours: Mapping[int, int], place: int, *, oldest: int, end: int, cycle: int, factors: Sequence[float]
) -> tuple[float, int, int]:
    same, near = [], []
    for period, factor in enumerate(factors):
        centre = oldest + period * cycle + place
        same.append(hours.get(centre, 0) * factor)
        near += [hours.get(hour, 0) * factor for hour in range(centre - 1, centre + 2) if oldest <= hour < end]
    return sum(same) / len(same), *interval(sorted(near))


def _factors(hours: Mapping[int, int], end: int, weeks: int) -> list[float]:
    """Give for each week, oldest first, what brings it to the level of the last two."""
    oldest = end - weeks * HOURS_OF_WEEK
    sums = [0, *accumulate(hours.get(hour, 0) for hour in range(oldest, end))]
    totals = [sums[at + HOURS_OF_WEEK] - sums[at] for at in range(0, weeks * HOURS_OF_WEEK, HOURS_OF_WEEK)]
    recent = (totals[-1] + totals[-2]) / 2
    return [(recent + _STEADYING) / (total + _STEADYING) for total in totals]
