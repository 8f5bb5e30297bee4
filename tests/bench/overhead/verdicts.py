"""Targets, what was measured, and whether a miss is more than noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.overhead.measure import Estimate

__all__ = ["MARGIN", "QUICK_MARGIN", "Target", "table"]

# A target counts as missed when even the lower end of the interval is above it by more than this. The interval holds
# what differs between the rounds of a run; the margin what differs between runs on one machine and does not show
# within one: hash seeds, where memory happens to lie, neighbours. Over five runs on a busy machine the ratios of
# records moved by 4 %, those of whole processes by 7 %.
MARGIN: Final = 0.10
# with a few rounds only, on whatever machine runs the checks: this fails for a change of kind, not of degree
QUICK_MARGIN: Final = 0.50


@dataclass(frozen=True, slots=True)
class Target:
    """One demand.

    Attributes:
        what: What is demanded, for the table.
        limit: The most that is allowed.
        measured: What was measured; None when it could not be.
        unit: Written after both numbers.
        is_count: No margin: a lost operation is a lost operation.
        goal: Better than the limit, and only reported.
    """

    what: str
    limit: float
    measured: Estimate | None
    unit: str = ""
    is_count: bool = False
    goal: float | None = None

    def verdict(self, margin: float) -> str:
        """Return `met`, `within noise`, `MISSED` or `NOT MEASURED`."""
        if self.measured is None:
            return "NOT MEASURED"
        if self.measured.middle <= self.limit:
            return "met"
        allowed = self.limit if self.is_count else self.limit * (1 + margin)
        return "within noise" if self.measured.low <= allowed else "MISSED"

    def is_missed(self, margin: float) -> bool:
        """Tell whether it is missed by more than noise allows, or was not measured."""
        return self.verdict(margin) in {"MISSED", "NOT MEASURED"}


def table(targets: Iterable[Target], margin: float) -> list[str]:
    """Return the lines of the final table."""
    lines = [f"{'target':78}{'limit':>10}{'measured':>11}  {'95 % of':17}verdict"]
    for target in targets:
        limit = f"{_number(target.limit)}{target.unit}"
        if target.measured is None:
            measured = interval = "-"
        else:
            measured = f"{_number(target.measured.middle)}{target.unit}"
            interval = f"{_number(target.measured.low)} .. {_number(target.measured.high)}"
        goal = f" (goal {_number(target.goal)})" if target.goal is not None else ""
        lines.append(f"{target.what + goal:78}{limit:>10}{measured:>11}  {interval:17}{target.verdict(margin)}")
    return lines


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"
