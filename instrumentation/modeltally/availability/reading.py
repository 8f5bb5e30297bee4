"""Reading a large file once, without a trace: no access time, no page kept, no faster than allowed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from typing import TYPE_CHECKING, Final

from modeltally.availability.disk import legible
from modeltally.availability.held import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Throttle", "opened_quietly", "sum_of"]

_CHUNK_BYTES: Final = 4 * 1024**2
_BURST_SECONDS: Final = 0.25


class Throttle:
    """Lets no more bytes pass in a second than allowed."""

    def __init__(
        self,
        bytes_per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Begin with nothing saved up.

        Args:
            bytes_per_second: The limit, above 0.
            clock: Tells seconds.
            sleep: Waits for seconds.
        """
        self.bytes_per_second = bytes_per_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    @property
    def piece_bytes(self) -> int:
        """How much to read at a time, for the reading to be even."""
        return max(4096, min(_CHUNK_BYTES, int(self.bytes_per_second * _BURST_SECONDS)))

    def passed(self, count: int) -> None:
        """Wait until so many bytes may have passed.

        Args:
            count: Bytes that were read.
        """
        now = self._clock()
        self._free_at = max(self._free_at, now) + count / self.bytes_per_second
        if self._free_at > now:
            self._sleep(self._free_at - now)


@contextlib.contextmanager
def opened_quietly(path: Path) -> Iterator[int]:
    """Open a file for reading such that its access time stays, where the system lets this user do so.

    It is not set back afterwards: that would set the time of the last change back as well, and hide a change.

    Args:
        path: The file.

    Yields:
        The descriptor of an ordinary file.

    Raises:
        OSError: It cannot be opened, or is no ordinary file.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    quiet = getattr(os, "O_NOATIME", 0)
    try:
        descriptor = os.open(path, flags | quiet)
    except PermissionError:
        if not quiet:
            raise
        descriptor = os.open(path, flags)  # another user's file: only its owner may read without leaving the time
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{legible(path)} is no ordinary file")
        yield descriptor
    finally:
        os.close(descriptor)


def sum_of(
    descriptor: int,
    algorithm: str,
    *,
    throttle: Throttle | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Digest:
    """Read a whole file and sum it up; the pages read are given back, so that it pushes nothing out of memory.

    Args:
        descriptor: The file, at its beginning.
        algorithm: ``sha256`` or ``git-sha1``.
        throttle: How fast at most; None for no limit.
        advance: Takes how many bytes were read, piece by piece.

    Returns:
        The sum.

    Raises:
        OSError: A piece of it cannot be read.
    """
    if algorithm == "git-sha1":
        summing = hashlib.sha1(f"blob {os.fstat(descriptor).st_size}\0".encode(), usedforsecurity=False)
    else:
        summing = hashlib.sha256()
    piece = _CHUNK_BYTES if throttle is None else throttle.piece_bytes
    at = 0
    while chunk := os.read(descriptor, piece):
        summing.update(chunk)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, at, len(chunk), os.POSIX_FADV_DONTNEED)
        at += len(chunk)
        advance(len(chunk))
        if throttle is not None:
            throttle.passed(len(chunk))
    return Digest(algorithm, summing.hexdigest())
