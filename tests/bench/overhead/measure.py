"""Clocks and statistics: interleaved rounds, medians, and how far noise reaches.

On a shared machine absolute times move by half and more from minute to minute. So the sides of a comparison take turns
within one process, a few operations each, and what counts is their ratio: whatever slows the machine slows both.
"""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Estimate", "chained", "cpu_ns", "exactly", "median", "percentiles", "ratio", "take_turns", "undisturbed"]

J = TypeVar("J")

RESAMPLES: Final = 500
TAIL: Final = 0.025  # left out at either end: the interval holds 95 %


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and the interval that holds it with 95 % as far as the rounds of this run can tell."""

    middle: float
    low: float
    high: float


def exactly(number: float) -> Estimate:
    """Return a figure that has no noise, such as a count."""
    return Estimate(number, number, number)


def median(values: Sequence[float]) -> Estimate:
    """Estimate the median of independent rounds."""
    return _resampled(len(values), lambda picked: statistics.median(values[index] for index in picked))


def ratio(over: Sequence[float], under: Sequence[float]) -> Estimate:
    """Estimate how the medians of two sides relate that took turns: round by round they belong together."""

    def of(picked: Sequence[int]) -> float:
        below = statistics.median(under[index] for index in picked)
        return statistics.median(over[index] for index in picked) / below if below > 0 else float("inf")

    return _resampled(min(len(over), len(under)), of)


def undisturbed(values: Sequence[float]) -> list[float]:
    """Return the lower half of rounds: for wall times, which neighbours on the machine can only lengthen."""
    return sorted(values)[: (len(values) + 1) // 2]


def chained(over: Estimate, under: Estimate) -> Estimate:
    """Divide two estimates of different runs, as wide as the worst of both."""
    return Estimate(over.middle / under.middle, over.low / under.high, over.high / under.low)


def _resampled(count: int, statistic: Callable[[Sequence[int]], float]) -> Estimate:
    """Take the statistic of all rounds and of random choices among them (a bootstrap), with fixed randomness."""
    draw = random.Random(1)
    seen = sorted(statistic(draw.choices(range(count), k=count)) for _ in range(RESAMPLES))
    return Estimate(statistic(range(count)), seen[int(RESAMPLES * TAIL)], seen[int(RESAMPLES * (1 - TAIL)) - 1])


def cpu_ns(operation: Callable[[J], object], jobs: Sequence[J]) -> float:
    """Return the CPU nanoseconds of this thread for one operation; background threads are not in it."""
    started = time.thread_time_ns()
    for job in jobs:
        operation(job)
    return (time.thread_time_ns() - started) / len(jobs)


def percentiles(operation: Callable[[J], object], jobs: Sequence[J]) -> tuple[float, float]:
    """Return the median and the 99th percentile of single operations, nanoseconds of wall time."""
    taken = []
    for job in jobs:
        started = time.perf_counter_ns()
        operation(job)
        taken.append(time.perf_counter_ns() - started)
    taken.sort()
    return taken[len(taken) // 2], taken[len(taken) * 99 // 100]


def take_turns(
    sides: Mapping[str, Callable[[], float]], *, rounds: int, warm_up_rounds: int = 2
) -> dict[str, list[float]]:
    """Measure every side in every round, beginning with another one each time.

    Args:
        sides: What measures a side once.
        rounds: How many rounds count.
        warm_up_rounds: How many come before and do not.

    Returns:
        The figures of each side, round by round.
    """
    figures: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(warm_up_rounds + rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            figure = sides[name]()
            if number >= warm_up_rounds:
                figures[name].append(figure)
    return figures
