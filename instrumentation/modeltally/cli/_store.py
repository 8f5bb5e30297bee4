"""Finds what answers a command: a ClickHouse server, the running server of a data directory, else the directory itself.

This is the one place where a command's store is opened.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from modeltally.cli._engine import open_directory, open_served
from modeltally.errors import InputError
from modeltally.server.client import find_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.settings import Settings
    from modeltally.store import Store

__all__ = ["has_store", "open_any", "open_reader"]


def has_store(settings: Settings) -> bool:
    """Tell whether there is a store to ask; one that is missing is not made."""
    return bool(settings.store) or (settings.dir / "chdb").is_dir()


@contextlib.contextmanager
def open_reader(settings: Settings) -> Iterator[Store]:
    """Open whatever can answer questions.

    Args:
        settings: Name the ClickHouse server or the data directory.

    Yields:
        The store on the server; else the running server, or the directory opened here for as long as it is used.

    Raises:
        InputError: There is no such directory.
        SettingError: No server runs there and the engine is not installed, or an address cannot be used.
        ServerError: The ClickHouse server cannot be reached.
        StoreInUseError: A process that is no server of ours owns the directory.
    """
    if not settings.store and find_server(settings.dir) is None and not settings.dir.is_dir():
        raise InputError(
            f"there is no data directory {settings.dir}; start one with `modeltally up`, or give another --dir"
        )
    with open_any(settings) as store:
        yield store


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
    if settings.store:
        with open_served(settings) as served:
            yield served
        return
    server = find_server(settings.dir)
    if server is not None:
        yield server
        return
    with open_directory(settings) as store:
        yield store
