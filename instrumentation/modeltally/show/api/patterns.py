"""Patterns: how effective each one is, and one of them over time."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.topics.over_time import TIME
from modeltally.analytics.topics.patterns import PATTERNS
from modeltally.show.api.answering import Asked
from modeltally.show.api.envelope import Envelope, TrustModel
from modeltally.show.api.problems import ProblemError, documented
from modeltally.show.api.questions import Dated, Text, parameters_of, question_of
from modeltally.show.api.topics import ANSWERS, asked_as_given, list_responses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.analytics.trust import Trust
    from modeltally.show.api.answering import Answering

__all__ = ["patterns_router"]

_Parameters = parameters_of(PATTERNS)
_Pattern = ANSWERS[PATTERNS.name].model_fields["rows"].annotation.__args__[0]  # type: ignore[union-attr] # a list of rows
_Stretches = ANSWERS[TIME.name].model_fields["rows"].annotation


class PatternAnswer(Envelope):
    """One pattern."""

    pattern: _Pattern = Field(description="The pattern, as in the list of all.")  # type: ignore[valid-type] # made of the topic
    over_time: _Stretches = Field(description="Its runs by day.")  # type: ignore[valid-type] # made of the topic
    trust: TrustModel = Field(description="What it rests on.")


def patterns_router(answering: Answering) -> APIRouter:
    """Build the endpoints.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1/patterns", tags=["patterns"])
    backend = answering.backend

    @router.get(
        "",
        response_model=ANSWERS[PATTERNS.name],
        responses=list_responses(one="get_pattern", parameter="pattern_id", column="pattern"),
    )
    async def list_patterns(request: Request, asked: Annotated[_Parameters, Query()]) -> Response:  # type: ignore[valid-type] # made of the topic
        """List how effective each pattern is, and what to do with it."""
        window, arguments = question_of(PATTERNS, asked, backend)
        return await answering.topic(request, Asked(PATTERNS, window, arguments), asked, asked_as_given(asked))

    @router.get(
        "/{pattern_id:path}",
        response_model=PatternAnswer,
        responses=documented(400, 401, 404, 422, 503),
    )
    async def get_pattern(
        request: Request,
        pattern_id: Annotated[Text, Path(description="The pattern, by its name; slashes may stand as they are.")],
        asked: Annotated[Dated, Query()],
    ) -> Response:
        """Tell how effective one pattern is, and how often it ran on each day."""
        window = asked.window(backend)
        whole = Asked(PATTERNS, window, arguments_of(PATTERNS, {"subject": pattern_id}, topics=[PATTERNS]))
        given = {"kind": "pattern", "subject": pattern_id}
        days = Asked(TIME, window, arguments_of(TIME, given, topics=[TIME]))

        def content() -> tuple[Mapping[str, Any], Trust]:
            answer = answering.ask(whole)
            one = next((row for row in answer.to_dict()["rows"] if row["pattern"] == pattern_id), None)
            if one is None:
                raise ProblemError(
                    HTTPStatus.NOT_FOUND,
                    "no run of a pattern of this name ended in this window",
                    thing="pattern",
                    value=pattern_id,
                )
            told = {"pattern": one, "over_time": answering.ask(days).to_dict()["rows"], "trust": answer.trust.to_dict()}
            return told, answer.trust

        return await answering.record(request, [whole, days], content=content)

    return router
