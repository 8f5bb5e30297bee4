"""The score that needs the model and the time alone: uses of the last minutes, and a little of the last days.

score = uses decayed by 3 minutes + 0.003 x uses decayed by 3 days
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.recommend.constants import LONG_HALF_LIFE_SECONDS, LONG_WEIGHT, SHORT_HALF_LIFE_SECONDS
from modeltally.recommend.scores.decayed import DecayedUses
from modeltally.recommend.scores.least import Keys, Part

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TwoHalfLives"]

# of the uses of the last days: so little is two months without a use
_NEGLIGIBLE: Final = 1e-6


class TwoHalfLives:
    """Two memories of each model's uses, one short and one long."""

    parts = Part(SHORT_HALF_LIFE_SECONDS, 1.0), Part(LONG_HALF_LIFE_SECONDS, LONG_WEIGHT)

    def __init__(self) -> None:
        self._short = DecayedUses(SHORT_HALF_LIFE_SECONDS)
        self._long = DecayedUses(LONG_HALF_LIFE_SECONDS)

    def passed(self, at: float) -> tuple[str, ...]:
        """Let time pass: it changes no key."""
        del at
        return ()

    def used(self, model: str, at: float, user: str) -> tuple[str, ...]:
        """Count a use, whoever it was by."""
        del user
        self._short.add(model, at)
        self._long.add(model, at)
        return (model,)

    def keys(self, model: str) -> Keys:
        """Give what a model is ranked by."""
        return Keys(self._short.key(model), self._long.key(model))

    def evidence(self, model: str, at: float) -> dict[str, float]:
        """Give the uses in both memories."""
        return {"uses_of_minutes": self._short.count(model, at), "uses_of_days": self._long.count(model, at)}

    def forget(self, at: float, *, except_for: Callable[[str], bool]) -> None:
        """Forget models that nobody used for two months."""
        self._short.forget_below(_NEGLIGIBLE, at, except_for=except_for)
        self._long.forget_below(_NEGLIGIBLE, at, except_for=except_for)

    def state(self) -> dict[str, Any]:
        """Give all that is known, as JSON can hold it."""
        return {"short": self._short.state(), "long": self._long.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what ``state`` gave."""
        self._short.restore(state["short"])
        self._long.restore(state["long"])
