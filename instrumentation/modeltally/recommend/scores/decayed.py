"""Uses that count half after a half-life, then a quarter: the memory of a score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modeltally.recommend.scores.least import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DecayedUses"]


class DecayedUses:
    """How often something was used of late: one number and one time a name."""

    __slots__ = ("_half_life_seconds", "_keys", "_uses")

    def __init__(self, half_life_seconds: float) -> None:
        """Begin without a use.

        Args:
            half_life_seconds: After which a use counts half.
        """
        self._half_life_seconds = half_life_seconds
        self._uses: dict[str, tuple[float, float]] = {}
        self._keys: dict[str, float] = {}  # those that were asked for since the last use

    def __contains__(self, name: str) -> bool:
        return name in self._uses

    def add(self, name: str, at: float) -> float:
        """Count a use.

        Args:
            name: What was used.
            at: When, in seconds; not before an earlier use.

        Returns:
            The uses at that time, this one among them.
        """
        uses = self.count(name, at) + 1.0
        self._uses[name] = (uses, at)
        self._keys.pop(name, None)
        return uses

    def count(self, name: str, at: float) -> float:
        """Give the uses as they count at a time."""
        uses, then = self._uses.get(name, (0.0, at))
        return float(uses * 2.0 ** ((then - at) / self._half_life_seconds))

    def key(self, name: str) -> float:
        """Give the binary logarithm of the uses, told as if they had begun to decay at time 0: the same at any time."""
        key = self._keys.get(name)
        if key is None:
            uses, then = self._uses.get(name, (0.0, 0.0))
            if not uses:
                return NOTHING
            key = self._keys[name] = math.log2(uses) + then / self._half_life_seconds
        return key

    def ranked(self, at: float) -> list[str]:
        """Name all, the most used first; of equal ones the first by name."""
        return sorted(self._uses, key=lambda name: (-self.count(name, at), name))

    def forget_below(self, uses: float, at: float, *, except_for: Callable[[str], bool]) -> None:
        """Forget those used less.

        Args:
            uses: The least that is remembered.
            at: The time, in seconds.
            except_for: Says of which to remember whatever there is.
        """
        gone = [name for name in self._uses if self.count(name, at) < uses and not except_for(name)]
        for name in gone:
            del self._uses[name]
            self._keys.pop(name, None)

    def state(self) -> dict[str, list[float]]:
        """Give all that is known, as JSON can hold it."""
        return {name: list(told) for name, told in self._uses.items()}

    def restore(self, state: dict[str, list[float]]) -> None:
        """Take up what ``state`` gave."""
        self._uses = {name: (float(uses), float(then)) for name, (uses, then) in state.items()}
        self._keys = {}
