"""Finds the model of the least score among hundreds without computing every score at every request.

A score is the sum of two parts, and time changes each part of all models alike: who is before whom in a part changes
only at a use. So each part is kept as a sorted list of keys, and the lists are walked from their beginnings side by
side until no model further on can have less (the threshold algorithm of Fagin, Lotem and Naor, 2001).
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["NOTHING", "Keys", "Part", "Ranking"]

# the key of a decayed count that is nothing
NOTHING: Final = -math.inf
_LEAST_EXPONENT: Final = -1000.0


class Keys(NamedTuple):
    """What a model is ranked by: a key for each part of its score."""

    first: float
    second: float


class Part(NamedTuple):
    """How a key becomes a part of a score.

    Attributes:
        half_life_seconds: The key is the binary logarithm of a count that decays by it; None for one that is the part.
        weight: What the part counts in the sum.
    """

    half_life_seconds: float | None
    weight: float

    def value(self, key: float, at: float) -> float:
        """Give the part of a score that a key stands for."""
        if self.half_life_seconds is None:
            return self.weight * key
        exponent = key - at / self.half_life_seconds
        return self.weight * 2.0**exponent if exponent > _LEAST_EXPONENT else 0.0

    def divided(self, key: float, divisor: float) -> float:
        """Give the key of a part that is so many times smaller."""
        return key / divisor if self.half_life_seconds is None else key - math.log2(divisor)


class Ranking:
    """The models that are loaded, each with its keys."""

    def __init__(self, first: Part, second: Part) -> None:
        """Begin without models.

        Args:
            first: How the first key becomes a part of the score.
            second: How the second does.
        """
        self.parts = (first, second)
        self._keys: dict[str, Keys] = {}
        self._orders: tuple[list[tuple[float, str]], list[tuple[float, str]]] = ([], [])

    def __contains__(self, model: str) -> bool:
        return model in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, model: str, keys: Keys) -> None:
        """Add a model, or give it other keys."""
        before = self._keys.get(model)
        if before == keys:
            return
        for place, order in enumerate(self._orders):
            if before is None:
                insort(order, (keys[place], model))
            elif before[place] != keys[place]:
                del order[bisect_left(order, (before[place], model))]
                insort(order, (keys[place], model))
        self._keys[model] = keys

    def remove(self, model: str) -> None:
        """Take a model out; one that is not there is no mistake."""
        keys = self._keys.pop(model, None)
        if keys is not None:
            for key, order in zip(keys, self._orders, strict=True):
                del order[bisect_left(order, (key, model))]

    def score(self, model: str, at: float) -> float:
        """Give the score of a model that is there.

        Args:
            model: The model.
            at: The time, in seconds.

        Returns:
            The sum of its parts.
        """
        return self.sum_of(self._keys[model], at)

    def sum_of(self, keys: Keys, at: float) -> float:
        """Give the score that keys stand for."""
        first, second = self.parts
        return first.value(keys.first, at) + second.value(keys.second, at)

    def least(self, at: float, *, without: Collection[str] = ()) -> str | None:
        """Find the model of the least score; of equal ones the first by name.

        Args:
            at: The time, in seconds.
            without: Models that stay, whatever their score.

        Returns:
            The model; None when every one stays.
        """
        first, second = self.parts
        best: tuple[float, str] | None = None
        for (first_key, one), (second_key, other) in zip(*self._orders, strict=True):
            for model in (one, other):
                if model not in without:
                    rank = (self.sum_of(self._keys[model], at), model)
                    if best is None or rank < best:
                        best = rank
            if best is not None and first.value(first_key, at) + second.value(second_key, at) >= best[0]:
                break
        return None if best is None else best[1]
