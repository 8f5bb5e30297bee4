"""Every model that was ever seen: in use, idle, never used; and one model with all that is known of it."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models are read at run time
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.plain import plain
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.topics.lifecycle import DOWNLOADS, LOADS, MEMORY, STORAGE
from modeltally.analytics.topics.over_time import TIME, TRENDS
from modeltally.analytics.topics.quality import FAILURES_BY_MODEL
from modeltally.analytics.topics.subjects import PARAMETERS, SPEED, SUCCESS
from modeltally.analytics.topics.usage import MODELS
from modeltally.show.api.answering import Asked, Tables
from modeltally.show.api.envelope import Envelope, Page, TrustModel
from modeltally.show.api.problems import ProblemError, documented
from modeltally.show.api.questions import Dated, Text, listed_by
from modeltally.show.api.topics import asked_as_given, list_responses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.analytics.topic import Topic
    from modeltally.analytics.trust import Trust
    from modeltally.analytics.window import Window
    from modeltally.show.api.answering import Answering

__all__ = ["models_router"]

# What is told of one model, by the name of its block.
_BLOCKS: Final[dict[str, Topic[Any]]] = {
    "usage": MODELS,
    "success": SUCCESS,
    "speed": SPEED,
    "trend": TRENDS,
    "over_time": TIME,
    "parameters": PARAMETERS,
    "failures": FAILURES_BY_MODEL,
    "loads": LOADS,
    "downloads": DOWNLOADS,
    "memory": MEMORY,
}
_SUBJECT: Final = ("subject", "model")


class KnownModel(BaseModel):
    """One model."""

    model: str = Field(description="The model, by the name its aliases lead to.")
    state: Literal["in use", "idle", "never used"] = Field(
        description="in use: asked in the window; idle: asked before; never used: seen, and never asked."
    )
    requests: int = Field(description="Requests that began in the window.")
    failures: int = Field(description="Those that failed.")
    users: int = Field(description="Different users.")
    success_rate: float | None = Field(description="Share that went well; null where there is nothing to rate.")
    p50_ms: float | None = Field(description="Half of them took at most so long.")
    p95_ms: float | None = Field(description="All but 5 of 100 took at most so long.")
    cold_starts: int = Field(description="Those that had to wait for their model to be loaded.")
    last_used_at: datetime | None = Field(description="When it was last asked, at any time; null where it never was.")
    last_seen_at: datetime = Field(description="When anything last happened to it.")
    size_bytes: int | None = Field(description="The largest size a download or load ever named.")


class KnownModels(Page):
    """Every model."""

    rows: list[KnownModel] = Field(description="The models, in the order asked for.")


class ModelBlock(BaseModel):
    """What one topic tells of a model."""

    topic: str = Field(description="The topic, as under /api/v1/topics.")
    rows: list[dict[str, Any]] = Field(description="Its rows about this model, with the topic's columns.")


class ModelAnswer(Envelope):
    """All that is known of one model."""

    model: KnownModel = Field(description="The model, as in the list of all.")
    blocks: dict[str, ModelBlock] = Field(description="What topics tell of it, by the name of the block.")
    trust: TrustModel = Field(description="What it rests on.")


_COLUMNS: Final = list(KnownModel.model_fields)


class _Named(Dated):
    model: Text | None = Field(default=None, description="One model alone, by its name.")


class _ModelsParameters(_Named, listed_by(_COLUMNS, name="ModelsList")):  # type: ignore[misc] # made there
    """Which models, of which window."""


def models_router(answering: Answering) -> APIRouter:
    """Build the endpoints.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1/models", tags=["models"])
    backend = answering.backend

    @router.get(
        "",
        response_model=KnownModels,
        responses=list_responses(one="get_model", parameter="model_id", column="model"),
    )
    async def list_models(request: Request, asked: Annotated[_ModelsParameters, Query()]) -> Response:
        """List every model that was ever seen, also those that nobody uses."""
        window = asked.window(backend)
        raw = {**asked_as_given(asked), "model": asked.model}

        def tables(at: Window) -> Tables:
            rows, trust, empty = _known(answering, at)
            return Tables([row for row in rows if asked.model in {None, row["model"]}], _COLUMNS, trust, empty)

        return await answering.listing(request, _asked(window), asked, raw, tables=tables, extra={}, name="all-models")

    @router.get(
        "/{model_id:path}",
        response_model=ModelAnswer,
        responses=documented(400, 401, 404, 422, 503),
    )
    async def get_model(
        request: Request,
        model_id: Annotated[Text, Path(description="The model, by its name; slashes may stand as they are.")],
        asked: Annotated[Dated, Query()],
    ) -> Response:
        """Tell all that is known of one model."""
        window = asked.window(backend)
        blocks = {name: Asked(topic, window, _about(topic, model_id)) for name, topic in _BLOCKS.items()}

        def content() -> tuple[Mapping[str, Any], Trust]:
            rows, trust, _ = _known(answering, window)
            one = next((row for row in rows if row["model"] == model_id), None)
            if one is None:
                raise ProblemError(
                    HTTPStatus.NOT_FOUND,
                    "no model of this name was ever seen; /api/v1/models lists all",
                    thing="model",
                    value=model_id,
                )
            told = {
                name: {
                    "topic": part.topic.name,
                    "rows": [row for row in answering.ask(part).to_dict()["rows"] if _is_of(row, model_id)],
                }
                for name, part in blocks.items()
            }
            return {"model": plain(one), "blocks": told, "trust": trust.to_dict()}, trust

        return await answering.record(request, [*_asked(window), *blocks.values()], content=content)

    return router


def _asked(window: Window) -> list[Asked]:
    # storage tells of every model that was seen before the window's end, whatever its begin
    return [Asked(MODELS, window, {}), Asked(STORAGE, window, {})]


def _known(answering: Answering, window: Window) -> tuple[list[dict[str, Any]], Trust, str | None]:
    """Give every model: those of the window by their use, the most used first, then those that were seen before."""
    used, seen = (answering.ask(part) for part in _asked(window))
    uses = {row["model"]: row for row in used.rows}
    rows = [_row(row, uses.get(row["model"])) for row in seen.rows]
    rows.sort(key=lambda row: (-row["requests"], row["last_used_at"] is None, row["model"]))
    return rows, used.trust, None if rows else (seen.empty or used.empty)


def _row(seen: Mapping[str, Any], used: Mapping[str, Any] | None) -> dict[str, Any]:
    last_used_at = seen["last_used_at"]
    state = "in use" if used is not None else "idle" if last_used_at is not None else "never used"
    return {
        "model": seen["model"],
        "state": state,
        "requests": used["requests"] if used else 0,
        "failures": used["failures"] if used else 0,
        "users": used["users"] if used else 0,
        "success_rate": used["success_rate"] if used else None,
        "p50_ms": used["p50_ms"] if used else None,
        "p95_ms": used["p95_ms"] if used else None,
        "cold_starts": used["cold_starts"] if used else 0,
        "last_used_at": last_used_at,
        "last_seen_at": seen["last_seen_at"],
        "size_bytes": seen["size_bytes"],
    }


def _about(topic: Topic[Any], model: str) -> dict[str, object]:
    taken = {argument.parameter for argument in topic.arguments}
    given = {name: value for name, value in {"kind": "model", "subject": model}.items() if name in taken}
    return arguments_of(topic, given, topics=TOPICS.values())


def _is_of(row: Mapping[str, Any], model: str) -> bool:
    """Tell whether a row is about a model, where it says whose it is."""
    named = [row[column] for column in _SUBJECT if column in row]
    return not named or named[0] == model
