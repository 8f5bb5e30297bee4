"""The local server: receives OTLP, stores it, rolls it up, answers commands; one process for one data directory."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import os
import secrets
import signal
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import uvicorn

from modeltally.errors import ServerError, SettingError
from modeltally.instrument._privacy import Hasher
from modeltally.keys import ensure_user_key
from modeltally.local._claim import listen, own, url
from modeltally.local._control import control_app
from modeltally.local._ingest import Ingest
from modeltally.local._stats import Stats
from modeltally.local.client import ServerAddress
from modeltally.local.handover import Handover, SpanStore
from modeltally.local.scheduler import Scheduler, Task
from modeltally.local.spool import Spool, SpoolFullError
from modeltally.store import Store, open_store

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from starlette.applications import Starlette

    from modeltally.settings import Settings
    from modeltally.store import Job

__all__ = ["LocalServer", "ServerStore", "serve"]

_LOGGER: Final = logging.getLogger(__name__)

STARTUP_TIMEOUT_SECONDS: Final = 30.0
DRAIN_TIMEOUT_SECONDS: Final = 30.0
_CONNECTION_TIMEOUT_SECONDS: Final = 5
_MAX_CONNECTIONS: Final = 512
_BACKLOG: Final = 512
# A spool with less than this share of its room free is called full by the health check, before it refuses anything.
_SPARE_SHARE: Final = 10
_PACKAGES: Final = ("modeltally", "chdb-core", "clickhouse-connect", "opentelemetry-proto", "protobuf", "uvicorn")


class ServerStore(Store, SpanStore, Protocol):
    """What the server needs of a store."""

    def migrate(self) -> object:
        """Bring the schema up to date."""
        ...

    def close(self) -> None:
        """Give the directory back."""
        ...


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def serve(
    settings: Settings,
    *,
    jobs: Mapping[str, Job] | None = None,
    ready: Callable[[ServerAddress], None] | None = None,
) -> None:
    """Run the local server until SIGTERM or Ctrl-C; call it in the main thread.

    Args:
        settings: Directory, addresses, limits, intervals.
        jobs: Jobs beside those of the store, by name.
        ready: Told the address once requests are answered.

    Raises:
        SettingError: An address or the directory cannot be used.
        StoreInUseError: Another process owns the directory.
        StoreError: The database cannot be opened.
    """
    stop = threading.Event()
    server = LocalServer(settings, jobs=jobs)
    with _signals(stop):
        server.start()
        try:
            if ready is not None:
                ready(server.address)
            while not stop.wait(1.0):
                if not server.is_running:
                    raise ServerError("the server's network side ended by itself; the log says why")
        finally:
            server.stop()


@contextlib.contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class LocalServer:
    """The server in threads of this process; usable as a context manager.

    Attributes:
        directory: The data directory.
        stats: What it has counted since it started.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        jobs: Mapping[str, Job] | None = None,
        open_store: Callable[..., ServerStore] = open_store,
        clock: Callable[[], dt.datetime] = _now,
    ) -> None:
        """Take what it is made of; :meth:`start` sets it going.

        Args:
            settings: Directory, addresses, limits, intervals.
            jobs: Jobs beside those of the store, by name.
            open_store: Opens the store of a directory.
            clock: The time that jobs go by.
        """
        self.directory = settings.dir
        self.stats = Stats()
        self._settings = settings
        self._jobs = jobs
        self._open_store = open_store
        self._clock = clock
        self._address: ServerAddress | None = None
        self._cleanup = contextlib.ExitStack()
        self._web: list[uvicorn.Server] = []
        self._web_thread: threading.Thread | None = None
        self._store: ServerStore | None = None
        self._spool: Spool | None = None
        self._scheduler: Scheduler | None = None
        self._started_at = time.monotonic()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> ServerAddress:
        """Where the server is.

        Raises:
            ServerError: It is not running.
        """
        if self._address is None:
            raise ServerError("the server is not running")
        return self._address

    @property
    def is_running(self) -> bool:
        """Whether requests are answered."""
        return self._web_thread is not None and self._web_thread.is_alive()

    def start(self) -> None:
        """Start, and return once requests are answered.

        Raises:
            SettingError: An address or the directory cannot be used.
            StoreInUseError: Another process owns the directory.
            StoreError: The database cannot be opened.
        """
        try:
            self._start()
        except BaseException:
            self._cleanup.close()
            raise

    def stop(self) -> None:
        """Stop accepting, store what was accepted, and close; safe to call twice."""
        self._cleanup.close()
        self._address = None

    def wait_until_stored(self, *, timeout_seconds: float = 30.0) -> bool:
        """Wait until everything acknowledged is in the store; tells whether it is."""
        return self._spool is None or self._spool.wait_until_empty(timeout_seconds=timeout_seconds)

    def _start(self) -> None:
        settings, directory, cleanup = self._settings, self.directory, self._cleanup
        cleanup.enter_context(own(directory))
        otlp_socket = cleanup.enter_context(listen(settings.host, settings.otlp_port, name="otlp_port"))
        http_socket = cleanup.enter_context(listen(settings.host, settings.http_port, name="http_port"))
        hasher = Hasher(os.environ.get("MODELTALLY_USER_KEY") or ensure_user_key(directory))

        self._store = store = self._open_store(directory, settings=settings, jobs=self._jobs)
        cleanup.callback(store.close)
        store.migrate()
        spool = self._open_spool(directory / "spool")
        cleanup.callback(spool.close)
        handover = Handover(spool, store, stats=self.stats, scratch=directory / "spool" / "piece.pb")
        handover.start()
        cleanup.callback(lambda: handover.stop(timeout_seconds=DRAIN_TIMEOUT_SECONDS))
        self._scheduler = Scheduler(self._tasks(store), now=self._clock)
        self._scheduler.start()
        cleanup.callback(self._scheduler.stop)
        ingest = Ingest(
            spool,
            settings=settings,
            hasher=hasher,
            stats=self.stats,
            quarantine=lambda spans, received_ms: handover.quarantine(spans, received_ms=received_ms),
        )
        cleanup.callback(ingest.close)

        address = ServerAddress(
            pid=os.getpid(),
            http_url=url(http_socket),
            otlp_url=url(otlp_socket),
            token=secrets.token_urlsafe(32),
        )
        control = control_app(store, token=address.token, host=settings.host, status=self._status, health=self.problem)
        self._start_web([(ingest.app(), otlp_socket), (control, http_socket)])
        cleanup.callback(self._stop_web)
        address.write(directory)
        cleanup.callback(lambda: address.remove(directory))
        self._address = address
        _LOGGER.info("receiving OTLP on %s, answering on %s", address.otlp_url, address.http_url)

    def _open_spool(self, directory: Path) -> Spool:
        settings = self._settings
        try:
            self._spool = Spool(
                directory, max_bytes=settings.spool_max_bytes, min_free_disk_bytes=settings.min_free_disk_bytes
            )
        except OSError as error:
            raise SettingError(f"cannot use the spool {directory}: {error}; choose another --dir") from error
        return self._spool

    def _tasks(self, store: ServerStore) -> list[Task]:
        intervals = {
            "roll": self._settings.roll_interval_seconds,
            "expire": self._settings.expire_interval_seconds,
        }

        def task(name: str, interval_seconds: float) -> Task:
            return Task(name, interval_seconds, lambda now: store.run(name, {"as_of": now}))

        return [task(name, interval_seconds) for name, interval_seconds in intervals.items()]

    # -- the network side ------------------------------------------------------------------------------------------

    def _start_web(self, apps: list[tuple[Starlette, socket.socket]]) -> None:
        self._web = [
            uvicorn.Server(
                uvicorn.Config(
                    app,
                    access_log=False,
                    backlog=_BACKLOG,
                    http="h11",
                    lifespan="off",
                    limit_concurrency=_MAX_CONNECTIONS,
                    log_config=None,
                    server_header=False,
                    timeout_graceful_shutdown=_CONNECTION_TIMEOUT_SECONDS,
                    timeout_keep_alive=2 * _CONNECTION_TIMEOUT_SECONDS,
                    ws="none",
                )
            )
            for app, _ in apps
        ]
        sockets = [listening for _, listening in apps]

        async def run() -> None:
            await asyncio.gather(
                *(server.serve(sockets=[listening]) for server, listening in zip(self._web, sockets, strict=True))
            )

        self._web_thread = threading.Thread(target=lambda: asyncio.run(run()), name="modeltally-http", daemon=True)
        self._web_thread.start()
        deadline = time.monotonic() + STARTUP_TIMEOUT_SECONDS
        while not all(server.started for server in self._web):
            if time.monotonic() > deadline or not self._web_thread.is_alive():
                raise ServerError("the server's network side did not start; the log says why")
            time.sleep(0.01)

    def _stop_web(self) -> None:
        for server in self._web:
            server.should_exit = True
        if self._web_thread is not None:
            self._web_thread.join()

    # -- what it says of itself ------------------------------------------------------------------------------------

    def problem(self) -> str | None:
        """What keeps the server from taking or storing spans at the moment; None when all is well."""
        spool = self._spool
        if spool is not None:
            try:
                spool.check_room(spare_bytes=spool.max_bytes // _SPARE_SHARE)
            except (SpoolFullError, OSError) as error:
                return str(error)
        return self.stats.store_failure

    def _status(self) -> dict[str, object]:
        spool, scheduler = self._spool, self._scheduler
        jobs = scheduler.status() if scheduler is not None else {}
        return {
            **self.stats.snapshot(),
            "spool": {
                "bytes": spool.used_bytes,
                "records": spool.records,
                "oldest_age_seconds": round(spool.oldest_age_seconds, 3),
                "cap_bytes": spool.max_bytes,
            }
            if spool is not None
            else {},
            "last_roll": jobs.get("roll", {}),
            "last_expire": jobs.get("expire", {}),
            "uptime_seconds": round(time.monotonic() - self._started_at, 3),
            "pid": os.getpid(),
            "versions": _versions(),
        }


def _versions() -> dict[str, Any]:
    found = {}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
