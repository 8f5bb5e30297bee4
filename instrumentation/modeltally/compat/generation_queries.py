"""Questions about generations as awaited functions: what ``modeltally stats`` says, from the store of the settings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.topics.over_time import PEAKS, TIME
from modeltally.analytics.topics.quality import FAILURES, FAILURES_BY_MODEL
from modeltally.analytics.topics.subjects import BY_USER_AND_MODEL, PARAMETERS
from modeltally.analytics.topics.usage import MODELS, OVERVIEW
from modeltally.analytics.window import Window
from modeltally.connect import open_statistics
from modeltally.keys import user_hash
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modeltally.analytics.answers import Answer
    from modeltally.analytics.topic import R, Topic
    from modeltally.analytics.topics.over_time import HourOfWeekRow, StretchRow
    from modeltally.analytics.topics.quality import FailureOfModelRow, FailureRow
    from modeltally.analytics.topics.subjects import ParameterRow, UserAndModelRow
    from modeltally.analytics.topics.usage import ModelRow, OverviewRow

__all__ = [
    "FailureAnalysis",
    "get_failure_analysis",
    "get_generation_overview",
    "get_generation_trends",
    "get_model_performance",
    "get_peak_usage_times",
    "get_user_generation_analytics",
]

_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureAnalysis:
    """What goes wrong.

    Attributes:
        by_type: Failures by type of error.
        by_model: The same by model.
        by_parameter: Requests and their failures by the parameters they came with.
    """

    by_type: Answer[FailureRow]
    by_model: Answer[FailureOfModelRow]
    by_parameter: Answer[ParameterRow]

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can hold."""
        return {name: getattr(self, name).to_dict() for name in ("by_type", "by_model", "by_parameter")}


async def get_generation_overview(days: int = _DAYS, *, directory: Path | None = None) -> Answer[OverviewRow]:
    """Say how much was generated, for how many, how well and how fast.

    Args:
        days: How long a window, up to now.
        directory: The data directory; None: the one that the settings name.

    Raises:
        ModelTallyError: There is no store, or it cannot be asked.
    """
    return await asyncio.to_thread(_ask, OVERVIEW, days, {}, directory)


async def get_generation_trends(
    days: int = _DAYS, interval: str = "day", *, directory: Path | None = None
) -> Answer[StretchRow]:
    """Count generations over time, stretches without any included, the oldest first.

    Args:
        days: How long a window, up to now.
        interval: hour, day or week.
        directory: The data directory; None: the one that the settings name.

    Raises:
        ModelTallyError: There is no such interval, there is no store, or it cannot be asked.
    """
    return await asyncio.to_thread(_ask, TIME, days, {"bucket": interval}, directory)


async def get_user_generation_analytics(
    user_id: str, days: int = _DAYS, *, directory: Path | None = None
) -> Answer[UserAndModelRow]:
    """Say which models a user asks, and how it goes.

    Args:
        user_id: The user, by the id that services say, or by the hash.
        days: How long a window, up to now.
        directory: The data directory; None: the one that the settings name.

    Raises:
        ModelTallyError: The id cannot be hashed, there is no store, or it cannot be asked.
    """
    user = user_hash(user_id, load_settings(dir=directory).dir)
    return await asyncio.to_thread(_ask, BY_USER_AND_MODEL, days, {"user": user}, directory)


async def get_model_performance(*, directory: Path | None = None) -> Answer[ModelRow]:
    """Compare the models of the last thirty days.

    Args:
        directory: The data directory; None: the one that the settings name.

    Raises:
        ModelTallyError: There is no store, or it cannot be asked.
    """
    return await asyncio.to_thread(_ask, MODELS, _DAYS, {}, directory)


async def get_failure_analysis(days: int = _DAYS, *, directory: Path | None = None) -> FailureAnalysis:
    """Say what goes wrong: by type of error, by model, by parameter.

    Args:
        days: How long a window, up to now.
        directory: The data directory; None: the one that the settings name.

    Raises:
        ModelTallyError: There is no store, or it cannot be asked.
    """
    return await asyncio.to_thread(_failures, days, directory)


async def get_peak_usage_times(days: int = _DAYS, *, directory: Path | None = None) -> Answer[HourOfWeekRow]:
    """Say when generations come in a week: ``day_of_week`` is 0 on Mondays, hours are in UTC.

    Args:
        days: How long a window, up to now.
        directory: The data directory; None: the one that the settings name.

    Raises:
        ModelTallyError: There is no store, or it cannot be asked.
    """
    return await asyncio.to_thread(_ask, PEAKS, days, {}, directory)


def _ask(topic: Topic[R], days: int, given: Mapping[str, str], directory: Path | None) -> Answer[R]:
    with open_statistics(load_settings(dir=directory)) as statistics:
        arguments = arguments_of(topic, given, topics=[topic])
        return statistics.ask(topic, Window.last(timedelta(days=days)), arguments=arguments)


def _failures(days: int, directory: Path | None) -> FailureAnalysis:
    window = Window.last(timedelta(days=days))
    with open_statistics(load_settings(dir=directory)) as statistics:

        def ask(topic: Topic[R]) -> Answer[R]:
            return statistics.ask(topic, window, arguments=arguments_of(topic, {}, topics=[topic]))

        return FailureAnalysis(by_type=ask(FAILURES), by_model=ask(FAILURES_BY_MODEL), by_parameter=ask(PARAMETERS))
