"""Users, by id or hash: who uses most, what one of them asks; and a person's right to be forgotten."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.topics.subjects import BY_USER, BY_USER_AND_MODEL
from modeltally.keys import user_hash
from modeltally.show.api.actions import SECURED, Action, Actions, DryRun, IdempotencyKey
from modeltally.show.api.answering import Asked
from modeltally.show.api.envelope import Envelope, TrustModel
from modeltally.show.api.problems import ProblemError, documented
from modeltally.show.api.questions import Dated, Text, parameters_of, question_of
from modeltally.show.api.topics import ANSWERS, asked_as_given, list_responses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.analytics.trust import Trust
    from modeltally.show.api.answering import Answering

__all__ = ["users_router"]

_Parameters = parameters_of(BY_USER)
_User = ANSWERS[BY_USER.name].model_fields["rows"].annotation.__args__[0]  # type: ignore[union-attr] # a list of rows
_Models = ANSWERS[BY_USER_AND_MODEL.name].model_fields["rows"].annotation
_UserId = Annotated[Text, Path(description="The user, by the id that services say, or by the hash, 16 hex digits.")]


class UserAnswer(Envelope):
    """What one user does."""

    user: _User = Field(description="The user, as in the list of all.")  # type: ignore[valid-type] # made of the topic
    models: _Models = Field(description="What this user asks of each model.")  # type: ignore[valid-type] # made of the topic
    trust: TrustModel = Field(description="What it rests on.")


def users_router(answering: Answering) -> APIRouter:
    """Build the endpoints.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1/users", tags=["users"])
    backend, actions = answering.backend, Actions(answering)

    @router.get(
        "",
        response_model=ANSWERS[BY_USER.name],
        responses=list_responses(one="get_user", parameter="user_id", column="user"),
    )
    async def list_users(request: Request, asked: Annotated[_Parameters, Query()]) -> Response:  # type: ignore[valid-type] # made of the topic
        """List who uses most, by the hash of the user."""
        window, arguments = question_of(BY_USER, asked, backend)
        return await answering.topic(request, Asked(BY_USER, window, arguments), asked, asked_as_given(asked))

    @router.get(
        "/{user_id}",
        response_model=UserAnswer,
        responses=documented(400, 401, 404, 422, 503),
    )
    async def get_user(request: Request, user_id: _UserId, asked: Annotated[Dated, Query()]) -> Response:
        """Tell what one user does, and of which models."""
        window, user = asked.window(backend), user_hash(user_id, backend.settings.dir)
        everybody = Asked(BY_USER, window, arguments_of(BY_USER, {}, topics=[BY_USER]))
        models = Asked(BY_USER_AND_MODEL, window, {"user": user})

        def content() -> tuple[Mapping[str, Any], Trust]:
            answer = answering.ask(everybody)
            one = next((row for row in answer.to_dict()["rows"] if row["user"] == user), None)
            if one is None:
                raise ProblemError(
                    HTTPStatus.NOT_FOUND,
                    "this user did nothing in this window; another one may tell more",
                    thing="user",
                    value=user,
                )
            told = {"user": one, "models": answering.ask(models).to_dict()["rows"], "trust": answer.trust.to_dict()}
            return told, answer.trust

        return await answering.record(request, [everybody, models], content=content)

    @router.post(
        "/{user_id}/erase",
        response_model=Action,
        responses=documented(400, 401, 403, 409, 422, 503),
        openapi_extra=SECURED,
    )
    async def erase_user(
        request: Request,
        user_id: _UserId,
        *,
        dry_run: DryRun = True,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Forget a user for good; counts of users keep their value, and nothing leads back."""
        user = user_hash(user_id, backend.settings.dir)

        def act() -> Mapping[str, Any]:
            told = {"action": "erase_user", "dry_run": dry_run, "done": not dry_run}
            if dry_run:
                detail = f"user {user} would be forgotten for good; nothing is done yet: dry_run=false does it"
                return {**told, "detail": detail, "report": []}
            report = backend.store.run("erase_user", {"user_hash": user})
            detail = f"user {user} is forgotten; what still comes of this user is stored without the hash"
            return {**told, "detail": detail, "report": report}

        return await actions.run(request, key=idempotency_key, act=act, is_dry=dry_run)

    return router
