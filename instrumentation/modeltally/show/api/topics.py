"""Every question of the catalogue as an endpoint, made from the topic: its parameters, the type of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from modeltally.analytics.topics import TOPICS, topic_named
from modeltally.show.api.answering import CSV, Asked, json_response
from modeltally.show.api.envelope import answer_model
from modeltally.show.api.problems import documented
from modeltally.show.api.questions import name_of, parameters_of, question_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modeltally.analytics.topic import Topic
    from modeltally.show.api.answering import Answering

__all__ = ["ANSWERS", "asked_as_given", "list_responses", "topics_router"]

# the type of each topic's answer: made once, so that each has one name
ANSWERS: dict[str, type[BaseModel]] = {name: answer_model(topic) for name, topic in TOPICS.items()}


class ColumnModel(BaseModel):
    """One column of a topic's rows."""

    name: str
    unit: str
    is_nullable: bool
    sentence: str


class ArgumentModel(BaseModel):
    """What a topic wants to know beside the window."""

    name: str
    what: str
    example: str
    allowed: list[str]
    is_required: bool


class TopicModel(BaseModel):
    """One question that may be asked."""

    name: str
    group: str
    sentence: str
    view: str
    path: str
    arguments: list[ArgumentModel]
    columns: list[ColumnModel]


class Topics(BaseModel):
    """Every question that may be asked."""

    topics: list[TopicModel] = Field(description="In the order of the catalogue.")


def topics_router(answering: Answering) -> APIRouter:
    """Build the endpoints.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1/topics", tags=["topics"])
    content = Topics(topics=[_described(topic) for topic in TOPICS.values()]).model_dump()

    @router.get("", response_model=Topics, summary="Every question that may be asked.")
    async def list_topics() -> Response:
        return json_response(content)

    for topic in TOPICS.values():
        router.add_api_route(
            f"/{topic.name}",
            _endpoint(topic, answering),
            methods=["GET"],
            name=f"topic_{topic.name}",
            summary=topic.sentence,
            response_model=ANSWERS[topic.name],
            responses=list_responses(),
        )

    @router.get("/{name}", include_in_schema=False)
    async def unknown_topic(name: str) -> Response:
        topic_named(name)
        raise AssertionError(name)  # each that there is has a path of its own

    return router


def list_responses(*, one: str | None = None, parameter: str = "", column: str = "") -> dict[int | str, dict[str, Any]]:
    """Describe what a list may answer beside its rows as JSON.

    Args:
        one: The operation that tells of one of its rows.
        parameter: What that wants to know.
        column: The column of a row that says it.
    """
    whole: dict[str, Any] = {"content": {CSV: {"schema": {"type": "string"}}}}
    if one is not None:
        found = f"$response.body#/rows/0/{column}"
        whole["links"] = {one: {"operationId": one, "parameters": {parameter: found}}}
    return {200: whole, 304: {"description": "Nothing has changed."}, **documented(400, 401, 404, 422, 503)}


def asked_as_given(asked: Any) -> dict[str, object]:
    """Give the parameters of the window as they were given: what pages of a list have in common."""
    return {name: getattr(asked, name) for name in ("since", "until", "as_of")}


def _endpoint(topic: Topic[Any], answering: Answering) -> Callable[..., Awaitable[Response]]:
    parameters = parameters_of(topic)

    async def answer(request: Request, asked: Any) -> Response:
        window, arguments = question_of(topic, asked, answering.backend)
        return await answering.topic(request, Asked(topic, window, arguments), asked, asked_as_given(asked))

    # read by FastAPI: the parameters are this topic's own
    answer.__annotations__ = {"request": Request, "asked": Annotated[parameters, Query()], "return": Response}
    return answer


def _described(topic: Topic[Any]) -> TopicModel:
    return TopicModel(
        name=topic.name,
        group=topic.group,
        sentence=topic.sentence,
        view=topic.view,
        path=f"/api/v1/topics/{topic.name}",
        arguments=[
            ArgumentModel(
                name=name_of(argument),
                what=argument.what,
                example=argument.example,
                allowed=list(argument.allowed),
                is_required=argument.default is None,
            )
            for argument in topic.arguments
        ],
        columns=[
            ColumnModel(
                name=column.name, unit=str(column.unit), is_nullable=column.is_nullable, sentence=column.sentence
            )
            for column in topic.columns
        ],
    )
