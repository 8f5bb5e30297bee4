"""Statistics of one model or pattern as functions: what ``modeltally stats`` says, from the store of the settings."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.pattern_stats import PatternUsageData, UsageDataPoint, UsageStatsResponse, usage_stats
from modeltally.analytics.topics import TOPICS, topic_named
from modeltally.analytics.window import Window
from modeltally.connect import open_statistics
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from uuid import UUID

    from modeltally.analytics.answers import Answer
    from modeltally.analytics.statistics import Statistics
    from modeltally.analytics.trust import Trust

__all__ = [
    "ModelUsageAnalytics",
    "PatternUsageData",
    "UsageDataPoint",
    "UsageStatistics",
    "UsageStatsResponse",
    "get_model_usage_analytics",
    "get_usage_statistics_for_model",
    "pattern_effectiveness",
    "pattern_usage",
]

_DAYS = 30


@dataclass(frozen=True, slots=True)
class UsageStatistics:
    """What is known of one model's use in the last thirty days.

    Attributes:
        model_id: The model, by the name its aliases lead to.
        window_since: When the window begins.
        window_until: When it ends.
        total_uses: Requests that began in it.
        usage_frequency: Requests a day, on average.
        unique_users: Different users.
        success_rate: Share that went well; None where there is nothing to rate.
        average_generation_time_ms: Mean duration; None where none finished.
        last_used: When it was last asked; None where it was not.
        trend_type: growing, declining, stable, emerging or abandoned; None without use.
        peak_hours: The hours of the day (UTC) with the most requests, at most three.
        daily_usage: Requests by day, the oldest first.
        common_parameters: The commonest value of each parameter that requests came with.
        trust: What it rests on.
    """

    model_id: str
    window_since: datetime
    window_until: datetime
    total_uses: int
    usage_frequency: float
    unique_users: int
    success_rate: float | None
    average_generation_time_ms: float | None
    last_used: datetime | None
    trend_type: str | None
    peak_hours: tuple[int, ...]
    daily_usage: dict[str, int]
    common_parameters: dict[str, str]
    trust: Trust

    def to_dict(self) -> dict[str, Any]:
        """Give it as a dict."""
        return asdict(self) | {"trust": self.trust.to_dict()}


class ModelUsageAnalytics:
    """Answers about the use of models."""

    def __init__(self, *, directory: Path | None = None) -> None:
        """Take where the data are.

        Args:
            directory: The data directory; None: the one that the settings name.
        """
        self._directory = directory

    async def get_usage_statistics(self, model_id: str) -> UsageStatistics:
        """Say how one model was used in the last thirty days.

        Args:
            model_id: The model, by the name its aliases lead to.

        Raises:
            ModelTallyError: There is no store, or it cannot be asked.
        """
        return await asyncio.to_thread(_statistics, model_id, self._directory)


async def get_model_usage_analytics(*, directory: Path | None = None) -> ModelUsageAnalytics:
    """Give what answers about the use of models.

    Args:
        directory: The data directory; None: the one that the settings name.
    """
    return ModelUsageAnalytics(directory=directory)


async def get_usage_statistics_for_model(model_id: str, *, directory: Path | None = None) -> UsageStatistics:
    """Say how one model was used in the last thirty days.

    Args:
        model_id: The model, by the name its aliases lead to.
        directory: The data directory; None: the one that the settings name.

    Raises:
        ModelTallyError: There is no store, or it cannot be asked.
    """
    return await asyncio.to_thread(_statistics, model_id, directory)


def pattern_usage(
    pattern_id: UUID | str | None, *, hours: float, bucket: str, directory: Path | None = None
) -> dict[str, Any]:
    """Count the runs of one pattern, or of each, by hour, day or week.

    Args:
        pattern_id: The pattern; None: each.
        hours: How long a window, up to now.
        bucket: hour, day or week.
        directory: The data directory; None: the one that the settings name.

    Returns:
        ``patterns``, each with ``pattern_id``, ``pattern_name``, ``usage_data`` (``timestamp`` and ``count``) and
        ``total_usage``; ``time_range`` in hours, ``granularity``, ``total_patterns``.

    Raises:
        ModelTallyError: There is no store, or it cannot be asked.
    """
    with open_statistics(load_settings(dir=directory)) as statistics:
        of = None if pattern_id is None else str(pattern_id)
        return usage_stats(statistics, of, time_range=f"{hours:g}h", group_by=bucket).to_dict()


def pattern_effectiveness(
    pattern_id: UUID | str, *, hours: float, directory: Path | None = None
) -> dict[str, Any] | None:
    """Say how effective a pattern is.

    Args:
        pattern_id: The pattern.
        hours: How long a window, up to now.
        directory: The data directory; None: the one that the settings name.

    Returns:
        ``effectiveness_score``, ``recommendation`` and what they come from; None where no run ended in the window.

    Raises:
        ModelTallyError: There is no store, or it cannot be asked.
    """
    with open_statistics(load_settings(dir=directory)) as statistics:
        answer = _answer(statistics, "patterns", Window.last(timedelta(hours=hours)), {"subject": str(pattern_id)})
    return {**answer.rows[0], "trust": answer.trust.to_dict()} if answer.rows else None


def _statistics(model: str, directory: Path | None) -> UsageStatistics:
    window = Window.last(timedelta(days=_DAYS))
    with open_statistics(load_settings(dir=directory)) as statistics:

        def one(topic: str) -> dict[str, Any]:
            rows = _answer(statistics, topic, window, {"kind": "model"}).rows
            return next((dict(row) for row in rows if row["subject"] == model), {})

        of = {"kind": "model", "subject": model}
        frequency, success, speed, trend = one("frequency"), one("success"), one("speed"), one("trends")
        hours = _answer(statistics, "peaks", window, of).rows
        days = _answer(statistics, "time", window, of)
        parameters = _answer(statistics, "parameters", window, of).rows
    by_hour: dict[int, int] = {}
    for row in hours:
        by_hour[row["hour_of_day"]] = by_hour.get(row["hour_of_day"], 0) + row["operations"]
    busiest = sorted((hour for hour, count in by_hour.items() if count), key=lambda hour: (-by_hour[hour], hour))
    commonest: dict[str, str] = {}
    for row in parameters:  # the commonest value of each comes first
        commonest.setdefault(row["parameter"], row["value"])
    return UsageStatistics(
        model_id=model,
        window_since=window.since,
        window_until=window.until,
        total_uses=frequency.get("operations", 0),
        usage_frequency=frequency.get("executions_per_day", 0.0),
        unique_users=frequency.get("users", 0),
        success_rate=success.get("success_rate"),
        average_generation_time_ms=speed.get("mean_ms"),
        last_used=frequency.get("last_used_at"),
        trend_type=trend.get("trend_type"),
        peak_hours=tuple(busiest[:3]),
        daily_usage={row["begin_at"].astimezone(UTC).date().isoformat(): row["operations"] for row in days.rows},
        common_parameters=commonest,
        trust=days.trust,
    )


def _answer(statistics: Statistics, name: str, window: Window, given: Mapping[str, str]) -> Answer[Any]:
    topic = topic_named(name)
    taken = {argument.parameter for argument in topic.arguments}
    wanted = {parameter: value for parameter, value in given.items() if parameter in taken}
    return statistics.ask(topic, window, arguments=arguments_of(topic, wanted, topics=TOPICS.values()))
