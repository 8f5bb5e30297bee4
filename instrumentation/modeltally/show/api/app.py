"""The application under ``/api``: every router is listed here, and nowhere else."""

from __future__ import annotations

import functools
import json
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from modeltally.show.api.actions import actions_security
from modeltally.show.api.alerts import alerts_router
from modeltally.show.api.answering import Answering
from modeltally.show.api.downloads import downloads_router
from modeltally.show.api.generation import generation_router
from modeltally.show.api.guard import Guard
from modeltally.show.api.live import live_router
from modeltally.show.api.models import models_router
from modeltally.show.api.pattern_analytics import pattern_analytics_router
from modeltally.show.api.patterns import patterns_router
from modeltally.show.api.problems import Problem, handle_problems
from modeltally.show.api.process import process_router
from modeltally.show.api.recommendations import recommendations_router
from modeltally.show.api.reports import reports_router
from modeltally.show.api.topics import topics_router
from modeltally.show.api.trash import trash_router
from modeltally.show.api.users import users_router

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import APIRouter
    from starlette.requests import Request

    from modeltally.show.backend import Backend

__all__ = ["ROUTERS", "description", "openapi_of", "rest_app"]

# Another part of the interface is another module beside these, and a line here.
ROUTERS: Final[tuple[Callable[[Answering], APIRouter], ...]] = (
    generation_router,
    pattern_analytics_router,
    topics_router,
    models_router,
    users_router,
    patterns_router,
    recommendations_router,
    reports_router,
    alerts_router,
    downloads_router,
    trash_router,
    process_router,
    live_router,
)
# FastAPI writes spans, metrics and logs of its own to whatever provider the process has: a server that stores spans
# would store its own.
_NO_TELEMETRY: Final[dict[str, Any]] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
_DESCRIPTION: Final = """\
Which generative models your services use, how well, at what cost. Every question of `modeltally stats` is an endpoint
under `/v1/topics`. Every answer says which window it is about, and what it rests on. Reading needs no token on the
machine of the server; acting does, everywhere.
"""


def rest_app(backend: Backend) -> FastAPI:
    """Build the application.

    Args:
        backend: What answers.
    """
    app = FastAPI(
        title="modeltally",
        version=version("modeltally"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        servers=[{"url": "/api"}],
        middleware=[Middleware(Guard, access=backend.access)],
        generate_unique_id_function=lambda route: route.name.replace("-", "_"),
        telemetry=_NO_TELEMETRY,  # type: ignore[arg-type] # a typed dictionary of theirs
    )
    app.state.backend = backend
    answering = Answering(backend)
    for router in ROUTERS:
        app.include_router(router(answering))
    handle_problems(app)
    app.add_exception_handler(ClientDisconnect, _nobody_there)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign] # the way FastAPI means it
    app.add_api_route("/openapi.json", _openapi(app), methods=["GET"], include_in_schema=False)
    return app


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """Describe the application; every error is a problem."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=app.servers,
        )
        components = schema.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        components["securitySchemes"] = actions_security()
        app.openapi_schema = schema
    return app.openapi_schema


@functools.cache
def _encoded(app: FastAPI) -> bytes:
    return json.dumps(app.openapi(), separators=(",", ":")).encode()


def description(app: FastAPI) -> Response:
    """Give the description of an application, as JSON; call it in a thread, since the first time takes a second."""
    return Response(_encoded(app), media_type="application/json")


def _openapi(app: FastAPI) -> Callable[[], Any]:
    def get_description() -> Response:  # in a thread of the framework's
        return description(app)

    return get_description


async def _nobody_there(_: Request, __: Exception) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)
