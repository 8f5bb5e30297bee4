"""The parts that need the engine: an extra, and slow to import, so commands load it only when they need it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from modeltally.errors import InputError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modeltally.server.client import ServerAddress
    from modeltally.server.local import LocalServer
    from modeltally.settings import Settings
    from modeltally.store import DatabaseStore, EmbeddedStore, Row, ServedStore
    from modeltally.store.sql import Statement

__all__ = ["checked_for_cluster", "local_server", "open_directory", "open_served", "serve"]


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
        from modeltally.recommend import ADVICE_JOBS  # noqa: PLC0415
        from modeltally.server import serve  # noqa: PLC0415
        from modeltally.store.check import CHECK_JOBS  # noqa: PLC0415
        from modeltally.store.transfer import TRANSFER_JOBS  # noqa: PLC0415
    serve(settings, jobs={**ADVICE_JOBS, **CHECK_JOBS, **TRANSFER_JOBS}, ready=ready)


def local_server(settings: Settings) -> LocalServer:
    """Make a local server in this process, with every job; a context manager.

    Args:
        settings: Directory, addresses, limits, intervals.

    Returns:
        The server, not started.

    Raises:
        SettingError: The engine is not installed.
    """
    with _needing_the_engine(settings):
        from modeltally.recommend import ADVICE_JOBS  # noqa: PLC0415
        from modeltally.server.local import LocalServer  # noqa: PLC0415
        from modeltally.store.check import CHECK_JOBS  # noqa: PLC0415
        from modeltally.store.transfer import TRANSFER_JOBS  # noqa: PLC0415
    return LocalServer(settings, jobs={**ADVICE_JOBS, **CHECK_JOBS, **TRANSFER_JOBS})


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
        from modeltally.recommend import ADVICE_JOBS  # noqa: PLC0415
        from modeltally.store import open_store  # noqa: PLC0415
        from modeltally.store.check import CHECK_JOBS  # noqa: PLC0415
        from modeltally.store.transfer import TRANSFER_JOBS  # noqa: PLC0415
    jobs = {**ADVICE_JOBS, **CHECK_JOBS, **TRANSFER_JOBS}
    store = open_store(settings.dir, settings=settings, jobs=jobs)
    try:
        store.migrate()
        yield store
    finally:
        store.close()


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
    from modeltally.recommend import ADVICE_JOBS  # noqa: PLC0415 - slow to import, as the others
    from modeltally.store import open_served_store  # noqa: PLC0415
    from modeltally.store.check import CHECK_JOBS  # noqa: PLC0415
    from modeltally.store.transfer import EXPORT_JOBS, IMPORT_JOBS  # noqa: PLC0415

    jobs = {**ADVICE_JOBS, **CHECK_JOBS, **IMPORT_JOBS, **dict.fromkeys(EXPORT_JOBS, _refuse_export)}
    with contextlib.closing(open_served_store(settings=settings, jobs=jobs)) as store:
        yield store


def _refuse_export(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    del store, parameters
    raise InputError(
        "export works on a data directory, with files beside the engine; on a ClickHouse server use its own BACKUP"
    )


@contextlib.contextmanager
def _needing_the_engine(settings: Settings) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingError(
            f"no server runs on {settings.dir}, and this command needs the engine ({error});"
            " install it with: pip install 'modeltally[local]'"
        ) from error
