"""Seasons are found where there are some, and seldom where there are none."""

from __future__ import annotations

import datetime as dt
import math
import random
from typing import TYPE_CHECKING

import pytest

from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.stores import Template

START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)  # a Monday
DAYS = 28
SERIES = 100


def poisson(mean: float, rng: random.Random) -> int:
    """Draw a number of events (Knuth 1969)."""
    limit, drawn, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        drawn += 1
        product *= rng.random()
    return drawn


def sessions(mean_of: Callable[[int], float], rng: random.Random) -> list[int]:
    """Draw the hours of uses: they come in sessions of one to seven, one an hour, so hours are not independent."""
    return [
        hour + step
        for hour in range(24 * DAYS)
        for _ in range(poisson(mean_of(hour) / 4, rng))
        for step in range(rng.randint(1, 7))
        if hour + step < 24 * DAYS
    ]


SHAPES: dict[str, Callable[[int], float]] = {
    "steady": lambda _hour: 0.3,
    "daily": lambda hour: 1.2 if 8 <= hour % 24 < 20 else 0.1,
    "weekly": lambda hour: 0.5 if hour // 24 % 7 < 5 else 0.05,
}


@pytest.mark.slow(seconds=20, why="300 series of four weeks")
def test_seasons_are_found_and_not_invented(template: Template, tmp_path: Path) -> None:
    """Of steady series at most one in fifteen has a season of either kind; nine of ten of 15 uses a day are found."""
    rng = random.Random(5)
    operations = [
        Operation(at=START + dt.timedelta(hours=hour, seconds=at), model=f"{shape} {number}")
        for shape, mean_of in SHAPES.items()
        for number in range(SERIES)
        for at, hour in enumerate(sessions(mean_of, rng))
    ]
    with template.opened(tmp_path) as store:
        give(store, Given(operations=operations))
        values = {"kind": "model", "subject": "", "operation": "model.request"}
        rows = store.read("usage_seasonality", {**values, "since": START, "until": START + dt.timedelta(days=DAYS)})

    def share(shape: str, kind: str) -> float:
        return sum(kind in str(row["season"]) for row in rows if str(row["subject"]).startswith(shape)) / SERIES

    found = {(shape, kind): share(shape, kind) for shape in SHAPES for kind in ("daily", "weekly")}
    print(found)  # noqa: T201 - the figures asked for
    assert max(found["steady", "daily"], found["steady", "weekly"], found["daily", "weekly"]) <= 1 / 15
    assert found["daily", "daily"] >= 0.9
    assert found["weekly", "weekly"] >= 0.9
