"""The HTTP servers of this process, in one thread."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Final

import uvicorn

from modeltally.errors import ServerError
from modeltally.server.connections import MAX_CONNECTIONS, Connection, Socket

if TYPE_CHECKING:
    import socket

    from starlette.applications import Starlette

__all__ = ["Web"]

STARTUP_TIMEOUT_SECONDS: Final = 30.0
_CONNECTION_TIMEOUT_SECONDS: Final = 5
_BACKLOG: Final = 512
_MAX_MESSAGE_BYTES: Final = 4096


class Web:
    """Applications on sockets."""

    def __init__(self, apps: list[tuple[Starlette, socket.socket]]) -> None:
        """Start, and return once requests are answered.

        Args:
            apps: Each application with the socket it answers on.

        Raises:
            ServerError: They did not start.
        """
        self._servers = [
            uvicorn.Server(
                uvicorn.Config(
                    app,
                    access_log=False,
                    backlog=_BACKLOG,
                    http=Connection,
                    lifespan="off",
                    limit_concurrency=2 * MAX_CONNECTIONS,
                    log_config=None,
                    server_header=False,
                    timeout_graceful_shutdown=_CONNECTION_TIMEOUT_SECONDS,
                    timeout_keep_alive=2 * _CONNECTION_TIMEOUT_SECONDS,
                    # what clients say over one is not heeded
                    ws=Socket,
                    ws_max_size=_MAX_MESSAGE_BYTES,
                    ws_per_message_deflate=False,
                )
            )
            for app, _ in apps
        ]
        sockets = [listening for _, listening in apps]

        async def run() -> None:
            await asyncio.gather(
                *(server.serve(sockets=[listening]) for server, listening in zip(self._servers, sockets, strict=True))
            )

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), name="modeltally-http", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + STARTUP_TIMEOUT_SECONDS
        while not all(server.started for server in self._servers):
            if time.monotonic() > deadline or not self.is_running:
                self.stop()
                raise ServerError("the server's network side did not start; the log says why")
            time.sleep(0.01)

    @property
    def is_running(self) -> bool:
        """Whether requests are answered."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Answer what has begun, and end."""
        for server in self._servers:
            server.should_exit = True
        self._thread.join()
