"""How the process is: health for whoever watches it, and all that it says of itself."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from modeltally.analytics.plain import plain
from modeltally.show.api.answering import json_response
from modeltally.show.api.problems import documented

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.show.api.answering import Answering

__all__ = ["process_router"]


class Health(BaseModel):
    """Whether all is well."""

    status: Literal["ok", "failing"] = Field(description="ok, or failing.")
    problem: str | None = Field(description="What is wrong; null when all is well.")
    listeners: int = Field(description="How many listen to events.")


class Status(BaseModel):
    """What the process says of itself."""

    model_config = ConfigDict(extra="allow")

    problem: str | None = Field(default=None, description="What is wrong; null when all is well.")


def process_router(answering: Answering) -> APIRouter:
    """Build the endpoints.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1", tags=["process"])
    backend = answering.backend

    unwell: dict[int | str, dict[str, Any]] = {503: {"model": Health, "description": "Something is wrong."}}

    @router.get("/health", response_model=Health, responses={**documented(401), **unwell})
    async def get_health(request: Request) -> Response:
        """Say whether all is well."""

        def content() -> Mapping[str, Any]:
            problem = backend.problem()
            status = "failing" if problem else "ok"
            return {"status": status, "problem": problem, "listeners": backend.events.listeners}

        told = await answering.work.run(request, content)
        return json_response(told, status=HTTPStatus.SERVICE_UNAVAILABLE if told["problem"] else HTTPStatus.OK)

    @router.get("/status", response_model=Status, responses=documented(401, 503))
    async def get_status(request: Request) -> Response:
        """Give what the process says of itself: what it received, what its jobs did, its cache, its versions."""
        told = await answering.work.run(request, lambda: {str(key): plain(v) for key, v in backend.status().items()})
        return json_response(told)

    return router
