"""What the HTTP applications of the server share: reading a body within bounds, and the check of the host's name."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["UnreadBodyError", "is_loopback", "local_hosts_only", "local_names", "named_host", "read_body"]

# A client that sends too much sees its answer only if the server reads on: this long, and this many times the limit.
DRAIN_SECONDS: Final = 2.0
DRAIN_BODIES: Final = 4
# A body that stands still for this part of its time will not come.
PAUSES: Final = 6


class UnreadBodyError(Exception):
    """A body that was not read to its end.

    Attributes:
        reason: ``too_large``, ``timeout``, or ``busy`` when there was no room for it.
    """

    def __init__(self, reason: Literal["too_large", "timeout", "busy"], message: str) -> None:
        super().__init__(message)
        self.reason = reason


async def read_body(
    request: Request,
    *,
    max_bytes: int,
    timeout_seconds: float,
    count: Callable[[int], bool] = lambda _: True,
    share_bytes: int = 0,
) -> bytes:
    """Read the body of a request.

    Args:
        request: The request.
        max_bytes: The most bytes allowed.
        timeout_seconds: How long it may take to arrive; a part of that long without a byte is too long as well.
        count: Told how many bytes are held more, or fewer once the body is returned; says whether there is room.
        share_bytes: What there is room for in any case, so that large bodies do not keep out small ones.

    Raises:
        UnreadBodyError: It is too large, late, or there is no room.
        ClientDisconnect: The client has left.
    """
    chunks: list[bytes] = []
    size, has_room = 0, True
    clock = asyncio.get_running_loop().time
    ends_at, pause_seconds = clock() + timeout_seconds, timeout_seconds / PAUSES
    try:
        async with asyncio.timeout(pause_seconds) as deadline:
            async for chunk in request.stream():
                deadline.reschedule(min(ends_at, clock() + pause_seconds))
                size += len(chunk)
                has_room = count(len(chunk)) or size <= share_bytes
                if size > max_bytes or not has_room:
                    break
                chunks.append(chunk)
            else:
                return b"".join(chunks)
    except TimeoutError:
        message = f"the body did not come within {timeout_seconds} seconds, or stood still for {pause_seconds:g}"
        raise UnreadBodyError("timeout", message) from None
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


def is_loopback(host: str) -> bool:
    """Tell whether what listens on an address is reached from this machine alone.

    Args:
        host: The address, or its name.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def local_names(host: str, allowed: Iterable[str] = ()) -> frozenset[str]:
    """Give the names a server of this machine may be called by.

    Args:
        host: The address it listens on.
        allowed: Others, for example the name of its container.
    """
    return frozenset({"localhost", "127.0.0.1", "::1", host.lower(), *(name.lower() for name in allowed)})


def named_host(authority: str) -> str:
    """The name in what a request says of the host, in lower case, without its port; empty when that is none."""
    try:
        return (urlsplit(f"//{authority}").hostname or "").lower()
    except ValueError:
        return ""


def local_hosts_only(names: frozenset[str]) -> Middleware:
    """Refuse requests that a browser sends for a page whose name points at this machine (DNS rebinding).

    Args:
        names: What requests may call the server.
    """
    return Middleware(_LocalHosts, hosts=names)


class _LocalHosts:
    def __init__(self, app: ASGIApp, *, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if (
            scope["type"] in {"http", "websocket"}
            and named_host(Headers(scope=scope).get("host", "")) not in self._hosts
        ):
            app = JSONResponse(
                {"error": "this host name is not served here; use localhost, or name it in MODELTALLY_ALLOWED_HOSTS"},
                status_code=421,
            )
        await app(scope, receive, send)
