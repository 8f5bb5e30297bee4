"""Advice: what the last runs said, and a new run on request. Nothing that is advised is done here."""

from __future__ import annotations

import hashlib
from datetime import datetime  # noqa: TC003 - the models are read at run time
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from modeltally.analytics.plain import plain
from modeltally.analytics.window import Window, parse_window
from modeltally.recommend.advise import advice_made
from modeltally.recommend.kinds import (
    ADVICE,
    ASKED,
    CHOOSABLE,
    GUARDED,
    POLICIES,
    WATCHFUL,
    WINDOWED,
    advice_named,
    advise,
    parameters_of,
)
from modeltally.show.api.actions import SECURED, Action, Actions, IdempotencyKey
from modeltally.show.api.answering import csv_response, json_response, wants_csv
from modeltally.show.api.pages import Cursor, page_of, question_id
from modeltally.show.api.problems import documented
from modeltally.show.api.questions import Moment, listed_by
from modeltally.show.api.topics import list_responses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.show.api.answering import Answering

__all__ = ["recommendations_router"]

_LAST: Final = "recommendations_last"


class Recommendation(BaseModel):
    """What an advice says of one model, or why it says nothing."""

    id: str = Field(description="Names it.")
    kind: str = Field(description="The kind of advice.")
    policy: str = Field(description="The rule that gave it.")
    policy_version: int = Field(description="The version of the rule.")
    advised_at: datetime = Field(description="The time it goes by.")
    subject: str = Field(description="The model; * stands for the run itself.")
    action: str = Field(description="What to do with it; empty where nothing is advised.")
    verdict: str = Field(description="What it says: advise, refused, or what was seen.")
    reason: str = Field(description="Why, as a code and a sentence.")
    confidence: float | None = Field(
        description="How sure it is: the chance that it is not refuted within the horizon."
    )
    horizon_seconds: float | None = Field(description="For how long that is said.")
    priority: str = Field(description="How soon to act.")
    evidence: dict[str, Any] = Field(description="The figures it rests on.")
    window_since: datetime = Field(description="Where the window it looked at begins.")
    window_until: datetime = Field(description="Where it ends.")
    expires_at: datetime = Field(description="When it is not to be followed any more.")
    coverage: float | None = Field(description="The part of the window's days on which something was watching.")
    refuted_by: str = Field(description="What would refute it.")
    refutation: dict[str, Any] = Field(
        description="The same for programs: a figure, its limit, and when the judge looks."
    )
    verdicts: list[dict[str, Any]] = Field(
        description="What became of earlier advice of this rule about it, newest first."
    )
    is_unsafe: bool = Field(description="It comes from a rule without guards.")


class Recommendations(BaseModel):
    """What the last run of each kind of advice said, as far as it still holds."""

    rows: list[Recommendation] = Field(description="The advice, in the order asked for.")
    as_of: datetime = Field(description="The time the answer goes by.")
    kinds: list[str] = Field(description="Every kind of advice there is.")
    empty: str | None = Field(description="Why there is none.")
    total_rows: int = Field(description="How many there are.")
    next_cursor: str | None = Field(description="What to give as cursor to get what is behind these.")


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    as_of: Moment | None = Field(default=None, description="Answer as of this moment. Default: now.")
    kind: Literal[tuple(ADVICE)] | None = Field(default=None, description="One kind of advice.")  # type: ignore[valid-type] # the words are data
    policy: Literal[POLICIES] | None = Field(default=None, description="One rule.")  # type: ignore[valid-type] # the words are data


_SORTED: Final = [name for name in Recommendation.model_fields if name not in {"evidence", "refutation", "verdicts"}]


class _Parameters(_Asked, listed_by(_SORTED, name="RecommendationsList")):  # type: ignore[misc] # made there
    """Which advice."""


