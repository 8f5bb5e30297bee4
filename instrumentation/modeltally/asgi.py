"""What the HTTP applications of the server share: reading a body within bounds, and the check of the host's name."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Literal

from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["UnreadBodyError", "local_hosts_only", "read_body"]

# A client that sends too much sees its answer only if the server reads on: this long, and this many times the limit.
DRAIN_SECONDS: Final = 2.0
DRAIN_BODIES: Final = 4


class UnreadBodyError(Exception):
    """A body that was not read to its end.

    Attributes:
        reason: ``too_large``, ``timeout``, or ``busy`` when there was no room for it.
    """

    def __init__(self, reason: Literal["too_large", "timeout", "busy"], message: str) -> None:
        super().__init__(message)
        self.reason = reason


async def read_body(
    request: Request, *, max_bytes: int, timeout_seconds: float, count: Callable[[int], bool] = lambda _: True
) -> bytes:
    """Read the body of a request.

    Args:
        request: The request.
        max_bytes: The most bytes allowed.
        timeout_seconds: How long it may take to arrive.
        count: Told how many bytes are held more, or fewer once the body is returned; says whether there is room.

    Raises:
        UnreadBodyError: It is too large, late, or there is no room.
        ClientDisconnect: The client has left.
    """
    chunks: list[bytes] = []
    size, has_room = 0, True
    try:
        async with asyncio.timeout(timeout_seconds):
            async for chunk in request.stream():
                size += len(chunk)
                has_room = count(len(chunk))
                if size > max_bytes or not has_room:
                    break
                chunks.append(chunk)
            else:
                return b"".join(chunks)
    except TimeoutError:
        raise UnreadBodyError("timeout", f"the body did not come within {timeout_seconds} seconds") from None
    finally:
        count(-size)
    chunks.clear()
    await _drain(request, DRAIN_BODIES * max_bytes)
    if size > max_bytes:
        raise UnreadBodyError("too_large", f"the body is larger than {max_bytes} bytes")
    raise UnreadBodyError("busy", "too many bodies at once; try again")


async def _drain(request: Request, max_bytes: int) -> None:
    """Read on for a while, or the connection breaks before the client has seen its answer."""
    size = 0
    with contextlib.suppress(TimeoutError, ClientDisconnect, RuntimeError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > max_bytes:
                    return


def local_hosts_only(host: str) -> Middleware:
    """Refuse requests that a browser sends for a page whose name points at this machine (DNS rebinding).

    Args:
        host: The address the server listens on, which requests may name besides localhost.
    """
    return Middleware(_LocalHosts, hosts=frozenset({"localhost", "127.0.0.1", "::1", host.lower()}))


class _LocalHosts:
    def __init__(self, app: ASGIApp, *, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and (Request(scope).url.hostname or "").lower() not in self._hosts:
            app = JSONResponse({"error": "this host name is not served here; use localhost"}, status_code=421)
        await app(scope, receive, send)
