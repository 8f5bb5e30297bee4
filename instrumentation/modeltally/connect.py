"""Which store answers: a ClickHouse server, the running server of a data directory, else the directory itself.

The one place where a store or a server is opened. The engine is an extra and slow to import, so it is loaded only where
a directory is opened in this process.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from modeltally.analytics.statistics import Statistics
from modeltally.errors import InputError, ServerError, SettingError
from modeltally.server.client import find_server
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeltally.server.client import RemoteStore, ServerAddress
    from modeltally.server.local import LocalServer
    from modeltally.settings import Settings
    from modeltally.store import EmbeddedStore, ServedStore, Store
    from modeltally.store.sql import Statement

__all__ = [
    "checked_for_cluster",
    "has_store",
    "migrate",
    "open_any",
    "open_directory",
    "open_reader",
    "open_served",
    "open_statistics",
    "running_server",
    "serve",
    "serve_api",
    "temporary_server",
]

# a start moves a store to a new schema, an end finishes what is under way
_STARTING_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_FREE_PORTS = dict.fromkeys(("otlp_port", "otlp_grpc_port", "http_port", "clickhouse_port"), 0)


def has_store(settings: Settings) -> bool:
    """Tell whether there is a store to ask; one that is missing is not made."""
    return bool(settings.store) or (settings.dir / "chdb").is_dir()


def running_server(settings: Settings) -> RemoteStore | None:
    """Find the server that runs on the data directory, and wait for one that is starting or ending.

    Args:
        settings: Name the ClickHouse server or the data directory.

    Returns:
        What asks the server; None when none runs, or a ClickHouse server is the store.

    Raises:
        ServerError: A server holds the directory and answers nobody for a minute.
    """
    if settings.store:
        return None
    server = find_server(settings.dir)
    if server is not None:
        return server
    from modeltally.server.binding import is_locked  # noqa: PLC0415 - imports the store, as whoever has no server will

    deadline = time.monotonic() + _STARTING_SECONDS
    while (server := find_server(settings.dir)) is None and is_locked(settings.dir):
        if time.monotonic() > deadline:
            raise ServerError(
                f"a server holds the data directory {settings.dir} and has not been ready for"
                f" {_STARTING_SECONDS:.0f} s; look at what it prints, or stop it"
            )
        time.sleep(_POLL_SECONDS)
    return server


@contextlib.contextmanager
def open_reader(settings: Settings) -> Iterator[Store]:
    """Open whatever can answer queries.

    Args:
        settings: Name the ClickHouse server or the data directory.

    Yields:
        The store on the server; else the running server, or the directory opened here for as long as it is used.

    Raises:
        InputError: There is no such directory, or no store in it.
        SettingError: No server runs there and the engine is not installed, or an address cannot be used.
        ServerError: The ClickHouse server cannot be reached.
        StoreInUseError: A process that is no server of ours owns the directory.
    """
    if not has_store(settings) and running_server(settings) is None:
        what = "no store in the directory" if settings.dir.is_dir() else "no data directory"
        raise InputError(f"there is {what} {settings.dir}; start one with `modeltally up`, or give another --dir")
    with open_any(settings) as store:
        yield store


@contextlib.contextmanager
def open_statistics(settings: Settings | None = None) -> Iterator[Statistics]:
    """Open whatever can answer queries, and answer topics from it; keep it open in a process that asks often.

    Args:
        settings: Name the ClickHouse server or the data directory; read from file and environment when not given.

    Yields:
        What answers. It keeps answers for ``cache_ttl_minutes``, unless a running server answers, which keeps its own.

    Raises:
        InputError: There is no such directory, or no store in it.
        SettingError: No server runs there and the engine is not installed, or an address cannot be used.
        ServerError: The ClickHouse server cannot be reached.
        StoreInUseError: A process that is no server of ours owns the directory.
    """
    used = settings or load_settings()
    with open_reader(used) as store:
        yield Statistics(store, settings=used)


@contextlib.contextmanager
def open_any(settings: Settings) -> Iterator[Store]:
    """Open whatever can answer; a data directory that is missing is made.

    Args:
        settings: Name the ClickHouse server or the data directory.

    Yields:
        The store on the server; else the running server, or the directory opened here for as long as it is used.

    Raises:
        SettingError: No server runs there and the engine is not installed, or an address cannot be used.
        ServerError: The ClickHouse server cannot be reached.
        StoreInUseError: A process that is no server of ours owns the directory.
    """
    server = running_server(settings)
    if settings.store:
        with open_served(settings) as served:
            yield served
    elif server is not None:
        yield server
    else:
        with open_directory(settings) as store:
            yield store


@contextlib.contextmanager
def open_directory(settings: Settings) -> Iterator[EmbeddedStore]:
    """Open the data directory in this process, its schema up to date.

    Args:
        settings: Name the data directory; it is made when missing.

    Yields:
        Its store, with every job.

    Raises:
        SettingError: The engine is not installed.
        StoreInUseError: Another process owns the directory.
        StoreError: The database cannot be opened.
    """
    with _needing_the_engine(settings):
        from modeltally.jobs import runners  # noqa: PLC0415 - slow to import, as all below
        from modeltally.store import open_store  # noqa: PLC0415
    store = open_store(settings.dir, settings=settings, jobs=runners())
    try:
        store.migrate()
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def open_served(settings: Settings) -> Iterator[ServedStore]:
    """Open the store on a ClickHouse server; its schema is as the last ``modeltally migrate`` left it.

    Args:
        settings: Name the server.

    Yields:
        Its store, with every job that can run there.

    Raises:
        SettingError: The address or the password cannot be used.
        ServerError: The server cannot be reached, or does not let this user in.
    """
    from modeltally.jobs import runners  # noqa: PLC0415
    from modeltally.store import open_served_store  # noqa: PLC0415

    with contextlib.closing(open_served_store(settings=settings, jobs=runners(is_served=True))) as store:
        yield store


def migrate(settings: Settings) -> bool:
    """Bring the schema of the store up to date.

    Args:
        settings: Name the ClickHouse server or the data directory.

    Returns:
        False where a server runs on the directory: it has done so when it started.

    Raises:
        SettingError: The engine is not installed, or an address cannot be used.
        ServerError: The ClickHouse server cannot be reached.
        StoreInUseError: A process that is no server of ours owns the directory.
        StoreError: The database refused.
    """
    if settings.store:
        with open_served(settings) as store:
            store.migrate()
    elif running_server(settings) is not None:
        return False
    else:
        with open_directory(settings):
            pass  # opening it migrates
    return True


def serve(settings: Settings, *, ready: Callable[[ServerAddress], None]) -> None:
    """Run the local server, with every job, until SIGTERM or Ctrl-C.

    Args:
        settings: Directory, addresses, limits, intervals.
        ready: Told the address once requests are answered.

    Raises:
        SettingError: The engine is not installed, or an address or the directory cannot be used.
        StoreInUseError: Another process owns the directory.
        StoreError: The database cannot be opened.
    """
    if settings.store:
        raise SettingError(
            "setting 'store' names a ClickHouse server, and `modeltally up` keeps a store of its own: leave"
            " MODELTALLY_STORE unset here; what is sent reaches a server by way of the OpenTelemetry Collector"
        )
    with _needing_the_engine(settings):
        from modeltally.server import local  # noqa: PLC0415
    local.serve(settings, ready=ready)


def serve_api(settings: Settings, *, ready: Callable[[str, str], None]) -> None:
    """Answer programs and pages from the store on a ClickHouse server, until SIGTERM or Ctrl-C.

    Args:
        settings: Name the server, the address to listen on, limits.
        ready: Told the URL and the token once requests are answered.

    Raises:
        SettingError: No server is named, what it needs is not installed, or an address cannot be used.
        ServerError: The ClickHouse server cannot be reached.
    """
    if not settings.store:
        raise SettingError(
            "setting 'store' names no ClickHouse server: set MODELTALLY_STORE; for a data directory `modeltally up`"
            " answers the same"
        )
    try:
        from modeltally.server import served  # noqa: PLC0415 - slow to import
    except ModuleNotFoundError as error:
        raise SettingError(
            f"this command needs the server's libraries ({error}); install them with: pip install 'modeltally[server]'"
        ) from error
    with open_served(settings) as store:
        served.serve_api(settings, store, ready=ready)


def temporary_server(settings: Settings) -> LocalServer:
    """Make a local server in this process on free ports, with every job; a context manager.

    Args:
        settings: Directory, limits, intervals.

    Returns:
        The server, not started.

    Raises:
        SettingError: The engine is not installed.
    """
    with _needing_the_engine(settings):
        from modeltally.server.local import LocalServer  # noqa: PLC0415
    return LocalServer(settings.model_copy(update=_FREE_PORTS))


def checked_for_cluster(settings: Settings, cluster: str) -> list[Statement]:
    """Write the schema for a cluster, and have the engine's parser read it.

    Args:
        settings: Name a directory that the engine may use meanwhile.
        cluster: The cluster's name.

    Returns:
        The statements, in order.

    Raises:
        SettingError: The engine is not installed.
        ParameterError: The name is no plain name.
        StoreError: The engine does not understand a statement.
    """
    with _needing_the_engine(settings):
        from modeltally.store.client import Database  # noqa: PLC0415
        from modeltally.store.cluster import check_statements, render  # noqa: PLC0415

        statements = render(cluster)
        with contextlib.closing(Database.open_directory(settings.dir)) as database:
            check_statements(database, statements)
    return statements


@contextlib.contextmanager
def _needing_the_engine(settings: Settings) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingError(
            f"no server runs on {settings.dir}, and this command needs the engine ({error});"
            " install it with: pip install 'modeltally[local]'"
        ) from error
