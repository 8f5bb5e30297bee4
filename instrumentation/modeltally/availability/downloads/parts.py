"""Unfinished files of ours in a cache: what they are called, who may write them, and how they go."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.availability.disk import list_folder, look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.availability.downloads.record import Download

__all__ = ["BusyError", "blobs_of", "locked_model", "part_of", "parts_in", "remove_parts", "unfinished_lists"]

# what huggingface_hub and this package's listings take for an unfinished download, and nobody else's
_PART: Final = re.compile(r"(?P<etag>[0-9a-f]{40}|[0-9a-f]{64})\.modeltally\.incomplete")


class BusyError(Exception):
    """Another process fetches the same model into the same cache."""

    def __init__(self, model: str, pid: str) -> None:
        """Say who.

        Args:
            model: The model.
            pid: The number of the process.
        """
        super().__init__(f"process {pid} downloads {model} into the same cache")


def folder_of(cache: Path, model: str) -> Path:
    """Return the folder of a model in a cache of huggingface_hub."""
    return cache / f"models--{model.replace('/', '--')}"


def blobs_of(cache: Path, model: str) -> Path:
    """Return where a cache keeps the files of a model."""
    return folder_of(cache, model) / "blobs"


def part_of(blob: Path) -> Path:
    """Return where a file is while it is being fetched."""
    return blob.with_name(f"{blob.name}.modeltally.incomplete")


def parts_in(blobs: Path) -> dict[str, Path]:
    """Find unfinished files of ours, by the sum of what they will be."""
    found = {}
    for path in list_folder(blobs, lambda _: None):
        matched = _PART.fullmatch(path.name)
        if matched is not None:
            found[matched["etag"]] = path
    return found


@contextlib.contextmanager
def locked_model(cache: Path, model: str) -> Iterator[None]:
    """Be the one that fetches a model into a cache, for a block; the lock goes with the process.

    Args:
        cache: The cache.
        model: The model.

    Raises:
        BusyError: Another process is.
        OSError: The cache cannot be written.
    """
    folder = cache / ".locks" / f"models--{model.replace('/', '--')}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "modeltally.lock", "a+b") as file:  # noqa: PTH123 - to be locked
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read(32).decode("ascii", "replace").strip()
            raise BusyError(model, pid if pid.isdigit() else "?") from None
        file.truncate(0)
        file.write(b"%d\n" % os.getpid())
        file.flush()
        yield


def unfinished_lists(folder: Path) -> dict[Path, tuple[int, int]]:
    """Find lists of files and refs that were being written, with inode and time: the library's own, and ours.

    Args:
        folder: The folder of a model in a cache.
    """
    found = {}
    for where in (folder / "trees", folder / "refs"):
        for path in list_folder(where, lambda _: None):
            there = look(path, follow=False)
            if path.name.endswith(".tmp") and there is not None and stat.S_ISREG(there.st_mode):
                found[path] = (there.st_ino, there.st_mtime_ns)
    return found


def remove_parts(download: Download) -> int:
    """Remove unfinished files of ours of a model; whole files stay, and what another process fetches does too.

    Args:
        download: The model, and where.

    Returns:
        The bytes that became free.
    """
    cache = Path(download.cache)
    blobs = blobs_of(cache, download.model)
    if not parts_in(blobs):
        return 0
    freed = 0
    with contextlib.suppress(BusyError, OSError), locked_model(cache, download.model):
        for path in parts_in(blobs).values():
            freed += path.stat(follow_symlinks=False).st_size
            path.unlink()
        _remove_empty(folder_of(cache, download.model))
    return freed


def _remove_empty(folder: Path) -> None:
    """Remove the folder of a model of which nothing is left."""
    with contextlib.suppress(OSError):
        (folder / "blobs").rmdir()
        folder.rmdir()
