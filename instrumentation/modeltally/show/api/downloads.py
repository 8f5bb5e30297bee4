"""``/v1/downloads`` and ``/v1/availability``: the models of the server's machine, and what is fetched to it."""

from __future__ import annotations

import os
from datetime import datetime  # noqa: TC003 - the models are read at run time
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from modeltally.availability.declared import ModelPriority
from modeltally.availability.downloads.record import (  # noqa: TC001 - the models are read at run time
    DownloadReason,
    DownloadState,
    Lane,
)
from modeltally.availability.found import hub_folder
from modeltally.availability.states import ModelAvailabilityStatus  # noqa: TC001 - as above
from modeltally.show.api.actions import SECURED, Action, Actions, DryRun, IdempotencyKey
from modeltally.show.api.answering import json_response
from modeltally.show.api.machine import desk_of, usable
from modeltally.show.api.problems import documented
from modeltally.show.downloads import download_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeltally.show.api.answering import Answering

__all__ = ["downloads_router"]

_Model = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$", max_length=193)],
    Query(description="The model, as the hub calls it: OWNER/NAME."),
]
T = TypeVar("T")
_Id = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}$")], Path(description="The download, by its id.")
]


class DownloadAnswer(BaseModel):
    """One download. Times are seconds since 1970."""

    id: str = Field(description="Names it.")
    model: str = Field(description="The model, as the hub calls it.")
    state: DownloadState = Field(description="How far it is.")
    share: float | None = Field(description="How much of it is here, from 0 to 1.")
    total_bytes: int | None = Field(description="All files together; null until the hub has said.")
    done_bytes: int | None = Field(description="What of that is here.")
    moved_bytes: int = Field(description="What came over the network, also what had to come again.")
    bytes_per_second: float | None = Field(description="How fast it goes.")
    eta_seconds: float | None = Field(description="How long yet, while it runs.")
    priority: ModelPriority
    reason: DownloadReason
    lane: Lane
    why: str = Field(description="What it waits for, or why it ended.")
    error_type: str
    action_required: str = Field(description="What somebody has to do; empty where nobody has to.")
    wanted: str = Field(description="What it was told while it runs: pause, cancel; empty for nothing.")
    files: list[str] = Field(description="Patterns of the files that are wanted; none for all.")
    files_total: int
    files_done: int
    file: str = Field(description="The file that is being fetched.")
    revision: str
    commit: str
    cache: str
    endpoint: str
    protocol: str
    retries: int
    resumed_bytes: int
    uses_per_day: float
    limit_bytes_per_second: float | None
    queued_at: float
    started_at: float | None
    ended_at: float | None
    paused_at: float | None
    paused_seconds: float
    updated_at: float
    pid: int | None


class QueueAnswer(BaseModel):
    """What is fetched, what waits in its order, what is paused, and the last that are over."""

    rows: list[DownloadAnswer]
    is_running: bool = Field(description="Whether a process works through the queue now.")


class StatusAnswer(BaseModel):
    """What is known of one model of the server's machine."""

    model_id: str
    availability_status: ModelAvailabilityStatus
    reason: str
    is_available: bool
    is_loaded: bool
    store: str
    location: str
    size_bytes: int
    download_progress: float | None
    downloaded_bytes: int | None
    total_bytes: int | None
    missing_files: list[str]
    integrity_score: float | None
    last_health_check: datetime | None
    performance_score: float | None
    corruption_detected: bool
    usage_frequency: float
    last_used: datetime | None
    average_generation_time: float | None
    can_pause_download: bool
    can_resume_download: bool
    estimated_wait_seconds: float | None
    action_required: str
    current_version: str
    latest_version: str | None
    update_available: bool | None
    priority: ModelPriority
    task: str | None
    is_pinned: bool


class StatusesAnswer(BaseModel):
    """The state of every model that is on the server's machine, or should be."""

    rows: list[StatusAnswer]


