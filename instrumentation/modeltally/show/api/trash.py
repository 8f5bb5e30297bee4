"""``/v1/trash``: taking models of the server's machine away, and bringing them back."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from modeltally.availability.declared import declared_in
from modeltally.availability.found import places_of
from modeltally.availability.guards import Use
from modeltally.availability.inventory import take_inventory, wanted_of
from modeltally.availability.removal import Advised, Remover
from modeltally.errors import InputError, StoreError
from modeltally.show.api.actions import SECURED, Action, Actions, DryRun, IdempotencyKey
from modeltally.show.api.answering import json_response
from modeltally.show.api.machine import desk_of, usable
from modeltally.show.api.problems import ProblemError, documented

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeltally.show.api.answering import Answering

__all__ = ["trash_router"]

T = TypeVar("T")
_NAME = r"^[^\x00-\x1f\x7f]+$"
_Model = Annotated[
    Annotated[str, StringConstraints(pattern=_NAME, max_length=256)],
    Query(description="The model, by its name in its store."),
]
_Confirm = Annotated[
    str, Query(max_length=256, description="For dry_run=false: the name of the model once more, as by hand.")
]
_Id = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[0-9]{8}-[0-9]{6}-[0-9a-f]{6}$")],
    Path(description="The removal, by its id."),
]


class RemovalAnswer(BaseModel):
    """One removal that lies in the trash."""

    id: str = Field(description="Names it.")
    model: str = Field(description="What was removed; empty for what no model needed.")
    store: str = Field(description="The kind of store it was in.")
    state: str = Field(description="How far it is; removed, unless something is under way.")
    removed_at: datetime = Field(description="When it was removed.")
    purged_from: datetime = Field(description="From when on `modeltally models purge` takes it.")
    removed_bytes: int = Field(description="Bytes of its files.")
    freed_bytes: int = Field(description="What would become free by purging it.")


class TrashAnswer(BaseModel):
    """What lies in the trash of the server's machine, the oldest first."""

    rows: list[RemovalAnswer]


def trash_router(answering: Answering) -> APIRouter:  # noqa: C901 - each function is an endpoint
    """Build the endpoints.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1/trash", tags=["trash"])
    backend, actions = answering.backend, Actions(answering)

    def remover() -> Remover:
        desk_of(backend)
        declared = _usable(lambda: declared_in(os.environ))
        places = places_of(os.environ, FilePath.home(), wanted=wanted_of(declared))
        return Remover(
            lambda: take_inventory(places, declared),
            declared,
            use_of=lambda _: Use(is_known=False),
            clock=backend.now,
        )

    @router.get("", response_model=TrashAnswer, responses=documented(401, 409, 422, 503))
    async def list_trash(request: Request) -> Response:
        """List what can be brought back."""

        def content() -> Mapping[str, Any]:
            keep = timedelta(days=backend.settings.trash_days)
            found = [(trash, each) for trash in remover().trashes() for each in trash.removals()]
            return {
                "rows": [
                    {
                        "id": each.id,
                        "model": each.plan.model,
                        "store": each.plan.store,
                        "state": each.state,
                        "removed_at": each.removed_at.isoformat(),
                        "purged_from": (each.removed_at + keep).isoformat(),
                        "removed_bytes": each.plan.removed_bytes,
                        "freed_bytes": trash.held_bytes(each),
                    }
                    for trash, each in found
                ]
            }

        return json_response(await answering.work.run(request, content))

    @router.post(
        "",
        response_model=Action,
        responses=documented(400, 401, 403, 404, 409, 422, 503),
        openapi_extra=SECURED,
    )
    async def remove_model(
        request: Request,
        model: _Model,
        *,
        confirm: _Confirm = "",
        dry_run: DryRun = True,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Move a model into the trash, unless it is loaded, open, being downloaded or needed by another one."""

        def act() -> Mapping[str, Any]:
            _check(model, confirm, dry_run=dry_run)
            result = _usable(lambda: remover().remove([Advised(model)], dry_run=dry_run))
            report = [asdict(each) for each in (result.advised if dry_run else result.removed)]
            against = [*(reason for each in result.kept for reason in each.reasons), *result.errors]
            if against:
                raise ProblemError(HTTPStatus.CONFLICT, "; ".join(against), thing="model", value=model)
            freed = f"{result.bytes_freed_when_purged} bytes become free once it is purged"
            detail = f"{model} would be removed, and {freed}" if dry_run else f"{model} is in the trash; {freed}"
            told = {"action": "remove_model", "dry_run": dry_run, "done": not dry_run}
            return {**told, "detail": detail, "report": report}

        return await actions.run(request, key=idempotency_key, act=act, is_dry=dry_run)

    @router.post(
        "/{removal_id}/{what}",
        response_model=Action,
        responses=documented(400, 401, 403, 404, 409, 422, 503),
        openapi_extra=SECURED,
    )
    async def change_removal(
        request: Request,
        removal_id: _Id,
        what: Annotated[
            Literal["undo", "purge"], Path(description="undo brings it back, purge frees its bytes for good.")
        ],
        *,
        confirm: _Confirm = "",
        dry_run: DryRun = True,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Bring a removal back, or let go of it for good, which the name of the model has to confirm."""

        def act() -> Mapping[str, Any]:
            work = remover()
            try:
                trash, removal = work.find(removal_id)
            except InputError as error:
                raise ProblemError(HTTPStatus.NOT_FOUND, str(error), thing="removal", value=removal_id) from error
            told = {"action": f"{what}_removal", "dry_run": dry_run, "done": not dry_run}
            model = removal.plan.model or removal.id
            if dry_run:
                free = trash.held_bytes(removal)
                detail = f"{model} would be back" if what == "undo" else f"{free} bytes of {model} would become free"
                return {**told, "detail": detail, "report": []}
            if what == "undo":
                kept = _usable(lambda: work.undo(removal_id))
                return {**told, "detail": f"{model} is back", "report": [{"left_as_it_is": path} for path in kept]}
            _check(model, confirm, dry_run=dry_run)
            freed = _usable(lambda: work.purge([removal_id]))[removal_id]
            return {**told, "detail": f"{freed} bytes of {model} are free", "report": [{"freed_bytes": freed}]}

        return await actions.run(request, key=idempotency_key, act=act, is_dry=dry_run)

    return router


def _check(model: str, confirm: str, *, dry_run: bool) -> None:
    if not dry_run and confirm != model:
        raise ProblemError(
            HTTPStatus.CONFLICT, f"confirm has to be {model!r}: nothing was done", thing="confirm", value=confirm
        )


def _usable(ask: Callable[[], T]) -> T:
    return usable(ask, missing="model", thing="trash", refusals=(InputError, StoreError))
