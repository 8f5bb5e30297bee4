"""How likely a pause goes on, from how all pauses went on: a hazard in steps of days, carried forward (formula D).

hz[k] = (ended[k] + 20 hz[k-1]) / (risk[k] + 20), over all pauses: where nothing was seen the step before stands. The
same then for pauses of a class, leaning on the first: (ended + 8 hz) / (risk + 8). Classes: never used; 1 to 3 days
of use; 4 and more, by how long the pause is against the longest one before.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from modeltally.recommend.constants import (
    FEW_USES,
    HAZARD_CLASS_WEIGHT,
    HAZARD_FIRST,
    HAZARD_RATIO_EDGES,
    HAZARD_STEP_DAYS,
    HAZARD_WEIGHT,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CarriedHazard", "HazardTable"]

_STEP: Final = int(HAZARD_STEP_DAYS)
_NEVER: Final = 0
_FEW: Final = 1
_SEVERAL: Final = 2
_CLASSES: Final = _SEVERAL + 1 + len(HAZARD_RATIO_EDGES)


def _class_of(step: int, days_used: int, longest_days: int) -> int:
    if days_used == 0:
        return _NEVER
    if days_used < FEW_USES:
        return _FEW
    return _SEVERAL + bisect_right(HAZARD_RATIO_EDGES, step * _STEP / max(longest_days, 1))


class _Counts:
    """How many pauses reached each step, and how many ended in it, by class."""

    def __init__(self) -> None:
        self.risk: list[list[float]] = []
        self.ends: list[list[float]] = []

    def copy(self) -> _Counts:
        copied = _Counts()
        copied.risk = [list(row) for row in self.risk]
        copied.ends = [list(row) for row in self.ends]
        return copied

    def add(self, days: int, days_used: int, longest_days: int, *, is_open: bool) -> None:
        last = days // _STEP
        while len(self.risk) <= last:
            self.risk.append([0.0] * _CLASSES)
            self.ends.append([0.0] * _CLASSES)
        for step in range(last + 1):
            place = _class_of(step, days_used, longest_days)
            is_half = is_open and step == last
            self.risk[step][place] += 0.5 if is_half else 1.0
        if not is_open:
            self.ends[last][_class_of(last, days_used, longest_days)] += 1.0


class HazardTable:
    """The chance that a pause ends, for each step and class."""

    def __init__(self, counts: _Counts) -> None:
        self._rows: list[list[float]] = []
        before = HAZARD_FIRST
        for risk, ends in zip(counts.risk, counts.ends, strict=True):
            before = (sum(ends) + HAZARD_WEIGHT * before) / (sum(risk) + HAZARD_WEIGHT)
            self._rows.append(
                [
                    (ended + HAZARD_CLASS_WEIGHT * before) / (at_risk + HAZARD_CLASS_WEIGHT)
                    for at_risk, ended in zip(risk, ends, strict=True)
                ]
            )
        self._beyond = before

    def unused(self, idle_days: int, days: int, *, days_used: int, longest_days: int) -> float:
        """Give the chance that a pause goes on.

        Args:
            idle_days: How long it has been.
            days: How much longer.
            days_used: On how many days there was a use before it.
            longest_days: The longest pause before it.

        Returns:
            The chance; between steps on a line.
        """
        chance, at, until = 1.0, idle_days, idle_days + days
        while at < until:
            step = at // _STEP
            end = min((step + 1) * _STEP, until)
            hazard = (
                self._rows[step][_class_of(step, days_used, longest_days)] if step < len(self._rows) else self._beyond
            )
            chance *= 1.0 - hazard * (end - at) / _STEP
            at = end
        return chance


class CarriedHazard:
    """Counts pauses as they end."""

    def __init__(self) -> None:
        self._ended = _Counts()

    def ended(self, days: int, *, days_used: int, longest_days: int) -> None:
        """Note a pause that a use ended.

        Args:
            days: Whole days without a use.
            days_used: On how many days there was a use before it.
            longest_days: The longest pause before it.
        """
        self._ended.add(days, days_used, longest_days, is_open=False)

    def table(self, open_pauses: Iterable[tuple[int, int, int]]) -> HazardTable:
        """Make the table of what ended and what goes on.

        Args:
            open_pauses: Of each pause that goes on the days, the days of use before and the longest pause before it.

        Returns:
            The table.
        """
        counts = self._ended.copy()
        for days, days_used, longest_days in open_pauses:
            counts.add(days, days_used, longest_days, is_open=True)
        return HazardTable(counts)
