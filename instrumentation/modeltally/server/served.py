"""Answers programs and pages from a ClickHouse server: what the local server shows, without what it receives."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
import time
from typing import TYPE_CHECKING, Final, Self

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from modeltally.analytics.statistics import MAX_COMPUTING, Statistics
from modeltally.asgi import is_loopback, local_hosts_only, local_names
from modeltally.errors import ModelTallyError, ServerError
from modeltally.server.binding import bind, url
from modeltally.server.stopping import stopped_by_signals
from modeltally.server.web import Web
from modeltally.show.access import Access
from modeltally.show.backend import Backend
from modeltally.show.events import Broker
from modeltally.show.site import site_routes
from modeltally.show.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from modeltally.settings import Settings
    from modeltally.store import ServedStore

__all__ = ["ApiServer", "serve_api"]

_STOP_SECONDS: Final = 20.0
_PROBE: Final = "operations_received"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def serve_api(settings: Settings, store: ServedStore, *, ready: Callable[[str, str], None]) -> None:
    """Answer until SIGTERM or Ctrl-C; call it in the main thread.

    Args:
        settings: The address to listen on, limits.
        store: What answers.
        ready: Told the URL and the token once requests are answered.

    Raises:
        SettingError: The address cannot be used.
        ServerError: The network side ended.
    """
    with stopped_by_signals() as stop, ApiServer(settings, store) as server:
        ready(server.url, server.token)
        while not stop.wait(1.0):
            if not server.is_running:
                raise ServerError("the server's network side ended; the log says why")


class ApiServer:
    """The pages and the interface for programs before a store; a context manager.

    Attributes:
        url: Where it is, once it is entered.
        token: What it wants to see of who acts.
    """

    def __init__(self, settings: Settings, store: ServedStore, *, clock: Callable[[], dt.datetime] = _now) -> None:
        """Take what answers.

        Args:
            settings: The address to listen on, limits.
            store: What answers.
            clock: The time that windows are counted back from.
        """
        self.url = ""
        self.token = settings.api_token.get_secret_value() or secrets.token_urlsafe(32)
        self._settings = settings
        self._store = store
        self._clock = clock
        self._cleanup = contextlib.ExitStack()
        self._web: Web | None = None
        self._statistics = Statistics(store, settings=settings, max_computing=MAX_COMPUTING)
        self._failure: str | None = None
        self._started_at = time.monotonic()
        self.events = Broker(now=clock)

    def __enter__(self) -> Self:
        settings = self._settings
        with contextlib.ExitStack() as cleanup:
            listening = cleanup.enter_context(
                bind(settings.host, settings.http_port, name="http_port", is_guarded=True)
            )
            backend = Backend(
                store=self._store,
                statistics=self._statistics,
                settings=settings,
                access=Access(self.token, is_open=is_loopback(settings.host)),
                status=self._status,
                problem=self._problem,
                now=self._clock,
                events=self.events,
            )
            watcher = Watcher(self._store, self.events, problem=lambda: self._failure, now=self._clock)
            routes = [Route("/healthz", self._health), *site_routes(backend)]
            hosts = local_names(settings.host, settings.allowed_host_names)
            app = Starlette(routes=routes, middleware=[local_hosts_only(hosts)])
            self._web = Web([(app, listening)])
            cleanup.callback(self._web.stop)
            watcher.start()
            cleanup.callback(watcher.stop, timeout_seconds=_STOP_SECONDS)
            cleanup.callback(self.events.close)
            self.url = url(listening)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def is_running(self) -> bool:
        """Whether requests are answered."""
        return self._web is not None and self._web.is_running

    def _problem(self) -> str | None:
        """Ask the store something small; gives what is wrong."""
        now = self._clock()
        try:
            self._store.read(_PROBE, {"received_since": now, "began_since": now})
        except ModelTallyError:
            self._failure = "the store does not answer"
        else:
            self._failure = None
        return self._failure

    async def _health(self, _: Request) -> Response:
        problem = await run_in_threadpool(self._problem)
        if problem:
            return JSONResponse({"status": "failing", "reason": problem}, status_code=503)
        return JSONResponse({"status": "ok"})

    def _status(self) -> dict[str, object]:
        return {
            "cache": self._statistics.cache_status(),
            "problem": self._problem(),
            "uptime_seconds": round(time.monotonic() - self._started_at, 3),
            "pid": os.getpid(),
        }
