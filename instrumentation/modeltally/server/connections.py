"""Connections of the HTTP servers: a head has a deadline, and who does nothing makes room for who comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from modeltally.show.api.live import ABORT

if TYPE_CHECKING:
    import asyncio

    from websockets.http11 import Request

__all__ = ["MAX_CONNECTIONS", "Connection", "Socket"]

# Of one port. Beyond them the one that has waited longest for a request is closed for each that comes.
MAX_CONNECTIONS: Final = 512
HEAD_SECONDS: Final = 10.0


class Connection(H11Protocol):
    """A connection that is closed when no whole head of a request comes in time, or when its place is needed."""

    def __init__(self, *given: Any, **how: Any) -> None:
        super().__init__(*given, **how)
        self._head_timer: asyncio.TimerHandle | None = None
        self._idle_since = 0.0
        self._is_socket = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Take a place, if need be that of the connection that has been idle longest."""
        super().connection_made(transport)
        self._begin_waiting()
        if len(self.connections) > MAX_CONNECTIONS:
            idle = [other for other in self.connections if isinstance(other, Connection) and other.is_idle]
            # this one is idle too, and goes when all others work
            min(idle, key=lambda other: other._idle_since).give_place()  # noqa: SLF001 - its own class

    @property
    def is_idle(self) -> bool:
        """Whether it is in no request: none began, or only a part of its head is here."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Read on."""
        super().data_received(data)
        if self._is_socket:
            return
        if not self.is_idle:
            self._stop_waiting()
            self.scope.setdefault("extensions", {})[ABORT] = {"abort": self.transport.abort}
        elif self._head_timer is None and not self.transport.is_closing():
            self._wait_for_head()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Hand the connection over: from now on it is no request."""
        self._is_socket = True
        self._stop_waiting()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """Wait for another request."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._stop_waiting()
        super().connection_lost(exc)

    def give_place(self) -> None:
        """Close, since nothing is lost by it."""
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.transport.abort()

    def _begin_waiting(self) -> None:
        self._idle_since = self.loop.time()
        self._wait_for_head()

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.give_place)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class Socket(WebSocketsSansIOProtocol):
    """A websocket that the application may cut, since a client that does not read cannot be told to go."""

    def handle_connect(self, event: Request) -> None:
        """Begin."""
        super().handle_connect(event)
        if hasattr(self, "scope"):  # else it was no websocket after all
            self.scope.setdefault("extensions", {})[ABORT] = {"abort": self.transport.abort}
