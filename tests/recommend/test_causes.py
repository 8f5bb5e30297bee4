"""What goes with the trouble of a model, of groups of its requests."""

from __future__ import annotations

import math
import random

import pytest

from modeltally.recommend.rules.causes import Group, causes


def bucket(seconds: float) -> int:
    """The log bucket of a duration."""
    return math.ceil(math.log2(seconds * 1e6) * 32) - 1


def whole(requests: int, failures: int, durations: dict[int, int]) -> Group:
    """All requests to the model."""
    return Group("flux", "", "", requests, failures, durations)


def test_device_whose_requests_fail_is_named_with_its_counts() -> None:
    """Thirty of forty fail on one card and none on the other."""
    found = causes(
        [
            whole(100, 30, {}),
            Group("flux", "device", "cuda:1", 40, 30, {}),
            Group("flux", "device", "cuda:0", 60, 0, {}),
        ]
    )
    (cause,) = found["flux"]
    assert (cause.dimension, cause.value, cause.effect) == ("device", "cuda:1", "failing")
    assert cause.sentence == "device cuda:1: 30 of 40 fail, of the others 0 of 60"
    assert cause.p < 1e-9


def test_cold_starts_that_take_long_are_named() -> None:
    """A fifth of the requests waits for a load and takes ten times as long."""
    warm, cold = {bucket(2.0): 80}, {bucket(20.0): 20}
    found = causes(
        [
            whole(100, 0, warm | cold),
            Group("flux", "cold start", "cold", 20, 0, cold),
            Group("flux", "cold start", "warm", 80, 0, warm),
        ]
    )
    (cause,) = found["flux"]
    assert cause.sentence.startswith("cold starts: median 20")
    assert cause.median_seconds == pytest.approx(20, rel=0.011)
    assert cause.other_median_seconds == pytest.approx(2, rel=0.011)


def test_error_that_most_failures_are_of_is_named_and_memory_said() -> None:
    """Its count is told; that memory runs out is read off its name."""
    found = causes([whole(100, 30, {}), Group("flux", "error", "OutOfMemoryError", 25, 25, {})])
    (cause,) = found["flux"]
    assert cause.sentence == "error OutOfMemoryError: 25 of 30 failures, memory runs out"


def test_difference_that_chance_explains_is_not_told() -> None:
    """Two of ten against one of ten says nothing, nor does a certain difference too small to matter."""
    assert causes(
        [whole(20, 3, {}), Group("flux", "device", "a", 10, 2, {}), Group("flux", "device", "b", 10, 1, {})]
    ) == {"flux": []}
    half = dict.fromkeys(range(700, 732), 100)
    late = {place + 2: 100 for place in range(700, 732)}
    both = {place: half.get(place, 0) + late.get(place, 0) for place in {*half, *late}}
    groups = [
        whole(6400, 0, both),
        Group("flux", "device", "a", 3200, 0, half),
        Group("flux", "device", "b", 3200, 0, late),
    ]
    assert causes(groups) == {"flux": []}


def test_values_without_meaning_are_seldom_called_causes() -> None:
    """Of a hundred models whose twenty schedulers change nothing, hardly one is told a cause."""
    drawn = random.Random(5)
    groups = []
    for model in range(100):
        parts = [(40, sum(drawn.random() < 0.2 for _ in range(40))) for _ in range(20)]
        groups.append(Group(f"m{model}", "", "", 800, sum(failed for _, failed in parts), {}))
        groups += [
            Group(f"m{model}", "scheduler", f"s{at}", seen, failed, {}) for at, (seen, failed) in enumerate(parts)
        ]
    assert sum(bool(told) for told in causes(groups).values()) <= 1


def test_at_most_three_causes_are_told_the_surest_first() -> None:
    """More would bury the one that matters."""
    parts = [Group("flux", "steps", str(steps), 50, 40 - steps, {}) for steps in range(5)]
    found = causes([whole(2000, 200, {}), *parts])
    assert [cause.value for cause in found["flux"]] == ["0", "1", "2"]


def test_few_requests_are_no_cause() -> None:
    """Four requests that all failed may be one person's."""
    assert causes([whole(100, 4, {}), Group("flux", "size", "8x8", 4, 4, {})]) == {}
