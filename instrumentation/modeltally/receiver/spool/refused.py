"""The folder of what a spool could not pass on: segments the store refused, and copies of damaged ones.

Each file there was told of when it came: its spans are in the quarantine, or it was counted as damage. So the folder
has a bound, and the oldest files go first.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from modeltally.receiver.spool import files
from modeltally.receiver.spool.record import scan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["DAMAGED_SUFFIX", "FOLDER", "Refused", "damaged_segments", "forget_users"]

_LOGGER: Final = logging.getLogger(__name__)

FOLDER: Final = "refused"
DAMAGED_SUFFIX: Final = ".damaged"
_HASH_DIGITS: Final = 16
_HASH: Final = re.compile(rb"(?=([0-9a-f]{%d}))" % _HASH_DIGITS)  # wherever it stands, in damage too


class Refused:
    """Keeps files out of the way, up to a number of bytes; safe to use from several threads."""

    def __init__(self, spool: Path, *, max_bytes: int) -> None:
        """Open the folder.

        Args:
            spool: The directory it is in.
            max_bytes: The most bytes it may hold; the newest file stays in any case.

        Raises:
            OSError: It cannot be used.
        """
        self._directory = spool / FOLDER
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        files.make_directory(self._directory)
        self._sizes = {
            path: status.st_size
            for path, status in sorted(files.regular_files(self._directory), key=lambda found: found[1].st_mtime_ns)
        }
        self._prune()

    @property
    def used_bytes(self) -> int:
        """Bytes of all files in it."""
        with self._lock:
            return sum(self._sizes.values())

    @property
    def damaged(self) -> int:
        """How many copies of damaged segments it holds."""
        with self._lock:
            return sum(path.suffix == DAMAGED_SUFFIX for path in self._sizes)

    @property
    def count(self) -> int:
        """How many files it holds."""
        with self._lock:
            return len(self._sizes)

    def take(self, path: Path, size_bytes: int) -> Path:
        """Move a file here; gives its place.

        Raises:
            OSError: It cannot be moved.
        """
        place = self._directory / path.name
        files.move(path, place)
        with contextlib.suppress(OSError):  # after a crash it would be in its old place, and come here again
            files.sync_directory(self._directory)
            files.sync_directory(path.parent)
        self._note(place, size_bytes)
        return place

    def keep_copy(self, name: str, content: bytes) -> None:
        """Keep what a damaged segment was.

        Raises:
            OSError: It cannot be written.
        """
        place = self._directory / f"{name}{DAMAGED_SUFFIX}"
        files.replace(place, content)
        self._note(place, len(content))

    def _note(self, place: Path, size_bytes: int) -> None:
        with self._lock:
            self._sizes.pop(place, None)
            self._sizes[place] = size_bytes
        self._prune()

    def _prune(self) -> None:
        with self._lock:
            while len(self._sizes) > 1 and sum(self._sizes.values()) > self._max_bytes:
                oldest = next(iter(self._sizes))
                try:
                    files.remove(oldest)
                except OSError as error:
                    _LOGGER.warning("%s cannot be deleted: %s", oldest, error)
                    return
                _LOGGER.warning("%s was the oldest of more than %d bytes and is gone", oldest, self._max_bytes)
                del self._sizes[oldest]


def damaged_segments(spool: Path) -> list[Path]:
    """Find the copies of damaged segments below the directory of a spool; none where there is no spool."""
    with contextlib.suppress(OSError):
        found = files.regular_files(spool / FOLDER)
        return [path for path, _ in found if path.suffix == DAMAGED_SUFFIX]
    return []


def forget_users(directory: Path, is_erased: Callable[[str], bool]) -> int:
    """Put zeros in the place of the hashes of erased users, in all that the spools of a data directory set aside.

    Args:
        directory: The data directory.
        is_erased: Tells of the 16 hex digits of a hash whether its user is erased.

    Returns:
        How many files it changed.

    Raises:
        OSError: A file cannot be read or written.
    """
    known = cache(is_erased)
    changed = 0
    for folder in sorted(directory.glob(f"*/{FOLDER}")):
        for path, _ in files.regular_files(folder):
            content = files.read(path)
            kept = _without_users(content, known)
            if kept != content:
                files.replace(path, kept)
                changed += 1
    return changed


def _without_users(content: bytes, is_erased: Callable[[str], bool]) -> bytes:
    """Keep the records of a whole segment readable; of a damaged one nothing but its length is kept."""
    blank = _blank(content, is_erased)
    if blank == content:
        return content
    found = list(scan(content))
    if b"".join(message for _, message in found) != content or any(record is None for record, _ in found):
        return blank
    records = [record for record, _ in found if record is not None]
    return b"".join(replace(record, request=_blank(record.request, is_erased)).message() for record in records)


def _blank(content: bytes, is_erased: Callable[[str], bool]) -> bytes:
    out = bytearray(content)
    for found in _HASH.finditer(content):
        if is_erased(found[1].decode()):
            out[found.start() : found.start() + _HASH_DIGITS] = b"0" * _HASH_DIGITS
    return bytes(out)
