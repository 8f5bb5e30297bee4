"""Files of the spool, as the disk allows: no link is ever followed, and nobody but the owner reads them."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "cut",
    "make_directory",
    "move",
    "open_new",
    "read",
    "regular_files",
    "remove",
    "replace",
    "sync_directory",
    "write",
]

_LOGGER: Final = logging.getLogger(__name__)

_READ_BYTES: Final = 16 * 1024**2


def make_directory(directory: Path) -> None:
    """Make a directory that only its owner enters; a link in its place goes.

    Raises:
        OSError: It cannot be made.
    """
    if directory.is_symlink():
        _LOGGER.warning("%s is a link, which is not followed: a folder takes its place", directory)
        os.unlink(directory)  # noqa: PTH108 - every call of the spool goes through os, where a test lets each fail
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(directory, 0o700)  # noqa: PTH101 - as above


def regular_files(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Give each file of a directory with what is known of it; links and everything else are left out.

    Raises:
        OSError: The directory cannot be read.
    """
    for name in sorted(os.listdir(directory)):  # noqa: PTH208 - as above
        path = directory / name
        with contextlib.suppress(FileNotFoundError):
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode):
                yield path, status
            elif not stat.S_ISDIR(status.st_mode):
                _LOGGER.warning("%s is no file and is left alone", path)


def read(path: Path) -> bytes:
    """Read a file.

    Raises:
        OSError: It cannot be read, or is a link.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        parts = []
        while part := os.read(descriptor, _READ_BYTES):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def open_new(path: Path) -> int:
    """Make a file to append to; gives its descriptor.

    Raises:
        OSError: It cannot be made, or there is one.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW, 0o600)


def write(descriptor: int, content: bytes) -> None:
    """Write all of it, and have it on disk.

    Raises:
        OSError: Not all of it is.
    """
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fdatasync(descriptor)


def cut(path: Path, size_bytes: int) -> None:
    """Cut a file off.

    Raises:
        OSError: It cannot be, or is a link.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        os.ftruncate(descriptor, size_bytes)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes) -> None:
    """Write a file anew, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    temporary = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # noqa: PTH108 - as above
    descriptor = open_new(temporary)
    try:
        write(descriptor, content)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)  # noqa: PTH105 - as above
    sync_directory(path.parent)


def move(path: Path, target: Path) -> None:
    """Move a file; one that has been moved already is where it should be.

    Raises:
        OSError: It cannot be moved.
    """
    try:
        os.rename(path, target)  # noqa: PTH104 - as above
    except FileNotFoundError:
        if not target.exists():
            raise


def remove(path: Path) -> None:
    """Delete a file that may be gone already.

    Raises:
        OSError: It cannot be deleted.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108 - as above


def sync_directory(directory: Path) -> None:
    """Have the names in a directory on disk.

    Raises:
        OSError: They are not.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
