"""What happens, as it happens: the same events as server-sent events and over a websocket."""

from __future__ import annotations

import contextlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

import anyio
from fastapi import APIRouter, Header, Query, Request, WebSocket
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from modeltally.show.api.problems import ProblemError, documented
from modeltally.show.events import KINDS, TooManyListenersError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import Receive, Scope, Send

    from modeltally.show.api.answering import Answering
    from modeltally.show.events import Broker, Event, Subscription

__all__ = ["ABORT", "live_router"]

EVENT_STREAM: Final = "text/event-stream"
# the extension by which a server offers, as abort, to cut a connection whose client does not read
ABORT: Final = "modeltally.abort"
HEARTBEAT_SECONDS: Final = 15.0
# Who has read nothing for so long will not.
SEND_SECONDS: Final = 10.0
_RETRY_MS: Final = 2000
_MAX_ID: Final = 64
_TRY_AGAIN_LATER: Final = 1013


class LiveEvent(BaseModel):
    """Something that happened."""

    id: str = Field(description="Names it, for whoever comes back.")
    kind: str = Field(description="What happened: " + "; ".join(f"{kind}: {what}" for kind, what in KINDS.items()))
    at: str = Field(description="When it was published, UTC.")
    data: dict[str, Any] = Field(description="What there is to tell.")


_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events without end; each has an id, its kind as event, and data as JSON.",
        "content": {EVENT_STREAM: {"schema": {"type": "string"}, "itemSchema": LiveEvent.model_json_schema()}},
    }
}


def live_router(answering: Answering) -> APIRouter:
    """Build the endpoints.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1", tags=["live"])
    broker = answering.backend.events

    @router.get("/events", response_class=_Documented, responses={**_STREAM, **documented(401, 422, 503)})
    async def get_events(
        request: Request,
        last_event_id: Annotated[str | None, Header(description="The id of the last event that was seen.")] = None,
        last: Annotated[str | None, Query(description="The same, where no header can be sent.")] = None,
    ) -> Response:
        """Tell what happens: a snapshot first, or what was missed since an event, then each event as it comes."""
        del request
        return _EventStream(_subscribe(broker, last_event_id or last))

    @router.websocket("/ws")
    async def events_by_websocket(websocket: WebSocket, last: str | None = None) -> None:
        """Tell the same, a message of JSON for each event."""
        try:
            subscription = _subscribe(broker, last)
        except ProblemError as error:
            await websocket.send_denial_response(error.response())
            return
        await _talk(websocket, subscription)

    return router


class _Documented(Response):
    media_type = EVENT_STREAM


def _subscribe(broker: Broker, last_id: str | None) -> Subscription:
    known = last_id if last_id is not None and len(last_id) <= _MAX_ID else None
    try:
        return broker.subscribe(known)
    except TooManyListenersError as error:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": "10"}) from None


async def _events(subscription: Subscription) -> AsyncGenerator[Event | None]:
    """Give each event, and None where a while has passed without one."""
    while True:
        event = await subscription.next(timeout_seconds=HEARTBEAT_SECONDS)
        if event is None and subscription.is_over:
            return
        yield event
        if subscription.is_over:
            return


class _EventStream(Response):
    """Server-sent events until the client leaves, or does not read."""

    media_type = EVENT_STREAM

    def __init__(self, subscription: Subscription) -> None:
        super().__init__(headers={"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._subscription = subscription

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def leave() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async with anyio.create_task_group() as group:
                group.start_soon(leave)
                await self._stream(scope, send)
                group.cancel_scope.cancel()
        finally:
            self._subscription.close()

    async def _stream(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.body", "body": f"retry: {_RETRY_MS}\n\n".encode(), "more_body": True})
        async with contextlib.aclosing(_events(self._subscription)) as events:
            async for event in events:
                body = KEEPALIVE_COMMENT if event is None else _written(event)
                with anyio.move_on_after(SEND_SECONDS) as sending:
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                if sending.cancelled_caught:
                    _cut(scope)
                    break
        with anyio.move_on_after(SEND_SECONDS):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _talk(websocket: WebSocket, subscription: Subscription) -> None:
    """Send events until the client leaves; what it says is read and not heeded."""

    async def leave() -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                if (await websocket.receive())["type"] == "websocket.disconnect":
                    break
        group.cancel_scope.cancel()

    try:
        await websocket.accept()
        async with anyio.create_task_group() as group:
            group.start_soon(leave)
            async with contextlib.aclosing(_events(subscription)) as events:
                async for event in events:
                    if event is None:  # the protocol has pings of its own
                        continue
                    with anyio.move_on_after(SEND_SECONDS) as sending:
                        await websocket.send_text(json.dumps(event.to_dict(), ensure_ascii=False))
                    if sending.cancelled_caught:
                        _cut(websocket.scope)
                        break
            with anyio.move_on_after(SEND_SECONDS), contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await websocket.close(_TRY_AGAIN_LATER)
            group.cancel_scope.cancel()
    except* WebSocketDisconnect:
        pass
    finally:
        subscription.close()


def _written(event: Event) -> bytes:
    data = json.dumps(event.to_dict(), ensure_ascii=False)
    return format_sse_event(data_str=data, event=event.kind, id=event.id or None)


def _cut(scope: Scope) -> None:
    """Cut a connection whose client does not read, where the server offers that."""
    offered = scope.get("extensions", {}).get(ABORT)
    if offered is not None:
        offered["abort"]()
