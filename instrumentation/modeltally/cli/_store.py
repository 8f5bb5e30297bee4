"""Finds what answers a command: the running server of a data directory, else the directory itself."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from modeltally.cli._engine import open_directory
from modeltally.errors import InputError
from modeltally.local.client import find_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.settings import Settings
    from modeltally.store import Store

__all__ = ["open_reader"]


@contextlib.contextmanager
def open_reader(settings: Settings) -> Iterator[Store]:
    """Open whatever can answer questions about the data directory.

    Args:
        settings: Name the data directory.

    Yields:
        The running server, or the directory opened here for as long as it is used.

    Raises:
        InputError: There is no such directory.
        SettingError: No server runs there and the engine is not installed.
        StoreInUseError: A process that is no server of ours owns it.
    """
    server = find_server(settings.dir)
    if server is not None:
        yield server
        return
    if not settings.dir.is_dir():
        raise InputError(
            f"there is no data directory {settings.dir}; start one with `modeltally up`, or give another --dir"
        )
    with open_directory(settings) as store:
        yield store
