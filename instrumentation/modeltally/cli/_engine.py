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

__all__ = ["local_server", "open_directory", "serve"]


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
    with _needing_the_engine(settings):
        from modeltally.local import server  # noqa: PLC0415
        from modeltally.recommend import ADVICE_JOBS  # noqa: PLC0415
    server.serve(settings, jobs=ADVICE_JOBS, ready=ready)


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
    return LocalServer(settings, jobs=ADVICE_JOBS)


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
    store = open_store(settings.dir, settings=settings, jobs=ADVICE_JOBS)
    try:
        store.migrate()
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def _needing_the_engine(settings: Settings) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingError(
            f"no server runs on {settings.dir}, and this command needs the engine ({error});"
            " install it with: pip install 'modeltally[local]'"
        ) from error
