"""What the overhead benchmark makes of its figures: ratios that ignore a slow machine, misses that are no noise."""

from __future__ import annotations

import random

from bench.overhead.measure import Estimate, chained, exactly, ratio
from bench.overhead.verdicts import MARGIN, QUICK_MARGIN, Target, table


def test_ratio_holds_when_the_machine_slows_down_midway() -> None:
    """Sides that take turns keep their ratio when both become three times slower."""
    draw = random.Random(3)
    under = [draw.gauss(50, 1) * (3 if number > 25 else 1) for number in range(50)]
    over = [draw.gauss(10, 0.2) * (3 if number > 25 else 1) for number in range(50)]

    estimate = ratio(over, under)

    assert abs(estimate.middle - 0.2) < 0.01
    assert estimate.low <= estimate.middle <= estimate.high < 0.22


def test_ratio_of_noise_has_a_wide_interval() -> None:
    """Rounds that differ wildly leave an interval that says so."""
    draw = random.Random(3)
    estimate = ratio([draw.uniform(1, 9) for _ in range(9)], [draw.uniform(10, 90) for _ in range(9)])

    assert estimate.high > 1.5 * estimate.low


def test_chained_ratio_is_as_wide_as_its_worst_case() -> None:
    """Ratios of two processes relate by their middles, and their noise adds up."""
    assert chained(Estimate(0.2, 0.1, 0.3), Estimate(2.0, 1.0, 4.0)) == Estimate(0.1, 0.025, 0.3)


def test_target_is_missed_only_beyond_interval_and_margin() -> None:
    """A miss needs an interval that begins above the limit by more than the margin."""
    assert Target("a", 1.0, exactly(0.9)).verdict(MARGIN) == "met"
    assert Target("a", 1.0, Estimate(1.3, 1.05, 1.5)).verdict(MARGIN) == "within noise"
    assert Target("a", 1.0, Estimate(1.3, 1.2, 1.5)).verdict(MARGIN) == "MISSED"
    assert not Target("a", 1.0, Estimate(1.3, 1.2, 1.5)).is_missed(QUICK_MARGIN)


def test_lost_operation_is_never_noise() -> None:
    """A count has no margin."""
    assert Target("lost", 0, exactly(1), is_count=True).is_missed(QUICK_MARGIN)


def test_target_that_was_not_measured_fails() -> None:
    """A peer that could not be installed does not make its target disappear."""
    target = Target("a peer", 0.1, None)

    assert target.is_missed(MARGIN)
    assert "NOT MEASURED" in table([target], MARGIN)[1]