class _New(BaseModel):
    model_config = ConfigDict(extra="forbid")

    since: Moment | None = Field(
        default=None, description=f"For {' and '.join(WINDOWED)}, which alone take a window: its begin."
    )
    until: Moment | None = Field(default=None, description=f"For {' and '.join(WINDOWED)}: its end.")
    as_of: Moment | None = Field(default=None, description="Advise as of this moment. Default: now.")
    policy: Literal[POLICIES] | None = Field(  # type: ignore[valid-type] # the words are data
        default=None,
        description=f"For {' and '.join(CHOOSABLE)}: guarded refuses on thin evidence; seed is UNSAFE, the plain rule.",
    )
    count_imports: bool = Field(
        default=False,
        description=f"For {', '.join(WATCHFUL)}: days of imported logs count as days that were watched.",
    )
    slots: int | None = Field(default=None, ge=1, le=2**50, description="For keep: how many models fit.")
    room_bytes: int | None = Field(default=None, ge=1, le=2**50, description="For keep: how many bytes of them fit.")
    zone: str | None = Field(default=None, description="For keepalive: whose clocks the hours of the day go by.")
    dry_run: bool = Field(default=True, description="Only say what would be done; false does it.")


def recommendations_router(answering: Answering) -> APIRouter:
    """Build the endpoints.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1/recommendations", tags=["recommendations"])
    backend, actions = answering.backend, Actions(answering)

    @router.get("", response_model=Recommendations, responses=list_responses())
    async def list_recommendations(request: Request, asked: Annotated[_Parameters, Query()]) -> Response:
        """List what the last run of each kind of advice said, as far as it still holds."""
        question = question_id(_LAST, asked.as_of, asked.kind, asked.policy, asked.sort, asked.q)
        cursor = None if asked.cursor is None else Cursor.decode(asked.cursor, question=question)
        window = cursor.window if cursor is not None else parse_window(None, None, asked.as_of, now=backend.now())

        def respond() -> Response:
            rows = _last(answering, window, asked)
            page = page_of(rows, asked, window=window, question=question, cursor=cursor)
            if wants_csv(request, asked.format):
                return csv_response(page.rows, list(Recommendation.model_fields), "recommendations", {})
            return json_response(
                {
                    "rows": page.rows,
                    "as_of": plain(window.as_of),
                    "kinds": list(ADVICE),
                    "empty": None if rows else "no advice is stored that still holds: POST to a kind of it makes some",
                    "total_rows": page.total,
                    "next_cursor": page.next_cursor,
                }
            )

        return await answering.work.run(request, respond)

    @router.post(
        "/{kind}",
        response_model=Action,
        responses=documented(400, 401, 403, 404, 409, 422, 503),
        openapi_extra=SECURED,
    )
    async def make_recommendations(
        request: Request,
        kind: Annotated[Literal[tuple(ADVICE)], Path(description="The kind of advice.")],  # type: ignore[valid-type] # the words are data
        asked: Annotated[_New, Query()],
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Make advice anew, and store it with its evidence; nothing that it advises is done."""
        advice = advice_named(kind)
        window = parse_window(asked.since, asked.until, asked.as_of, now=backend.now())
        parameters = parameters_of(
            advice,
            window,
            has_bounds=asked.since is not None or asked.until is not None,
            policy=asked.policy,
            count_imports=asked.count_imports,
            asked={name: getattr(asked, name) for name in ASKED},
        )

        def act() -> Mapping[str, Any]:
            told = {"action": advice.job, "dry_run": asked.dry_run, "done": not asked.dry_run}
            if asked.dry_run:
                detail = (
                    f"{advice.sentence} would be asked by the {asked.policy or GUARDED} rule: dry_run=false does it"
                )
                return {**told, "detail": detail, "report": []}
            rows = advise(backend.store, advice, parameters)
            detail = f"{len(rows)} of advice and refusals, stored" if rows else advice.when_empty
            return {**told, "detail": detail, "report": [plain(row) for row in rows]}

        return await actions.run(request, key=idempotency_key, act=act, is_dry=asked.dry_run)

    return router


def _last(answering: Answering, window: Window, asked: Any) -> list[dict[str, Any]]:
    found = answering.backend.store.read(_LAST, {"as_of": window.as_of})
    wanted = [row for row in found if asked.kind in {None, row["kind"]} and asked.policy in {None, row["policy"]}]
    return [{"id": _id(row), **row} for row in advice_made(wanted)]


def _id(row: Mapping[str, object]) -> str:
    named = [str(plain(row[name])) for name in ("kind", "policy", "advised_at", "subject", "action")]
    return hashlib.sha256("\0".join(named).encode()).hexdigest()[:16]
