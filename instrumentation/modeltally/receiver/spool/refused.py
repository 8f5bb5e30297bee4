"""The folder of what a spool could not pass on: segments the store refused, and copies of damaged ones.

Each file there was told of when it came: its spans are in the quarantine, or it was counted as damage. So the folder
has a bound, and the oldest files go first.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Final

from modeltally.receiver.spool import files

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DAMAGED_SUFFIX", "FOLDER", "Refused", "damaged_segments"]

_LOGGER: Final = logging.getLogger(__name__)

FOLDER: Final = "refused"
DAMAGED_SUFFIX: Final = ".damaged"


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
