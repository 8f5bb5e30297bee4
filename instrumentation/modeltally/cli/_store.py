"""Finds what answers a command: the running server of a data directory, else the directory itself."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from modeltally.errors import InputError, SettingError
from modeltally.local.client import find_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.store import EmbeddedStore, Store

__all__ = ["open_directory", "open_reader"]


@contextlib.contextmanager
def open_reader(directory: Path) -> Iterator[Store]:
    """Open whatever can answer questions about a data directory.

    Args:
        directory: The data directory.

    Yields:
        The running server, or the directory opened here for as long as it is used.

    Raises:
        InputError: There is no such directory.
        StoreInUseError: A process that is no server of ours owns it.
    """
    server = find_server(directory)
    if server is not None:
        yield server
        return
    if not directory.is_dir():
        raise InputError(
            f"there is no data directory {directory}; start one with `modeltally up`, or give another --dir"
        )
    with open_directory(directory) as store:
        yield store


@contextlib.contextmanager
def open_directory(directory: Path) -> Iterator[EmbeddedStore]:
    """Open a data directory in this process, its schema up to date.

    Args:
        directory: The data directory; made when missing.

    Yields:
        Its store.

    Raises:
        SettingError: The engine is not installed.
        StoreInUseError: Another process owns the directory.
    """
    try:
        from modeltally.store import open_store  # noqa: PLC0415 - the engine is an extra, and slow to import
    except ImportError as error:
        raise SettingError(
            f"no server runs on {directory}, and opening it here needs the engine ({error});"
            " install it with: pip install 'modeltally[local]'"
        ) from error
    store = open_store(directory)
    try:
        store.migrate()
        yield store
    finally:
        store.close()
