"""The local server: receives OTLP, stores it, rolls it up, answers commands; one process for one data directory."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import secrets
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from modeltally.analytics.statistics import MAX_COMPUTING, Statistics
from modeltally.asgi import is_loopback, local_names
from modeltally.clickhouse.app import clickhouse_app
from modeltally.clickhouse.engine import Engine
from modeltally.clickhouse.settings import Limits
from modeltally.errors import ServerError, SettingError
from modeltally.jobs import intervals, runners
from modeltally.keys import ensure_user_key
from modeltally.receiver.grpc import OtlpGrpc
from modeltally.receiver.http import otlp_http
from modeltally.receiver.receiver import Receiver
from modeltally.receiver.signals import ReceiverStore
from modeltally.server.binding import bind, lock_directory, url
from modeltally.server.client import ServerAddress
from modeltally.server.control import control_app
from modeltally.server.scheduler import Scheduler, Task, tasks_of
from modeltally.server.stopping import stop_in_time, stopped_by_signals
from modeltally.server.web import Web
from modeltally.show.access import Access
from modeltally.show.backend import Backend
from modeltally.show.downloads import Downloads
from modeltally.show.events import Broker
from modeltally.show.site import site_routes
from modeltally.show.watch import Watcher
from modeltally.store import Store, open_store
from modeltally.store.client import DATABASE_NAME
from modeltally.store.embedded import database_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeltally.receiver.counters import Counters
    from modeltally.settings import Settings
    from modeltally.store import Row

__all__ = ["LocalServer", "ServerStore", "serve"]

_LOGGER: Final = logging.getLogger(__name__)

# How long a stop waits for a job that runs.
JOB_TIMEOUT_SECONDS: Final = 20.0
_PACKAGES: Final = (
    "modeltally",
    "chdb-core",
    "clickhouse-connect",
    "opentelemetry-proto",
    "protobuf",
    "grpcio",
    "uvicorn",
)


class ServerStore(Store, ReceiverStore, Protocol):
    """What the server needs of a store."""

    def migrate(self) -> object:
        """Bring the schema up to date."""
        ...

    def damage(self) -> str | None:
        """Say what is known to be damaged; None when nothing is."""
        ...

    def notice(self, error: Exception) -> None:
        """Look at an error of the engine, which may say that a file is damaged."""
        ...

    def verify(self) -> list[Row]:
        """Read all files against their checksums; gives what is damaged."""
        ...

    def close(self) -> None:
        """Give the directory back."""
        ...


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def serve(settings: Settings, *, ready: Callable[[ServerAddress], None] | None = None) -> None:
    """Run the local server until SIGTERM or Ctrl-C; call it in the main thread.

    Args:
        settings: Directory, addresses, limits, intervals.
        ready: Told the address once requests are answered.

    Raises:
        SettingError: An address or the directory cannot be used.
        StoreInUseError: Another process owns the directory.
        StoreError: The database cannot be opened.
    """
    server = LocalServer(settings)
    with stopped_by_signals() as stop:
        server.start()
        try:
            if ready is not None:
                ready(server.address)
            while not stop.wait(1.0):
                if not server.is_running:
                    raise ServerError("the server's network side ended by itself; the log says why")
        finally:
            stop_in_time(server.stop, is_clean=lambda: server.is_clean)


class LocalServer:
    """The server in threads of this process; usable as a context manager.

    Attributes:
        directory: The data directory.
        is_clean: False once something was left running at a stop: the engine stays open, and the process has to end.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        open_store: Callable[..., ServerStore] = open_store,
        clock: Callable[[], dt.datetime] = _now,
    ) -> None:
        """Take what it is made of; :meth:`start` sets it going.

        Args:
            settings: Directory, addresses, limits, intervals.
            open_store: Opens the store of a directory.
            clock: The time that jobs go by.
        """
        self.directory = settings.dir
        self._settings = settings
        self._open_store = open_store
        self._clock = clock
        self._address: ServerAddress | None = None
        self._cleanup = contextlib.ExitStack()
        self._web: Web | None = None
        self._store: ServerStore | None = None
        self._statistics: Statistics | None = None
        self._backend: Backend | None = None
        self._receiver: Receiver | None = None
        self._scheduler: Scheduler | None = None
        self._events = Broker(now=clock)
        self._watcher: Watcher | None = None
        self._started_at = time.monotonic()
        self.is_clean = True

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
    def backend(self) -> Backend:
        """What its pages and its interface for programs stand on.

        Raises:
            ServerError: It is not running.
        """
        if self._backend is None:
            raise ServerError("the server is not running")
        return self._backend

    @property
    def counters(self) -> Mapping[str, Counters]:
        """What it has counted of each signal since it started, by the signal's name."""
        return self._receiver.counters if self._receiver is not None else {}

    @property
    def is_running(self) -> bool:
        """Whether requests are answered."""
        return self._web is not None and self._web.is_running

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
        return self._receiver is None or self._receiver.wait_until_stored(timeout_seconds=timeout_seconds)

    def problem(self) -> str | None:
        """What keeps the server from taking or storing what is sent, else what is damaged; None when all is well."""
        return self._failing() or self._damage()

    def _failing(self) -> str | None:
        if self._scheduler is not None and self._scheduler.problem:
            return self._scheduler.problem
        if self._watcher is not None and self._watcher.problem:
            return self._watcher.problem
        return self._receiver.problem() if self._receiver is not None else None

    def _damage(self) -> str | None:
        return self._store.damage() if self._store is not None else None

    def _start(self) -> None:
        settings, directory, cleanup = self._settings, self.directory, self._cleanup
        cleanup.enter_context(lock_directory(directory))
        otlp_socket = cleanup.enter_context(bind(settings.host, settings.otlp_port, name="otlp_port"))
        http_socket = cleanup.enter_context(bind(settings.host, settings.http_port, name="http_port"))
        clickhouse_socket = cleanup.enter_context(bind(settings.host, settings.clickhouse_port, name="clickhouse_port"))
        # asked first because the library prints its failures, and says less
        with bind(settings.host, settings.otlp_grpc_port, name="otlp_grpc_port") as free:
            grpc_address = url(free).removeprefix("http://")
        otlp_grpc = OtlpGrpc(grpc_address, max_body_bytes=settings.max_body_bytes)
        cleanup.callback(otlp_grpc.stop)
        user_key = os.environ.get("MODELTALLY_USER_KEY") or ensure_user_key(directory)

        self._store = store = self._open_store(directory, settings=settings, jobs=runners())
        cleanup.callback(self._close_store)
        store.migrate()
        self._watcher = watcher = Watcher(
            store, self._events, problem=self.problem, now=self._clock, last_roll=self._last_roll
        )
        receiver = Receiver(store, directory=directory, settings=settings, user_key=user_key, stored=watcher.wake)
        self._receiver = cleanup.enter_context(receiver)
        verify = Task("verify", settings.verify_interval_seconds, lambda _: store.verify())
        tasks = tasks_of(store, intervals(settings))
        tasks.append(verify)
        self._scheduler = Scheduler(tasks, now=self._clock, ran=watcher.wake)
        self._scheduler.start()
        cleanup.callback(self._stop_scheduler)

        address = ServerAddress(
            pid=os.getpid(),
            http_url=url(http_socket),
            otlp_url=url(otlp_socket),
            token=secrets.token_urlsafe(32),
            otlp_grpc_url=otlp_grpc.url,
            clickhouse_url=url(clickhouse_socket),
        )
        hosts = local_names(settings.host, settings.allowed_host_names)
        otlp = otlp_http(receiver.acceptors, max_body_bytes=settings.max_body_bytes, hosts=hosts)
        self._statistics = statistics = Statistics(store, settings=settings, max_computing=MAX_COMPUTING)
        downloads = Downloads(
            settings, self._events, store=store, statistics=statistics, now=self._clock, otlp_url=address.otlp_url
        )
        self._backend = backend = Backend(
            store=store,
            statistics=statistics,
            settings=settings,
            access=Access(address.token, is_open=is_loopback(settings.host)),
            status=self._status,
            problem=self.problem,
            now=self._clock,
            events=self._events,
            downloads=downloads,
            otlp_url=address.otlp_url,
        )
        control = control_app(
            store,
            answer=statistics.answer,
            access=backend.access,
            hosts=hosts,
            status=self._status,
            failing=self._failing,
            damage=self._damage,
            shown=site_routes(backend),
            ran=watcher.wake,
        )
        engine = Engine(
            database_directory(directory), database=DATABASE_NAME, limits=Limits.of(settings), notice=store.notice
        )
        passwords = [address.token, settings.clickhouse_password.get_secret_value()]
        clickhouse = clickhouse_app(engine, passwords=passwords, hosts=hosts)
        self._web = Web([(otlp, otlp_socket), (control, http_socket), (clickhouse, clickhouse_socket)])
        cleanup.callback(self._web.stop)
        downloads.start()
        cleanup.callback(downloads.stop)
        watcher.start()
        cleanup.callback(self._stop_watcher)
        cleanup.callback(self._events.close)  # or who listens would hold up the stop
        cleanup.callback(self._close_engine, engine)  # first: a query without end would hold up the others
        cleanup.callback(otlp_grpc.stop)
        otlp_grpc.start(receiver.acceptors, hosts=hosts)
        try:
            address.write(directory)
        except OSError as error:
            raise SettingError(f"cannot use the data directory {directory}: {error}; choose another --dir") from error
        cleanup.callback(lambda: address.remove(directory))
        self._address = address
        _LOGGER.info(
            "receiving OTLP on %s and %s, answering on %s and %s",
            address.otlp_url,
            address.otlp_grpc_url,
            address.http_url,
            address.clickhouse_url,
        )

    def _close_engine(self, engine: Engine) -> None:
        if not engine.close():
            self.is_clean = False
            _LOGGER.warning("a query that the engine cannot interrupt is left behind")

    def _last_roll(self) -> object:
        return self._scheduler.status().get("roll") if self._scheduler is not None else None

    def _stop_watcher(self) -> None:
        if self._watcher is not None and not self._watcher.stop(timeout_seconds=JOB_TIMEOUT_SECONDS):
            self.is_clean = False
            _LOGGER.warning("a question of the watcher that has not ended is left behind")

    def _stop_scheduler(self) -> None:
        if self._scheduler is not None and not self._scheduler.stop(timeout_seconds=JOB_TIMEOUT_SECONDS):
            self.is_clean = False
            _LOGGER.warning("a job that has not ended is left behind; the next start does it again")

    def _close_store(self) -> None:
        if not self.is_clean or self._store is None:  # the engine waits for what it runs
            return
        try:
            self._store.close()
        except Exception as error:  # noqa: BLE001 - on a disk that fails; it starts as after a crash, which it survives
            _LOGGER.warning("the engine did not close in order: %s", str(error)[:500])

    def _status(self) -> dict[str, object]:
        ran = self._scheduler.status() if self._scheduler is not None else {}
        return {
            **(self._receiver.status() if self._receiver is not None else {}),
            **{f"last_{name}": ran.get(name, {}) for name in (*intervals(self._settings), "verify")},
            "cache": self._statistics.cache_status() if self._statistics is not None else None,
            "engine_damage": self._damage(),
            "problem": self.problem(),
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
