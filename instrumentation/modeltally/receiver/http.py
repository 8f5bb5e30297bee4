"""OTLP over HTTP: a body is acknowledged once it is parsed, filtered and on disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from modeltally.asgi import UnreadBodyError, local_hosts_only, read_body
from modeltally.receiver.accept import SHARE_BYTES
from modeltally.receiver.otlp import Encoding, RefusedBodyError, answer_refused, encoding_of, too_large
from modeltally.receiver.spool.spool import SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modeltally.receiver.accept import Acceptor

__all__ = ["RETRY_AFTER_SECONDS", "otlp_http"]

BODY_TIMEOUT_SECONDS: Final = 30.0
RETRY_AFTER_SECONDS: Final = 2
_STATUS: Final = {"timeout": 408, "busy": 503}


def otlp_http(acceptors: Iterable[Acceptor], *, max_body_bytes: int, hosts: frozenset[str]) -> Starlette:
    """Build the application.

    Args:
        acceptors: What takes bodies, each at ``/v1/`` and the name of its signal.
        max_body_bytes: The most bytes of a body as it comes.
        hosts: What requests may call the server.
    """
    return Starlette(
        routes=[
            Route(f"/v1/{acceptor.signal.name}", _Endpoint(acceptor, max_body_bytes).export, methods=["POST"])
            for acceptor in acceptors
        ],
        middleware=[local_hosts_only(hosts)],
    )


class _Endpoint:
    def __init__(self, acceptor: Acceptor, max_body_bytes: int) -> None:
        self._acceptor = acceptor
        self._max_body_bytes = max_body_bytes

    async def export(self, request: Request) -> Response:
        self._acceptor.begin()
        encoding = Encoding.PROTOBUF
        try:
            encoding = encoding_of(request.headers.get("content-type", ""))
            self._acceptor.check_room()
            body = await self._read(request)
            with self._acceptor.in_flight.held(len(body)):
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
        try:
            return await read_body(
                request,
                max_bytes=self._max_body_bytes,
                timeout_seconds=BODY_TIMEOUT_SECONDS,
                count=self._acceptor.in_flight.add,
                share_bytes=SHARE_BYTES,
            )
        except UnreadBodyError as error:
            if error.reason == "too_large":
                raise too_large(self._max_body_bytes) from None
            raise RefusedBodyError(_STATUS[error.reason], error.reason, str(error)) from None

    def _refuse(self, encoding: Encoding, status: int, reason: str, message: str) -> Response:
        self._acceptor.refuse(reason)
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None  # noqa: PLR2004 - as sent
        content = answer_refused(encoding, status=status, message=message)
        return Response(content, status_code=status, media_type=encoding.value, headers=headers)
