"""The HTTP side for people and commands: health, status, and the control channel."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modeltally.asgi import UnreadBodyError, local_hosts_only, read_body
from modeltally.errors import ModelTallyError, ParameterError, StoreError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.routing import BaseRoute

    from modeltally.show.access import Access
    from modeltally.store import Row, Store

__all__ = ["control_app"]

MAX_BODY_BYTES: Final = 1024**2
BODY_TIMEOUT_SECONDS: Final = 10.0


Handler = Callable[[Request], Awaitable[Response]]


def control_app(  # noqa: PLR0913 - each is what one of its endpoints needs
    store: Store,
    *,
    answer: Callable[[str, Mapping[str, object]], dict[str, Any]],
    access: Access,
    hosts: frozenset[str],
    status: Callable[[], dict[str, object]],
    failing: Callable[[], str | None],
    damage: Callable[[], str | None],
    shown: Sequence[BaseRoute] = (),
    ran: Callable[[], None] = lambda: None,
) -> Starlette:
    """Build the application.

    Args:
        store: What answers queries of views, and runs jobs.
        answer: Answers a topic, by its name and the question: rows, what they rest on, why there are none.
        access: Knows what callers of the control channel must show.
        hosts: What requests may call the server.
        status: Gives the content of ``/status``.
        failing: Gives what keeps it from taking or storing what is sent, or None.
        damage: Gives what of the store is damaged, or None; that is told, but no restart mends it.
        shown: What the same address answers beside that.
        ran: Called after each job; it must not wait.
    """

    async def get_health(_: Request) -> Response:
        problem, damaged = failing(), damage()
        if problem:
            return JSONResponse({"status": "failing", "reason": problem}, status_code=503)
        if damaged:
            return JSONResponse({"status": "damaged", "reason": damaged})
        return JSONResponse({"status": "ok"})

    async def get_status(_: Request) -> Response:
        return _answer(status())

    async def read_view(request: Request) -> Response:
        return await _call(lambda name, content: _rows(store.read(name, _parameters(content))), request)

    async def run_job(request: Request) -> Response:
        answer = await _call(lambda name, content: _rows(store.run(name, _parameters(content))), request)
        ran()
        return answer

    async def answer_topic(request: Request) -> Response:
        return await _call(lambda name, content: _whole(answer(name, content)), request)

    return Starlette(
        routes=[
            Route("/healthz", get_health),
            Route("/status", get_status),
            Route("/control/views/{name}", _authorized(read_view, access), methods=["POST"]),
            Route("/control/topics/{name}", _authorized(answer_topic, access), methods=["POST"]),
            Route("/control/jobs/{name}", _authorized(run_job, access), methods=["POST"]),
            *shown,
        ],
        middleware=[local_hosts_only(hosts)],
    )


def _authorized(handler: Handler, access: Access) -> Handler:
    async def guarded(request: Request) -> Response:
        if not access.shows_token(request):
            return JSONResponse({"error": "the token is missing or wrong"}, status_code=401)
        return await handler(request)

    return guarded


async def _call(function: Callable[[str, Mapping[str, object]], dict[str, object]], request: Request) -> Response:
    try:
        content = await _content(request)
        answer = await run_in_threadpool(function, request.path_params["name"], content)
    except UnknownNameError as error:
        return JSONResponse({"error": str(error), "nearest": error.nearest}, status_code=404)
    except StoreError as error:
        return JSONResponse({"error": str(error)}, status_code=500)
    except ModelTallyError as error:
        return JSONResponse({"error": str(error)}, status_code=400)
    return _answer(answer)


async def _content(request: Request) -> dict[str, object]:
    try:
        body = await read_body(request, max_bytes=MAX_BODY_BYTES, timeout_seconds=BODY_TIMEOUT_SECONDS)
        content = json.loads(body or b"{}")
    except UnreadBodyError as error:
        raise ParameterError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"the body is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ParameterError('the body must look like {"parameters": {...}}')
    return content


def _parameters(content: Mapping[str, object]) -> dict[str, object]:
    parameters = content.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ParameterError('the body must look like {"parameters": {...}}')
    return parameters


def _rows(rows: list[Row]) -> dict[str, object]:
    return {"rows": rows, "types": _types(rows)}


def _whole(answer: Mapping[str, Any]) -> dict[str, object]:
    return {**answer, **_rows(answer["rows"]), "trust_types": _types([answer["trust"]])}


def _types(rows: Sequence[Row]) -> dict[str, str]:
    """Name the columns whose values JSON cannot tell from text."""
    types: dict[str, str] = {}
    for row in rows:
        for column, value in row.items():
            if isinstance(value, dt.datetime):
                types[column] = "datetime"
            elif isinstance(value, dt.date):
                types[column] = "date"
    return types


def _answer(content: Mapping[str, object]) -> Response:
    return Response(json.dumps(_plain(content)), media_type="application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dt.datetime):
        utc = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
        return utc.isoformat().replace("+00:00", "Z")
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
