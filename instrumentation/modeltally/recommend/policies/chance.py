"""How likely a model is used within some hours, told at each full hour.

Formula C: the share of earlier questions in the same cell after which a use came. A cell is (hours since the last
use) x (uses in these hours of the day, mean of the last 7 days, times the fleet's level); the level is what all
models together are used in the last 3 hours against the mean of the same hours of the last 7 days.

p = (k + 10 p1) / (n + 10), p1 = (k1 + 0.5) / (n1 + 5) over all cells of the same idle time
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from functools import partial
from itertools import starmap
from typing import TYPE_CHECKING, NamedTuple

from modeltally.recommend.constants import (
    CELL_PRIOR,
    CHANCE_DAYS,
    CHANCE_IDLE_EDGES_HOURS,
    CHANCE_USE_EDGES,
    LEVEL_HOURS,
    LEVEL_LEAST,
    LEVEL_MOST,
    LEVEL_PRIOR,
    ROW_PRIOR_HITS,
    ROW_PRIOR_SEEN,
)
from modeltally.recommend.policies.contract import HOUR_SECONDS, Policy, Request, Setting

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CHANCE", "Chance", "LevelTable"]

_HOURS_OF_DAY = 24
_DAYS = int(CHANCE_DAYS)


class Chance(NamedTuple):
    """The chance of one model, with what it rests on.

    Attributes:
        model: The model.
        chance: Of a use within the hours asked about.
        questions: n: how often the same was asked before, of any model.
        uses: k: after how many of these a use came.
        idle_hours: Hours since the last use.
        usual_uses: Mean uses in these hours of the day, times the level.
        level: What the fleet is used now against other days; 1 is as usual.
    """

    model: str
    chance: float
    questions: int
    uses: int
    idle_hours: float
    usual_uses: float
    level: float


class _Asked(NamedTuple):
    until_hour: int
    model: str
    cell: tuple[int, int]


class LevelTable:
    """Formula C, with or without the fleet's level, learning from its own questions."""

    def __init__(self, setting: Setting, *, has_level: bool = True) -> None:
        """Begin without a use.

        Args:
            setting: Holds the hours that are asked about.
            has_level: Go by what the fleet is used now.
        """
        self._hours = setting.hours
        self._has_level = has_level
        self._last: dict[str, float] = {}
        self._uses: dict[str, Counter[int]] = {}  # of each model by the hour
        self._fleet: Counter[int] = Counter()
        self._seen: Counter[tuple[int, int]] = Counter()
        self._hits: Counter[tuple[int, int]] = Counter()
        self._row_seen: Counter[int] = Counter()
        self._row_hits: Counter[int] = Counter()
        self._asked: deque[_Asked] = deque()

    def used(self, request: Request) -> None:
        """Note a use."""
        hour = int(request.at // HOUR_SECONDS)
        self._last[request.model] = request.at
        self._uses.setdefault(request.model, Counter())[hour] += 1
        self._fleet[hour] += 1

    def chances(self, at: float) -> dict[str, float]:
        """Give the chance of each model that was ever seen, and learn from what was asked before.

        Args:
            at: A full hour, in seconds since 1970.

        Returns:
            The chance of a use within the hours of the setting.
        """
        return {told.model: told.chance for told in self.told(at)}

    def told(self, at: float) -> list[Chance]:
        """Give the same with what each chance rests on.

        Args:
            at: A full hour, in seconds since 1970.

        Returns:
            The chance of each model that was ever seen.
        """
        hour = int(at // HOUR_SECONDS)
        self._learn(hour)
        self._forget(hour)
        level = self._level(hour) if self._has_level else 1.0
        return [self._of(model, at, hour, level) for model in sorted(self._last)]

    def _of(self, model: str, at: float, hour: int, level: float) -> Chance:
        idle_hours = (at - self._last[model]) / HOUR_SECONDS
        usual = self._mean(self._uses[model], hour, range(self._hours)) * level
        cell = bisect_right(CHANCE_IDLE_EDGES_HOURS, idle_hours), bisect_right(CHANCE_USE_EDGES, usual)
        row = (self._row_hits[cell[0]] + ROW_PRIOR_HITS) / (self._row_seen[cell[0]] + ROW_PRIOR_SEEN)
        chance = (self._hits[cell] + CELL_PRIOR * row) / (self._seen[cell] + CELL_PRIOR)
        self._asked.append(_Asked(hour + self._hours, model, cell))
        return Chance(model, chance, self._seen[cell], self._hits[cell], idle_hours, usual, level)

    def _level(self, hour: int) -> float:
        hours = range(-int(LEVEL_HOURS), 0)
        now = sum(self._fleet[hour + back] for back in hours)
        level = (now + LEVEL_PRIOR) / (self._mean(self._fleet, hour, hours) + LEVEL_PRIOR)
        return min(LEVEL_MOST, max(LEVEL_LEAST, level))

    def _mean(self, uses: Counter[int], hour: int, offsets: Iterable[int]) -> float:
        """Mean uses a day in hours at these distances from one, over the days before."""
        hours = [hour + offset for offset in offsets]
        return sum(uses.get(one - _HOURS_OF_DAY * back, 0) for back in range(1, _DAYS + 1) for one in hours) / _DAYS

    def _learn(self, hour: int) -> None:
        while self._asked and self._asked[0].until_hour <= hour:
            until, model, cell = self._asked.popleft()
            is_used = any(self._uses[model].get(until - back, 0) for back in range(1, self._hours + 1))
            self._seen[cell] += 1
            self._row_seen[cell[0]] += 1
            self._hits[cell] += is_used
            self._row_hits[cell[0]] += is_used

    def _forget(self, hour: int) -> None:
        """Forget hours that no mean reaches back to."""
        if hour % _HOURS_OF_DAY:
            return
        first = hour - _HOURS_OF_DAY * (_DAYS + 1) - self._hours
        for uses in (*self._uses.values(), self._fleet):
            for old in [one for one in uses if one < first]:
                del uses[old]


class _BaseRate:
    """Of all questions about any model, the share after which a use came."""

    def __init__(self, setting: Setting) -> None:
        self._hours = setting.hours
        self._last: dict[str, float] = {}
        self._asked: deque[tuple[float, tuple[str, ...]]] = deque()
        self._seen = self._hits = 0

    def used(self, request: Request) -> None:
        self._last[request.model] = request.at

    def chances(self, at: float) -> dict[str, float]:
        length = self._hours * HOUR_SECONDS
        while self._asked and self._asked[0][0] + length <= at:
            then, models = self._asked.popleft()
            self._seen += len(models)
            self._hits += sum(self._last[model] >= then for model in models)
        self._asked.append((at, tuple(self._last)))
        share = (self._hits + ROW_PRIOR_HITS) / (self._seen + ROW_PRIOR_SEEN)
        return dict.fromkeys(self._last, share)


CHANCE = tuple(
    starmap(
        partial(Policy, "chance"),
        (
            ("level_table", "Idle time x usual uses at this hour x the fleet's level: formula C.", LevelTable),
            ("hour_table", "The same without the fleet's level.", partial(LevelTable, has_level=False)),
            ("base_rate", "One chance for all: the share of earlier questions after which a use came.", _BaseRate),
        ),
    )
)
