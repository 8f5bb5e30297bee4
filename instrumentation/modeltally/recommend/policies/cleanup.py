"""Which models may go, from the days on which each was used: rule A, and rule R, which asks for a chance besides.

Rule A: idle for longer than 120 days and than three times the longest pause so far, and known by more than three days
of use for longer than 150 days; with fewer, idle for longer than 150 days. Rule R: rule A, and a chance of at least
0.95 by the carried hazard that nobody uses it within 30 days.

Uses are counted by days, so that more of them on one day change nothing; and a use on a later day never makes rule A
name a model that it would not have named without.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import starmap
from typing import TYPE_CHECKING, NamedTuple

from modeltally.recommend.constants import (
    CLEANUP_CHANCE,
    DELETE_WATCHED_DAYS,
    FEW_USES,
    FEW_USES_IDLE_DAYS,
    LEAST_AGE_DAYS,
    LEAST_IDLE_DAYS,
    LONGEST_PAUSES,
)
from modeltally.recommend.policies.contract import DayOfFleet, Policy, Setting
from modeltally.recommend.policies.hazard import CarriedHazard

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["CLEANUP", "Idle", "Life", "may_go"]

_MONTH_DAYS = 30


class Idle(NamedTuple):
    """How long a model was not used, and how it was used before.

    Attributes:
        age_days: Days since it was first there.
        idle_days: Days since its last use, or since it was first there.
        longest_days: The longest pause between two days of use so far; 0 with fewer than two.
        days_used: On how many days it was used, ever.
        settled_days: Days since its third day of use; with fewer, since the last, or since it was first there.
    """

    age_days: int
    idle_days: int
    longest_days: int
    days_used: int
    settled_days: int


def may_go(idle: Idle, *, watched_days: int) -> bool:
    """Judge a model by rule A.

    Args:
        idle: The model.
        watched_days: Days on which something was watching.

    Returns:
        Whether it may go.
    """
    if watched_days < DELETE_WATCHED_DAYS or idle.age_days < LEAST_AGE_DAYS:
        return False
    # few days of use say little about pauses, also when one more has come since
    if idle.settled_days <= FEW_USES_IDLE_DAYS:
        return False
    return idle.idle_days > max(LEAST_IDLE_DAYS, LONGEST_PAUSES * idle.longest_days)


@dataclass(slots=True)
class Life:
    """What is known of one model, by the numbers of days.

    Attributes:
        arrived: When it was first there.
        last: The last day of use; the day before it was there until there is one.
        settled: The third day of use, or the last while there are fewer.
        longest: The longest pause between two days of use, in days.
        days_used: On how many days it was used.
    """

    arrived: int
    last: int
    settled: int
    longest: int = 0
    days_used: int = 0

    @classmethod
    def beginning(cls, day: int) -> Life:
        """Begin on the day on which a model is first there."""
        return cls(day, day - 1, day - 1)

    def use(self, day: int) -> None:
        """Note a day of use, later than every one before."""
        if self.days_used:
            self.longest = max(self.longest, day - self.last)
        if self.days_used < FEW_USES - 1:
            self.settled = day
        self.last = day
        self.days_used += 1

    def idle(self, day: int) -> Idle:
        """Tell how it stands at the end of a day."""
        return Idle(day - self.arrived + 1, day - self.last, self.longest, self.days_used, day - self.settled)


class RuleR:
    """Rule R; rule A where no chance is asked for."""

    def __init__(self, setting: Setting, *, least_chance: float = CLEANUP_CHANCE) -> None:
        """Begin without a day.

        Args:
            setting: Does not matter.
            least_chance: The chance of no use within 30 days that a model needs to be named.
        """
        del setting
        self._least_chance = least_chance
        self._lives: dict[str, Life] = {}
        self._hazard = CarriedHazard()
        self._days = 0
        self._day = -1

    def passed(self, day: DayOfFleet) -> None:
        """Note a day."""
        self._days += 1
        self._day = day.day
        for model in (*day.arrived, *day.uses):
            if model not in self._lives:
                self._lives[model] = Life.beginning(day.day)
        for model in day.uses:
            life = self._lives[model]
            idle = life.idle(day.day - 1)
            self._hazard.ended(idle.idle_days, days_used=idle.days_used, longest_days=idle.longest_days)
            life.use(day.day)

    def named(self) -> Collection[str]:
        """Name the models that may go."""
        standing = {model: life.idle(self._day) for model, life in self._lives.items()}
        going = [model for model, idle in standing.items() if may_go(idle, watched_days=self._days)]
        if not going or self._least_chance <= 0:
            return going
        chances = self.chances(_MONTH_DAYS)
        return [model for model in going if chances[model] >= self._least_chance]

    def chances(self, days: int) -> Mapping[str, float]:
        """Give the chance of each model not to be used on the next days."""
        standing = {model: life.idle(self._day) for model, life in self._lives.items()}
        table = self._hazard.table((idle.idle_days, idle.days_used, idle.longest_days) for idle in standing.values())
        return {
            model: table.unused(idle.idle_days, days, days_used=idle.days_used, longest_days=idle.longest_days)
            for model, idle in standing.items()
        }


class _IdleFor:
    """Whatever idles for some days goes, as many tools have it."""

    def __init__(self, days: int, setting: Setting) -> None:
        del setting
        self._days = days
        self._last: dict[str, int] = {}
        self._day = -1

    def passed(self, day: DayOfFleet) -> None:
        self._day = day.day
        for model in (*day.arrived, *day.uses):
            self._last[model] = day.day

    def named(self) -> Collection[str]:
        return [model for model, last in self._last.items() if self._day - last >= self._days]

    def chances(self, days: int) -> Mapping[str, float]:
        del days
        return {}


CLEANUP = tuple(
    starmap(
        partial(Policy, "cleanup"),
        (
            (
                "rule_r",
                "Idle three times its longest pause, and unused for 30 days at 0.95 by the carried hazard.",
                RuleR,
            ),
            ("rule_a", "The same without the chance.", partial(RuleR, least_chance=0.0)),
            ("idle_30", "UNSAFE: idle for 30 days.", partial(_IdleFor, 30)),
            ("idle_90", "UNSAFE: idle for 90 days.", partial(_IdleFor, 90)),
        ),
    )
)