def downloads_router(answering: Answering) -> APIRouter:  # noqa: C901 - each function is an endpoint
    """Build the endpoints.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1", tags=["downloads"])
    backend, actions = answering.backend, Actions(answering)

    @router.get("/downloads", response_model=QueueAnswer, responses=documented(401, 409, 422, 503))
    async def list_downloads(request: Request) -> Response:
        """List what is fetched, what waits, in its order, what is paused, and the last that are over."""

        def content() -> Mapping[str, Any]:
            desk = desk_of(backend)
            rows = _usable(lambda: [download_answer(each) for each in desk.shown()])
            return {"rows": rows, "is_running": desk.queue.is_running}

        return json_response(await answering.work.run(request, content))

    @router.get("/availability", response_model=StatusesAnswer, responses=documented(401, 409, 422, 503))
    async def list_availability(request: Request) -> Response:
        """Look at the disks: in which of the nine states is each model? It is no use of any, and nothing is read."""

        def content() -> Mapping[str, Any]:
            desk = desk_of(backend)
            return {"rows": [each.to_dict() for each in _usable(desk.statuses).values()]}

        return json_response(await answering.work.run(request, content))

    @router.post(
        "/availability/request",
        response_model=Action,
        responses=documented(400, 401, 403, 409, 422, 503),
        openapi_extra=SECURED,
    )
    async def request_model(
        request: Request, model: _Model, *, dry_run: DryRun = True, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Ask whether a model can be used now: it counts as a use, and what is missing or damaged is fetched."""

        def act() -> Mapping[str, Any]:
            desk = desk_of(backend)
            told = {"action": "request_model", "dry_run": dry_run, "done": not dry_run}
            if dry_run:
                found = next((each for each in _usable(desk.statuses).values() if each.model_id == model), None)
                state = "not here and not declared" if found is None else found.availability_status.value
                return {**told, "detail": f"{model} is {state}; nothing is done: dry_run=false asks", "report": []}
            result = desk.request(model)
            detail = f"{model} can be used now" if result.success else f"{model} is {result.availability_status}"
            return {**told, "detail": detail, "report": [result.to_dict()]}

        return await actions.run(request, key=idempotency_key, act=act, is_dry=dry_run)

    @router.post(
        "/downloads",
        response_model=Action,
        responses=documented(400, 401, 403, 409, 422, 503),
        openapi_extra=SECURED,
    )
    async def add_download(
        request: Request,
        model: _Model,
        *,
        revision: Annotated[
            str, Query(pattern=r"^[A-Za-z0-9_./-]*$", max_length=256, description="Empty: the main branch.")
        ] = "",
        priority: Annotated[ModelPriority, Query(description="How soon.")] = ModelPriority.MEDIUM,
        limit_bytes_per_second: Annotated[float | None, Query(gt=0, description="At most so fast.")] = None,
        dry_run: DryRun = True,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Have a model fetched into the cache of huggingface_hub on the server's machine."""

        def act() -> Mapping[str, Any]:
            desk = desk_of(backend)
            told = {"action": "add_download", "dry_run": dry_run, "done": not dry_run}
            cache = hub_folder(os.environ, FilePath.home())[0]
            if dry_run:
                detail = f"{model} would be fetched into {cache}; nothing is done yet: dry_run=false does it"
                return {**told, "detail": detail, "report": []}
            one = _usable(
                lambda: desk.queue.add(
                    model,
                    cache=cache,
                    revision=revision,
                    priority=priority,
                    limit_bytes_per_second=limit_bytes_per_second,
                )
            )
            desk.wake()
            return {**told, "detail": f"{model} is in the queue", "report": [download_answer(one)]}

        return await actions.run(request, key=idempotency_key, act=act, is_dry=dry_run)

    @router.post(
        "/downloads/{download_id}/{what}",
        response_model=Action,
        responses=documented(400, 401, 403, 404, 409, 422, 503),
        openapi_extra=SECURED,
    )
    async def change_download(
        request: Request,
        download_id: _Id,
        what: Annotated[
            Literal["pause", "resume", "cancel"],
            Path(description="pause keeps what came, resume goes on from there, cancel gives up."),
        ],
        *,
        dry_run: DryRun = True,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Pause a download, have it go on, or give it up."""

        def act() -> Mapping[str, Any]:
            desk = desk_of(backend)
            told = {"action": f"{what}_download", "dry_run": dry_run, "done": not dry_run}
            one = _usable(lambda: desk.queue.get(download_id))
            if dry_run:
                detail = f"the download of {one.model} is {one.state}; {what} is not done yet: dry_run=false does it"
                return {**told, "detail": detail, "report": []}
            changed = _usable(lambda: getattr(desk.queue, what)(download_id))
            desk.wake()
            return {**told, "detail": f"{what}: {one.model}", "report": [download_answer(changed)]}

        return await actions.run(request, key=idempotency_key, act=act, is_dry=dry_run)

    return router


def _usable(ask: Callable[[], T]) -> T:
    return usable(ask, missing="download", thing="downloads")
