"""Questions about generations, under the paths that another design gave them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.topics.over_time import PEAKS, TIME
from modeltally.analytics.topics.quality import FAILURES, FAILURES_BY_MODEL
from modeltally.analytics.topics.subjects import BY_USER_AND_MODEL, PARAMETERS
from modeltally.analytics.topics.usage import MODELS, OVERVIEW
from modeltally.analytics.window import Window
from modeltally.keys import user_hash
from modeltally.show.api.answering import Asked
from modeltally.show.api.envelope import Envelope, TrustModel
from modeltally.show.api.problems import documented
from modeltally.show.api.questions import Days, Interval, Text, listed_by
from modeltally.show.api.topics import ANSWERS, list_responses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.analytics.topic import Topic
    from modeltally.analytics.trust import Trust
    from modeltally.show.api.answering import Answering

__all__ = ["generation_router"]

_DAYS: Final = 30


class _Part(BaseModel):
    topic: str = Field(description="What was asked.")
    trust: TrustModel = Field(description="What it rests on.")
    empty: str | None = Field(description="Why there is nothing to tell.")


def _part(topic: Topic[Any]) -> type[BaseModel]:
    rows = ANSWERS[topic.name].model_fields["rows"].annotation
    return type(f"{topic.row.__name__}s", (_Part,), {"__annotations__": {"rows": rows}, "__doc__": topic.sentence})


_ByType, _ByModel, _ByParameter = (_part(topic) for topic in (FAILURES, FAILURES_BY_MODEL, PARAMETERS))


class FailureAnalysis(Envelope):
    """What goes wrong."""

    by_type: _ByType = Field(description="Failures by type of error.")  # type: ignore[valid-type] # made above
    by_model: _ByModel = Field(description="The same by model.")  # type: ignore[valid-type] # made above
    by_parameter: _ByParameter = Field(description="Requests and their failures by parameter.")  # type: ignore[valid-type] # made above


class DaysBack(BaseModel):
    """A window up to now."""

    model_config = ConfigDict(extra="forbid")

    days: Days = _DAYS


def _listed(topic: Topic[Any], *, name: str, **more: Any) -> type[Any]:
    base = type(f"{name}Window", (DaysBack,), {"__annotations__": {key: kind for key, (kind, _) in more.items()}}
                | {key: default for key, (_, default) in more.items()})  # fmt: skip
    columns = [column.name for column in topic.columns if column.type is not dict]
    lists = listed_by(columns, name=f"{name}List")
    return type(name, (base, lists), {})


_Overview = _listed(OVERVIEW, name="GenerationOverview")
_Trends = _listed(TIME, name="GenerationTrends", interval=(Interval, Field("day", description="How time is cut.")))
_User = _listed(BY_USER_AND_MODEL, name="UserGenerations")
_Models = _listed(MODELS, name="GenerationModels")
_Peaks = _listed(PEAKS, name="PeakHours")


def generation_router(answering: Answering) -> APIRouter:
    """Build the endpoints.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1/analytics/generation", tags=["generations"])
    backend = answering.backend

    async def ask(request: Request, topic: Topic[Any], asked: Any, **given: str) -> Response:
        question = _question(topic, asked.days, given)
        return await answering.topic(request, question, asked, {"days": asked.days})

    def _question(topic: Topic[Any], days: int, given: Mapping[str, str]) -> Asked:
        window = Window.last(timedelta(days=days), now=backend.now())
        return Asked(topic, window, arguments_of(topic, given, topics=[topic]))

    @router.get("/overview", response_model=ANSWERS[OVERVIEW.name], responses=list_responses())
    async def get_generation_overview(request: Request, asked: Annotated[_Overview, Query()]) -> Response:  # type: ignore[valid-type] # made above
        """Say how much was generated, for how many, how well and how fast."""
        return await ask(request, OVERVIEW, asked)

    @router.get("/trends", response_model=ANSWERS[TIME.name], responses=list_responses())
    async def get_generation_trends(request: Request, asked: Annotated[_Trends, Query()]) -> Response:  # type: ignore[valid-type] # made above
        """Count generations over time, stretches without any included, the oldest first."""
        return await ask(request, TIME, asked, bucket=asked.interval)  # type: ignore[attr-defined] # made above

    @router.get("/users/{user_id}", response_model=ANSWERS[BY_USER_AND_MODEL.name], responses=list_responses())
    async def get_user_generation_analytics(
        request: Request,
        user_id: Annotated[Text, Path(description="The user, by the id that services say, or by the hash.")],
        asked: Annotated[_User, Query()],  # type: ignore[valid-type] # made above
    ) -> Response:
        """Say which models a user asks, and how it goes."""
        return await ask(request, BY_USER_AND_MODEL, asked, user=user_hash(user_id, backend.settings.dir))

    @router.get("/models", response_model=ANSWERS[MODELS.name], responses=list_responses())
    async def get_model_performance(request: Request, asked: Annotated[_Models, Query()]) -> Response:  # type: ignore[valid-type] # made above
        """Compare the models."""
        return await ask(request, MODELS, asked)

    @router.get("/peak-hours", response_model=ANSWERS[PEAKS.name], responses=list_responses())
    async def get_peak_usage_times(request: Request, asked: Annotated[_Peaks, Query()]) -> Response:  # type: ignore[valid-type] # made above
        """Say when generations come in a week: day_of_week is 0 on Mondays, hours are in UTC."""
        return await ask(request, PEAKS, asked)

    @router.get("/failures", response_model=FailureAnalysis, responses=documented(400, 401, 422, 503))
    async def get_failure_analysis(request: Request, asked: Annotated[DaysBack, Query()]) -> Response:
        """Say what goes wrong: by type of error, by model, by parameter."""
        window = _question(FAILURES, asked.days, {}).window
        topics: dict[str, Topic[Any]] = {
            "by_type": FAILURES,
            "by_model": FAILURES_BY_MODEL,
            "by_parameter": PARAMETERS,
        }
        parts = {name: Asked(topic, window, arguments_of(topic, {}, topics=[topic])) for name, topic in topics.items()}

        def content() -> tuple[Mapping[str, Any], Trust]:
            answers = {name: answering.ask(part) for name, part in parts.items()}
            return {name: answer.to_dict() for name, answer in answers.items()}, answers["by_type"].trust

        return await answering.record(request, list(parts.values()), content=content)

    return router
