"""Looking at a disk without reading what lies there: names, inodes, small lists, and whose bytes are whose."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from modeltally.availability.held import HeldFile

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator
    from pathlib import Path

    from modeltally.availability.held import Digest, Inode

__all__ = [
    "Growth",
    "Ledger",
    "held_file",
    "inode_of",
    "is_folder",
    "is_within",
    "legible",
    "list_folder",
    "look",
    "occupied_bytes",
    "read_small",
    "walk",
]

_BLOCK_BYTES: Final = 512
_MAX_DEPTH: Final = 64
GROWING_SECONDS: Final = 60.0


def look(path: Path, *, follow: bool = True) -> os.stat_result | None:
    """Return what the file system says of a path; None where nothing is there or it may not be looked at."""
    try:
        return path.stat(follow_symlinks=follow)
    except (OSError, ValueError):  # a name that no file can have
        return None


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder, or a link to one; False where it may not be looked at."""
    found = look(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def inode_of(found: os.stat_result) -> Inode:
    """Return which file on disk it is."""
    return found.st_dev, found.st_ino


def occupied_bytes(found: os.stat_result) -> int:
    """Return how many bytes a file takes, which of one with holes is less than its length."""
    blocks = getattr(found, "st_blocks", None)
    return found.st_size if blocks is None else min(found.st_size, blocks * _BLOCK_BYTES)


def legible(name: str | Path) -> str:
    """Write a name that is no Unicode text, as a disk may have, with escapes for what is none."""
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")


def is_within(path: str | Path, folder: str) -> bool:
    """Return whether a path, both without links, lies below a folder."""
    return os.fspath(path).startswith(folder.rstrip(os.sep) + os.sep)


def held_file(
    name: str, path: Path, *, expected_bytes: int | None = None, digest: Digest | None = None
) -> tuple[HeldFile, os.stat_result | None]:
    """Look at a file of a model.

    Args:
        name: Its path within the model.
        path: Where it should be.
        expected_bytes: The length it has to have.
        digest: The sum it has to have.

    Returns:
        What there is, and what the file system says of it.
    """
    found, problem, is_hidden = None, "", False
    try:
        found = path.stat()
    except FileNotFoundError:
        problem = "its link leads nowhere" if path.is_symlink() else "is not there"
    except (NotADirectoryError, ValueError):
        problem = "is not there"
    except OSError as error:
        # a circle of links is no file; anything else may hide one
        is_hidden = error.errno != errno.ELOOP
        problem = f"cannot be looked at: {error.strerror}" if is_hidden else "its link leads in a circle"
    if found is not None and not stat.S_ISREG(found.st_mode):
        found, problem = None, "is no ordinary file"
    if found is None:
        return HeldFile(name, path, None, expected_bytes, digest, None, problem, is_hidden), None
    if expected_bytes not in (None, found.st_size):
        problem = f"has {found.st_size} bytes instead of {expected_bytes}"
    return HeldFile(name, path, found.st_size, expected_bytes, digest, inode_of(found), problem), found


def read_small(path: Path, *, limit_bytes: int) -> bytes:
    """Read a list that a store keeps about its files.

    Args:
        path: The file; what is no ordinary file, such as a pipe, which could be waited for without end, is refused.
        limit_bytes: The most it may hold.

    Raises:
        OSError: It cannot be read, is no ordinary file, or is longer.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{legible(path)} is no ordinary file")
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise OSError(f"{legible(path)} is longer than {limit_bytes} bytes")
    return content


def list_folder(path: Path, tell: Callable[[str], object]) -> list[Path]:
    """Name what a folder holds, in order; what cannot be listed holds nothing.

    Args:
        path: The folder.
        tell: Takes why it could not be listed; a folder that is not there is no problem.
    """
    try:
        return sorted(path.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        tell(f"{legible(path)} cannot be listed: {error.strerror or error}")
        return []


def walk(top: Path, tell: Callable[[str], object], *, follow: bool = False) -> Iterator[Path]:
    """Find every file below a folder, in order.

    Args:
        top: The folder.
        tell: Takes what could not be listed.
        follow: Look into folders that are links as well; each folder is looked into once, so circles end.

    Yields:
        What is no folder: files, links, whatever else there is.
    """
    seen: set[Inode] = set()
    waiting = [(top, 0)]
    while waiting:
        folder, depth = waiting.pop()
        found = look(folder)
        if found is None or inode_of(found) in seen:
            continue
        seen.add(inode_of(found))
        if depth > _MAX_DEPTH:
            tell(f"{legible(folder)} is more than {_MAX_DEPTH} folders deep; what is below is not listed")
            continue
        below = []
        for path in list_folder(folder, tell):
            entry = look(path, follow=follow)
            if entry is not None and stat.S_ISDIR(entry.st_mode):
                below.append((path, depth + 1))
            else:
                yield path
        waiting += reversed(below)


class Ledger:
    """Who needs which file on disk, and what would therefore become free if somebody went."""

    def __init__(self) -> None:
        self._sizes: dict[Inode, int] = {}
        self._links: dict[Inode, int] = {}
        self._names: dict[Inode, set[Path]] = defaultdict(set)
        self._needed: dict[Inode, set[Hashable]] = defaultdict(set)
        self._owned: dict[Hashable, set[Inode]] = defaultdict(set)
        self._kept: set[Inode] = set()

    def add(self, owner: Hashable, path: Path, found: os.stat_result, *, is_kept: bool = False) -> None:
        """Note that somebody needs a file.

        Args:
            owner: Who; whoever starts with the same is not another.
            path: The file's own name, no link to it.
            found: What the file system says of it.
            is_kept: It stays though its owner goes: it lies elsewhere, or may not be removed.
        """
        inode = inode_of(found)
        self._sizes[inode] = found.st_size
        self._links[inode] = found.st_nlink
        self._names[inode].add(path)
        self._needed[inode].add(owner)
        self._owned[owner].add(inode)
        if is_kept:
            self._kept.add(inode)

    def is_needed(self, inode: Inode) -> bool:
        """Return whether anybody needs a file."""
        return inode in self._needed

    def size_bytes(self, owners: Iterable[Hashable]) -> int:
        """Sum the bytes of what they need, each file on disk once."""
        return sum(self._sizes[inode] for inode in self._needed_by(set(owners)))

    def freed_bytes(self, owners: Iterable[Hashable]) -> int:
        """Sum what would become free if they went together: nobody else needs it, and no other name holds it."""
        going = set(owners)
        return sum(
            self._sizes[inode]
            for inode in self._needed_by(going)
            if self._needed[inode] <= going
            and inode not in self._kept
            and self._links[inode] <= len(self._names[inode])
        )

    def _needed_by(self, owners: set[Hashable]) -> set[Inode]:
        return set().union(*(self._owned.get(owner, ()) for owner in owners))


class Growth:
    """Remembers how long unfinished files were, to tell a download that goes on from one that was left."""

    def __init__(self) -> None:
        self._seen: dict[Path, int] = {}

    def is_growing(self, path: Path, found: os.stat_result, *, now: float) -> bool:
        """Tell whether bytes are still being written.

        Args:
            path: The unfinished file.
            found: What the file system says of it.
            now: The time, seconds since 1970. A file that changed within the last minute counts as growing even at the
                first look; one from the future says nothing by its time.
        """
        size = occupied_bytes(found)
        before = self._seen.get(path)
        self._seen[path] = size
        return (before is not None and size > before) or 0 <= now - found.st_mtime <= GROWING_SECONDS

    def forget_absent(self) -> None:
        """Let go of files that are no more."""
        with contextlib.suppress(RuntimeError):
            for path in [path for path in self._seen if look(path, follow=False) is None]:
                del self._seen[path]
