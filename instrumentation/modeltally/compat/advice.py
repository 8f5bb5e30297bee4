"""Advice as awaited functions: what ``modeltally recommend`` says, from the store that the settings name."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modeltally.analytics.window import parse_window
from modeltally.connect import open_reader
from modeltally.recommend.kinds import advice_named, advise, parameters_of
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.recommend.kinds import AdviceRow

__all__ = ["get_cleanup_recommendations", "get_performance_recommendations", "get_preload_recommendations"]


async def get_cleanup_recommendations(*, directory: Path | None = None) -> list[AdviceRow]:
    """Say which models may go, or why it is too early to say.

    Args:
        directory: The data directory; None: the one that the settings name.

    Returns:
        Every advice and every refusal, with evidence and confidence.

    Raises:
        ModelTallyError: There is no store, or it cannot be asked.
    """
    return await asyncio.to_thread(_advice, "cleanup", directory)


async def get_preload_recommendations(*, directory: Path | None = None) -> list[AdviceRow]:
    """Say what to load before it is asked for.

    Args:
        directory: The data directory; None: the one that the settings name.

    Returns:
        Every advice and every refusal, with evidence and confidence.

    Raises:
        ModelTallyError: There is no store, or it cannot be asked.
    """
    return await asyncio.to_thread(_advice, "preload", directory)


async def get_performance_recommendations(*, directory: Path | None = None) -> list[AdviceRow]:
    """Say which models are slow, unsteady or unreliable, with the likely cause.

    Args:
        directory: The data directory; None: the one that the settings name.

    Returns:
        Every advice, with evidence and confidence.

    Raises:
        ModelTallyError: There is no store, or it cannot be asked.
    """
    return await asyncio.to_thread(_advice, "performance", directory)


def _advice(kind: str, directory: Path | None) -> list[AdviceRow]:
    advice = advice_named(kind)
    window = parse_window(None, None, None, now=datetime.now(UTC))
    with open_reader(load_settings(dir=directory)) as store:
        return advise(store, advice, parameters_of(advice, window))
