"""How often patterns are used over time, under the path and in the shape that another design gave it."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models are read at run time
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from modeltally.analytics.pattern_stats import question, usage_stats
from modeltally.analytics.topics.over_time import TIME
from modeltally.show.api.answering import Asked
from modeltally.show.api.envelope import Envelope
from modeltally.show.api.problems import documented
from modeltally.show.api.questions import Interval, Text  # noqa: TC001 - the models are read at run time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.analytics.trust import Trust
    from modeltally.show.api.answering import Answering

__all__ = ["pattern_analytics_router"]

_RANGE: Final = r"^[0-9]{1,6}([.][0-9]{1,6})?[hdw]$"


class UsageDataPoint(BaseModel):
    """One stretch of time."""

    timestamp: datetime = Field(description="When it begins, UTC.")
    count: int = Field(description="Runs that began in it.")


class PatternUsageData(BaseModel):
    """One pattern."""

    pattern_id: str = Field(description="The pattern, by the name its aliases lead to.")
    pattern_name: str = Field(description="The same.")
    usage_data: list[UsageDataPoint] = Field(description="Its stretches, the oldest first.")
    total_usage: int = Field(description="Their runs.")


class UsageStatsResponse(Envelope):
    """Patterns over time."""

    patterns: list[PatternUsageData] = Field(description="Each pattern.")
    time_range: str = Field(description="How long a window, as it was asked for.")
    granularity: str = Field(description="How time is cut.")
    total_patterns: int = Field(description="How many patterns.")


class UsageStatsParameters(BaseModel):
    """What is asked."""

    model_config = ConfigDict(extra="forbid")

    pattern_id: Text | None = Field(default=None, description="One pattern; without it each.")
    time_range: Annotated[str, StringConstraints(pattern=_RANGE)] = Field(
        default="7d", description="How long a window, up to now: a number and h, d or w, such as 1d, 7d, 30d, 90d."
    )
    group_by: Interval = Field(default="day", description="How time is cut.")


def pattern_analytics_router(answering: Answering) -> APIRouter:
    """Build the endpoint.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/pattern-analytics", tags=["patterns"])

    @router.get("/usage-stats", response_model=UsageStatsResponse, responses=documented(400, 401, 422, 503))
    async def get_usage_stats(request: Request, asked: Annotated[UsageStatsParameters, Query()]) -> Response:
        """Count the runs of one pattern, or of each, over time."""
        backend = answering.backend
        now = backend.now()

        def content() -> tuple[Mapping[str, Any], Trust]:
            stats = usage_stats(
                backend.statistics,
                asked.pattern_id,
                time_range=asked.time_range,
                group_by=asked.group_by,
                now=now,
            )
            return stats.to_dict(), stats.trust

        window, arguments = question(asked.pattern_id, time_range=asked.time_range, group_by=asked.group_by, now=now)
        return await answering.record(request, [Asked(TIME, window, arguments)], content=content)

    return router
