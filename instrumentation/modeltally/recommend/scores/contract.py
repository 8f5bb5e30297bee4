"""What a score of loaded models has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeltally.recommend.scores.least import Keys, Part

__all__ = ["Score"]


class Score(Protocol):
    """How much each model is worth keeping loaded, told by its uses alone. Times are seconds, and never go back."""

    @property
    def parts(self) -> tuple[Part, Part]:
        """How keys become a score."""

    def passed(self, at: float) -> Iterable[str]:
        """Let time pass.

        Args:
            at: The time.

        Returns:
            The models whose keys are others now.
        """

    def used(self, model: str, at: float, user: str) -> Iterable[str]:
        """Count a use.

        Args:
            model: What was used.
            at: When.
            user: By whom; empty where nobody knows.

        Returns:
            The models whose keys are others now.
        """

    def keys(self, model: str) -> Keys:
        """Give what a model is ranked by, also one that was never used."""

    def evidence(self, model: str, at: float) -> dict[str, float]:
        """Give the figures that the score of a model is made of."""

    def forget(self, at: float, *, except_for: Callable[[str], bool]) -> None:
        """Forget what no longer counts, so that memory stays small."""

    def state(self) -> dict[str, Any]:
        """Give all that is known, as JSON can hold it."""

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what ``state`` gave."""
