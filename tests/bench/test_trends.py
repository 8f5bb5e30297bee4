"""A slice of `make bench-trends`: series of a fixed seed, so that the shares are always the same."""

from __future__ import annotations

import pytest

from bench.trends import SHAPES, STEADY, Shape, false_alarms, rates
from modeltally.analytics.reducer import UsageTrendType

SERIES = 300


@pytest.mark.parametrize("shape", STEADY, ids=lambda shape: shape.name.replace(" ", "_"))
@pytest.mark.parametrize(("mean", "dispersion"), [(1.0, 1.0), (10.0, 1.0), (10.0, 2.0), (50.0, 4.0)])
def test_steady_series_are_rarely_called_moving(shape: Shape, mean: float, dispersion: float) -> None:
    """Of series that do not move, with and without a weekly season, at most one in twenty is called so."""
    assert false_alarms(rates(shape, mean, dispersion, series=SERIES, seed=1).tested) <= 0.05


def test_the_seeds_slopes_call_busy_steady_series_moving() -> None:
    """Why the class does not go by fixed slopes: they call nearly every busy series with a quiet weekend moving."""
    assert false_alarms(rates(SHAPES["weekly season"], 100.0, 1.0, series=SERIES, seed=1).seed) > 0.9


@pytest.mark.parametrize(
    ("shape", "mean", "dispersion", "expected", "share"),
    [
        ("doubling, a line over 28 days", 20.0, 1.0, UsageTrendType.GROWING, 0.9),
        ("doubling each 28 days, seen for 56", 10.0, 2.0, UsageTrendType.GROWING, 0.9),
        ("doubling at a stroke, half way", 20.0, 2.0, UsageTrendType.GROWING, 0.9),
        ("halving, a line over 28 days", 50.0, 2.0, UsageTrendType.DECLINING, 0.9),
        ("start on day 20", 5.0, 2.0, UsageTrendType.GROWING, 0.9),
        ("stop on day 14", 2.0, 1.0, UsageTrendType.ABANDONED, 0.99),
    ],
)
def test_series_that_move_are_found(
    shape: str, mean: float, dispersion: float, expected: UsageTrendType, share: float
) -> None:
    """A doubling, a halving, a start and an end are called what they are where there is enough to see it by."""
    assert rates(SHAPES[shape], mean, dispersion, series=SERIES, seed=1).tested[expected] >= share
