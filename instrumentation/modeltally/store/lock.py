"""One owner per data directory: the locks that say so, and who holds them."""

from __future__ import annotations

import fcntl
import os
import re
from typing import TYPE_CHECKING, Final

from modeltally.errors import StoreInUseError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_unused", "lock", "owner_of"]

_NUMBER: Final = re.compile(rb"\d+")


def lock(descriptor: int, directory: Path) -> None:
    """Lock an open file for as long as it stays open, in this process.

    Args:
        descriptor: The file; a process that locks it writes its number into it.
        directory: What the lock stands for, for the message.

    Raises:
        StoreInUseError: Another process holds it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = owner_of(descriptor) or "unknown"
        raise StoreInUseError(
            f"the data directory {directory} is in use by process {owner};"
            " stop that one, ask it with the other commands, or choose another --dir"
        ) from None


def check_unused(database: Path) -> None:
    """Tell whether another process has an engine's directory open: the engine itself says so on stderr only.

    Raises:
        StoreInUseError: One has.
    """
    try:
        descriptor = os.open(database / "status", os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        if owner_of(descriptor) != str(os.getpid()):  # this process may open it as often as it likes
            lock(descriptor, database.parent)
    finally:
        os.close(descriptor)


def owner_of(descriptor: int) -> str | None:
    """The number of the process that locked an open file last; None where none is written in it."""
    number = _NUMBER.search(os.pread(descriptor, 64, 0))
    return number[0].decode() if number else None
