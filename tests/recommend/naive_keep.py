"""The scores of the keeper, computed from every use at every question: slow, short, and written from the formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.recommend.policies.contract import Request

__all__ = ["two_half_lives"]


def two_half_lives(uses: Sequence[Request], model: str, at: float) -> float:
    """Uses decayed by three minutes, and 0.003 of those decayed by three days."""
    ages = [at - use.at for use in uses if use.model == model]
    return sum(2 ** (-age / 180) + 0.003 * 2 ** (-age / 259_200) for age in ages)
