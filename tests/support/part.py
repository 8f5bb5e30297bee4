"""The part of a long test that a run takes: all, or what half a minute is enough for, drawn from a seed (`--part`)."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

__all__ = ["deselect", "drawn_from", "some"]

_T = TypeVar("_T")
_MOST_SECONDS = 30.0
# Fewer cases than this are not told apart: such a test draws inside itself, by some(), or takes what it takes.
_FEW = 4
_seeds: list[int] = []


def drawn_from(seed: int | None) -> None:
    """Say what this run draws its parts from; with None everything is taken."""
    _seeds[:] = [] if seed is None else [seed]


def some(things: Iterable[_T], *, seconds: float) -> list[_T]:
    """Give the things that a test is to go through in this run, in their order: the same wherever it is asked.

    Args:
        things: All of them, in an order that is always the same.
        seconds: What all of them take on a quiet core.
    """
    everything = list(things)
    if not _seeds or seconds <= _MOST_SECONDS:
        return everything
    count = math.ceil(len(everything) * _MOST_SECONDS / seconds)
    drawn = random.Random(_seeds[0]).sample(range(len(everything)), count)
    return [everything[number] for number in sorted(drawn)]


def deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out cases of tests that take more than half a minute with all of them, unless their mark says ``whole``."""
    by_test: dict[str, list[pytest.Item]] = {}
    for item in items:
        marker = item.get_closest_marker("slow")
        if marker and marker.kwargs["seconds"] > _MOST_SECONDS and not marker.kwargs.get("whole"):
            by_test.setdefault(item.nodeid.partition("[")[0], []).append(item)
    left_out: set[pytest.Item] = set()
    for cases in by_test.values():
        if len(cases) >= _FEW:
            marker = next(cases[0].iter_markers("slow"))
            left_out |= set(cases) - set(some(cases, seconds=marker.kwargs["seconds"]))
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]
