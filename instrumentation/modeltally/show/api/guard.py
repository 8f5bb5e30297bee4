"""Who comes in: reading is open on this machine, all else needs the token; pages of other servers may do nothing."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from modeltally.show.api.problems import ProblemError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from modeltally.show.access import Access

__all__ = ["Guard"]

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Looks at every request before the application does, so that no endpoint can forget it."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        """Take what it guards.

        Args:
            app: The application.
            access: Who may do what.
        """
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(HTTPConnection(scope), is_reading=scope.get("method", "") in _READING)
        if refusal is not None:
            await refusal.response()(scope, receive, _careful(send))
            return
        await self._app(scope, receive, _careful(send) if scope["type"] == "http" else send)

    def _refusal(self, request: HTTPConnection, *, is_reading: bool) -> ProblemError | None:
        is_socket = request.scope["type"] == "websocket"
        if (is_socket or not is_reading) and self._access.is_foreign(request):
            return ProblemError(
                HTTPStatus.FORBIDDEN,
                "a page of another server may not do this",
                thing="Origin",
                value=request.headers.get("origin"),
                allowed="the address of this server",
            )
        if not self._access.may_read(request):
            return _without_token("reading from elsewhere needs the token")
        if not is_socket and not is_reading and not self._access.may_act(request):
            return _without_token("this changes something, and needs the token")
        return None


def _without_token(detail: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.UNAUTHORIZED,
        f"{detail}: `modeltally token` prints it",
        thing="Authorization",
        allowed="Bearer TOKEN",
        headers={"WWW-Authenticate": 'Bearer realm="modeltally"'},
    )


def _careful(send: Send) -> Send:
    """Have no browser guess what an answer is, and nobody between keep it."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("x-content-type-options", "nosniff")
            headers.setdefault("cache-control", "private, no-cache")
        await send(message)

    return sending
