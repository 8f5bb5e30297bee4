"""Replays a fleet day by day, and compares what a rule would have deleted with what was used after."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from modeltally.recommend.backtest.errors import PolicyError
from modeltally.recommend.policies.contract import DayOfFleet, Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modeltally.recommend.policies.contract import Policy

__all__ = ["Cleaned", "Fleet", "asked_days_of", "replay_cleanup"]

_MONTH_DAYS: Final = 30
_QUARTER_DAYS: Final = 90
# when a rule is asked: twice while it is to be silent, then each month
_EARLY_DAYS: Final = (120, 149)
_FIRST_DAY: Final = 180
# chances are judged of models that idle for longer
_JUDGED_IDLE_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Fleet:
    """Which models were there, how large they are, and on which days each was used.

    Attributes:
        days: How many days there are, from day 0.
        arrived: On which day each model was first there.
        sizes: How many bytes each has; empty where nobody knows.
        uses: How often each model was used on each day on which it was.
    """

    days: int
    arrived: Mapping[str, int]
    sizes: Mapping[str, int]
    uses: Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a rule came to when it was asked on one day.

    Attributes:
        watched_days: How many days had been watched.
        named: How many models it named.
        unused_30: The share of them that nobody used within 30 days; None where it named none.
        unused_90: The same within 90 days.
        regrets: How many of them were used within 90 days.
        bytes_freed: What they have on disk; None where sizes are unknown.
        oracle_share: Bytes rightly named for 90 days, of all bytes that nobody used within 90 days.
        asked: Of how many models that idle for more than a week a chance was given.
        brier: Mean squared distance of the chance of no use within 30 days from what came; None where none was given.
        brier_of_base: The same of one chance for all, the share that was not used.
    """

    policy: str
    is_oracle: bool
    watched_days: int
    models: int
    named: int
    unused_30: float | None
    unused_90: float | None
    regrets: int
    bytes_freed: int | None
    oracle_share: float | None
    asked: int
    brier: float | None
    brier_of_base: float | None

    def row(self) -> dict[str, object]:
        """Give it as a row."""
        return asdict(self)


def asked_days_of(fleet: Fleet) -> list[int]:
    """Give the days after which rules are asked of a fleet: those after which it can be seen what 90 days bring.

    Args:
        fleet: The fleet.

    Returns:
        Numbers of watched days: 120, 149, 180, and each month from there.
    """
    days = (*_EARLY_DAYS, *range(_FIRST_DAY, fleet.days, _MONTH_DAYS))
    return [day for day in days if day + _QUARTER_DAYS <= fleet.days]


class _Truth:
    """What was used after a day."""

    def __init__(self, fleet: Fleet) -> None:
        self._days = {model: sorted(days) for model, days in fleet.uses.items()}

    def is_unused(self, model: str, day: int, days: int) -> bool:
        """Tell whether a model is not used on so many days from one on."""
        used = self._days.get(model, [])
        place = bisect_left(used, day)
        return place == len(used) or used[place] >= day + days

    def idle_days(self, model: str, day: int, arrived: int) -> int:
        used = self._days.get(model, [])
        place = bisect_left(used, day)
        return day - 1 - used[place - 1] if place else day - arrived


def replay_cleanup(
    policy: Policy,
    fleet: Fleet,
    *,
    asked_days: Sequence[int],
    trail: list[tuple[float, bool, str]] | None = None,
) -> list[Cleaned]:
    """Replay a fleet.

    Args:
        policy: The rule.
        fleet: What was used.
        asked_days: After how many days it is asked, in rising order.
        trail: Takes of each day on which it is asked what it named.

    Returns:
        What came of it, for each of these days.

    Raises:
        PolicyError: The rule named a model that is not there, or a chance that is none.
    """
    made = policy.make(Setting())
    truth = _Truth(fleet)
    arrivals: dict[int, list[str]] = {}
    for model, day in fleet.arrived.items():
        arrivals.setdefault(day, []).append(model)
    used_on: dict[int, dict[str, int]] = {}
    for model, days in fleet.uses.items():
        for day, uses in days.items():
            used_on.setdefault(day, {})[model] = uses
    results = []
    there: set[str] = set()
    for day in range(max(asked_days, default=0)):
        arrived = sorted(arrivals.get(day, ()))
        there.update(arrived)
        made.passed(DayOfFleet(day, arrived, dict(sorted(used_on.get(day, {}).items()))))
        if day + 1 in asked_days:
            named = sorted(set(made.named()))
            if unknown := [model for model in named if model not in there]:
                raise PolicyError(f"named {unknown[0]!r}, which is not among the {len(there)} models of day {day}")
            chances = dict(made.chances(_MONTH_DAYS))
            if wrong := [model for model, said in chances.items() if not 0.0 <= said <= 1.0]:
                raise PolicyError(f"said {chances[wrong[0]]!r} of {wrong[0]!r}; allowed: a chance from 0 to 1")
            if trail is not None:
                trail.append((day + 1.0, bool(named), f"{named} {sorted(chances.items())}"))
            results.append(_judged(policy, fleet, truth, day + 1, there, named, chances))
    return results


def _judged(
    policy: Policy,
    fleet: Fleet,
    truth: _Truth,
    day: int,
    there: set[str],
    named: Sequence[str],
    chances: Mapping[str, float],
) -> Cleaned:
    right = [model for model in named if truth.is_unused(model, day, _QUARTER_DAYS)]
    best = [model for model in there if truth.is_unused(model, day, _QUARTER_DAYS)]
    best_bytes = _bytes(fleet, best)
    right_bytes = _bytes(fleet, right)
    answers = [
        (chances[model], truth.is_unused(model, day, _MONTH_DAYS))
        for model in sorted(there & chances.keys())
        if truth.idle_days(model, day, fleet.arrived[model]) > _JUDGED_IDLE_DAYS
    ]
    base = _share(came for _, came in answers)
    return Cleaned(
        policy=policy.name,
        is_oracle=policy.is_oracle,
        watched_days=day,
        models=len(there),
        named=len(named),
        unused_30=_share(truth.is_unused(model, day, _MONTH_DAYS) for model in named),
        unused_90=len(right) / len(named) if named else None,
        regrets=len(named) - len(right),
        bytes_freed=_bytes(fleet, named),
        oracle_share=right_bytes / best_bytes if right_bytes is not None and best_bytes else None,
        asked=len(answers),
        brier=_share((said - came) ** 2 for said, came in answers),
        brier_of_base=base * (1 - base) if base is not None else None,
    )


def _bytes(fleet: Fleet, models: Sequence[str]) -> int | None:
    return sum(fleet.sizes.get(model, 0) for model in models) if fleet.sizes else None


def _share(values: Iterable[float]) -> float | None:
    told = list(values)
    return math.fsum(told) / len(told) if told else None
