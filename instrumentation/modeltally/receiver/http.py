"""OTLP over HTTP: a body is acknowledged once it is parsed, filtered and on disk."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from modeltally.receiver.otlp import Encoding, RefusedBodyError, answer_refused, encoding_of
from modeltally.receiver.spool.spool import SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from modeltally.receiver.accept import Acceptor, InFlight

__all__ = ["RETRY_AFTER_SECONDS", "http_door"]

BODY_TIMEOUT_SECONDS: Final = 30.0
RETRY_AFTER_SECONDS: Final = 2
# A client that sends too much gets its answer only if somebody reads on; this long, and this much.
DRAIN_SECONDS: Final = 2.0
DRAIN_BODIES: Final = 4


def http_door(acceptors: Iterable[Acceptor], *, in_flight: InFlight, max_body_bytes: int) -> Starlette:
    """Build the application.

    Args:
        acceptors: What takes bodies, each at ``/v1/`` and the name of its signal.
        in_flight: Counts the bodies in memory.
        max_body_bytes: The most bytes of a body as it comes.
    """

    def endpoint(acceptor: Acceptor) -> Callable[[Request], Awaitable[Response]]:
        return _Endpoint(acceptor, in_flight=in_flight, max_body_bytes=max_body_bytes).export

    return Starlette(
        routes=[Route(f"/v1/{acceptor.signal}", endpoint(acceptor), methods=["POST"]) for acceptor in acceptors]
    )


class _Endpoint:
    def __init__(self, acceptor: Acceptor, *, in_flight: InFlight, max_body_bytes: int) -> None:
        self._acceptor = acceptor
        self._in_flight = in_flight
        self._max_body_bytes = max_body_bytes

    async def export(self, request: Request) -> Response:
        self._acceptor.count("requests")
        encoding = Encoding.PROTOBUF
        try:
            encoding = encoding_of(request.headers.get("content-type", ""))
            self._acceptor.check_room()
            body = await self._read(request)
            with self._in_flight.held(len(body)):
                content_encoding = request.headers.get("content-encoding", "")
                receipt = await asyncio.wrap_future(
                    self._acceptor.receive(body, encoding, content_encoding=content_encoding)
                )
                await asyncio.wrap_future(receipt.written)
        except RefusedBodyError as error:
            return self._refuse(encoding, error.status, error.reason, str(error))
        except SpoolFullError as error:
            return self._refuse(encoding, 503, "spool_full", str(error))
        except ClientDisconnect:
            self._acceptor.refuse("disconnected")
            return Response(status_code=400)
        return Response(self._acceptor.answer(receipt, encoding), media_type=encoding.value)

    async def _read(self, request: Request) -> bytes:
        limit = self._max_body_bytes
        chunks: list[bytes] = []
        size = 0
        has_room = True
        try:
            async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
                async for chunk in request.stream():
                    size += len(chunk)
                    has_room = self._in_flight.add(len(chunk))
                    if size > limit or not has_room:
                        break
                    chunks.append(chunk)
            if size <= limit and has_room:
                return b"".join(chunks)
        except TimeoutError:
            message = f"the body did not come within {BODY_TIMEOUT_SECONDS} seconds"
            raise RefusedBodyError(408, "timeout", message) from None
        finally:
            self._in_flight.add(-size)
        chunks.clear()
        await _drain(request, DRAIN_BODIES * limit)
        if size > limit:
            raise RefusedBodyError(413, "too_large", f"the body is larger than {limit} bytes; send smaller batches")
        raise RefusedBodyError(503, "busy", "too many bodies at once; try again")

    def _refuse(self, encoding: Encoding, status: int, reason: str, message: str) -> Response:
        self._acceptor.refuse(reason)
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None  # noqa: PLR2004 - as sent
        content = answer_refused(encoding, status=status, message=message)
        return Response(content, status_code=status, media_type=encoding.value, headers=headers)


async def _drain(request: Request, max_bytes: int) -> None:
    """Read on for a while, or the connection breaks before the client has seen its answer."""
    size = 0
    with contextlib.suppress(TimeoutError, ClientDisconnect, RuntimeError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > max_bytes:
                    return
