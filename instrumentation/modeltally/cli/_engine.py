"""The parts that need the engine: an extra, and slow to import, so commands load it only when they need it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from modeltally.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeltally.local.client import ServerAddress
    from modeltally.local.server import LocalServer
    from modeltally.settings import Settings
    from modeltally.store import EmbeddedStore
    from modeltally.store.sql import Statement

__all__ = ["check_embedded", "checked_for_cluster", "local_server", "open_directory", "serve"]


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
    check_embedded(settings)
    with _needing_the_engine(settings):
        from modeltally.local import server  # noqa: PLC0415
        from modeltally.recommend import ADVICE_JOBS  # noqa: PLC0415
        from modeltally.store.check import CHECK_JOBS  # noqa: PLC0415
        from modeltally.store.transfer import TRANSFER_JOBS  # noqa: PLC0415
    server.serve(settings, jobs={**ADVICE_JOBS, **CHECK_JOBS, **TRANSFER_JOBS}, ready=ready)


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
        from modeltally.local.server import LocalServer  # noqa: PLC0415
        from modeltally.recommend import ADVICE_JOBS  # noqa: PLC0415
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
    check_embedded(settings)
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


def check_embedded(settings: Settings) -> None:
    """Refuse a store that is no data directory.

    Args:
        settings: Name the store.

    Raises:
        SettingError: It is a server.
    """
    if settings.store:
        raise SettingError(
            f"store = {settings.store!r}: this command cannot use a ClickHouse server yet; leave MODELTALLY_STORE unset"
            " to use the data directory"
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
