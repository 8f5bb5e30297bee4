"""How often the class of a trend errs: simulated daily counts, and what the test and the seed's fixed slopes call them.

``make bench-trends SEED=1`` prints both tables: false alarms on series that do not move, and how often a doubling is
found. The same seed gives the same series.
"""

# ruff: noqa: T201 - printing what was found is the purpose

from __future__ import annotations

import argparse
import bisect
import functools
import math
import random
import statistics
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from modeltally.analytics.reducer import TrendBucket, UsageTrendType
from modeltally.analytics.reducer.trend import ALPHA, Series, chance_of_slope, seed_type, slope, trend_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["DAYS", "MOVING", "SHAPES", "STEADY", "Rates", "rates"]

DAYS: Final = 28
MEANS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
DISPERSIONS: Final = (1.0, 2.0, 4.0)
WEEK: Final = (1.3, 1.3, 1.3, 1.3, 1.2, 0.3, 0.3)
SEED_WORDS: Final = {UsageTrendType.GROWING, UsageTrendType.DECLINING}


@dataclass(frozen=True)
class Shape:
    """How the mean of a day moves, with a mean of one over all days."""

    name: str
    of_day: Callable[[int, int], float]


def _doubling(at: int, days: int) -> float:
    return 2 / 3 * (1 + at / (days - 1))


STEADY: Final = (
    Shape("steady", lambda _at, _days: 1.0),
    Shape("weekly season", lambda at, _days: WEEK[at % 7]),
)
MOVING: Final = (
    Shape("doubling, a line over 28 days", _doubling),
    Shape("doubling at a stroke, half way", lambda at, days: 2 / 3 if at < days // 2 else 4 / 3),
    Shape("halving, a line over 28 days", lambda at, days: _doubling(days - 1 - at, days)),
    Shape("doubling each 28 days, seen for 56", lambda at, _days: math.exp(math.log(2) * at / 28) * 0.4583),
    Shape("start on day 20", lambda at, days: 0.0 if at < 20 else days / (days - 20)),
    Shape("stop on day 14", lambda at, days: days / 14 if at < 14 else 0.0),
)
SHAPES: Final = {shape.name: shape for shape in (*STEADY, *MOVING)}


@dataclass(frozen=True)
class Rates:
    """What share of the series was called what.

    Attributes:
        tested: By the test of significance.
        seed: By the seed's fixed slopes.
    """

    tested: dict[UsageTrendType | None, float]
    seed: dict[UsageTrendType | None, float]


@functools.lru_cache(maxsize=4096)
def _cumulated(mean: float, dispersion: float) -> Sequence[float]:
    """Give the chances of at most 0, 1, 2... for a Poisson, or a negative binomial of variance dispersion x mean."""
    size, share = (math.inf, 0.0) if dispersion == 1 else (mean / (dispersion - 1), 1 - 1 / dispersion)
    chance = math.exp(-mean) if dispersion == 1 else dispersion**-size
    chances = []
    for count in range(int(mean + 20 * math.sqrt(mean * dispersion) + 40)):
        chances.append(chance)
        chance *= (mean if dispersion == 1 else (count + size) * share) / (count + 1)
    return list(accumulate(chances))


def counts(shape: Shape, mean: float, dispersion: float, source: random.Random, days: int = DAYS) -> list[int]:
    """Draw the counts of a series."""
    return [
        bisect.bisect(_cumulated(mean * shape.of_day(at, days), dispersion), source.random()) if mean else 0
        for at in range(days)
    ]


def rates(shape: Shape, mean: float, dispersion: float, *, series: int, seed: int) -> Rates:
    """Classify simulated series.

    Args:
        shape: How they move.
        mean: Their mean a day.
        dispersion: Variance over mean of a day's count.
        series: How many.
        seed: Where the random numbers begin.

    Returns:
        The shares of each class.
    """
    source = random.Random(f"{seed} {shape.name} {mean} {dispersion}")
    tested: Counter[UsageTrendType | None] = Counter()
    seeds: Counter[UsageTrendType | None] = Counter()
    days = 56 if "56" in shape.name else DAYS
    for _ in range(series):
        drawn = counts(shape, mean, dispersion, source, days)
        one = Series(TrendBucket.DAY, 0, days, {at: count for at, count in enumerate(drawn) if count})
        tested[trend_type(one, chance_of_slope(one))] += 1
        seeds[seed_type(one.total, slope(one))] += 1
    return Rates(
        tested={name: count / series for name, count in tested.items()},
        seed={name: count / series for name, count in seeds.items()},
    )


def at_best(shape: Shape, mean: float, dispersion: float) -> float:
    """Give the share that a test finds which knows the shape and the dispersion, at five false alarms in a hundred."""
    distance = sum((mean * shape.of_day(at, DAYS) - mean) ** 2 for at in range(DAYS)) / (dispersion * mean)
    return statistics.NormalDist().cdf(math.sqrt(distance) - statistics.NormalDist().inv_cdf(0.975))


def false_alarms(found: dict[UsageTrendType | None, float]) -> float:
    """Say what share was called growing or declining."""
    return sum(share for name, share in found.items() if name in SEED_WORDS)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--series", type=int, default=2000)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.series:,} series of {DAYS} days a cell, alpha {ALPHA}")
    print("each cell: by the test / by the seed's fixed slopes, percent; dispersion = variance / mean")
    worst = 0.0
    print("\nfalsely growing or declining")
    for shape in STEADY:
        for dispersion in DISPERSIONS:
            cells = []
            for mean in MEANS:
                found = rates(shape, mean, dispersion, series=arguments.series, seed=arguments.seed)
                worst = max(worst, false_alarms(found.tested))
                cells.append(_cell(false_alarms(found.tested), false_alarms(found.seed)))
            _line(f"{shape.name}, dispersion {dispersion:g}", cells)
    print(f"the most: {100 * worst:.1f} %")
    for shape in MOVING:
        wanted = {
            "halving": UsageTrendType.DECLINING,
            "stop": UsageTrendType.ABANDONED,
        }.get(shape.name.split(",")[0].split()[0], UsageTrendType.GROWING)
        print(f"\n{shape.name}: called {wanted}")
        for dispersion in DISPERSIONS:
            found_of = [rates(shape, mean, dispersion, series=arguments.series, seed=arguments.seed) for mean in MEANS]
            _line(
                f"dispersion {dispersion:g}",
                [_cell(found.tested.get(wanted, 0.0), found.seed.get(wanted, 0.0)) for found in found_of],
            )
            if "a line" in shape.name:
                best = [f"{100 * at_best(shape, mean, dispersion):5.1f}      " for mean in MEANS]
                _line("  the most any test can find", best)


def _cell(tested: float, seed: float) -> str:
    return f"{100 * tested:5.1f} /{100 * seed:4.0f}"


def _line(title: str, cells: Sequence[str]) -> None:
    print(f"  {title:32}" + "  ".join(f"{mean:g}: {cell}" for mean, cell in zip(MEANS, cells, strict=True)))


if __name__ == "__main__":
    main()
