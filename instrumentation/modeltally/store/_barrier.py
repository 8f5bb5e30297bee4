"""Waits until no insert is under way: one barrier for an engine in this process, another for a server."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Protocol, Self

from modeltally.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["InsertBarrier", "OwnBarrier", "ServerBarrier"]

DRAIN_SECONDS: Final = 600.0
_LOOK_AGAIN_SECONDS: Final = 0.1


class InsertBarrier(Protocol):
    """A context manager. What is written in it is known to every insert that begins after ``drain`` has returned."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def drain(self) -> None:
        """Return once every insert that began before now is over.

        Raises:
            StoreError: One goes on for too long.
        """
        ...


class OwnBarrier:
    """Of an engine in this process: every insert passes through, so whoever is inside is alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def drain(self) -> None:
        """Do nothing: there is none."""


class ServerBarrier:
    """Of a server, where others insert as they like: nobody can be kept out, but everybody can be waited for."""

    def __init__(self, under_way: Callable[[], set[str]], *, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Take what it asks.

        Args:
            under_way: Gives the ids of the inserts that run now.
            drain_seconds: The longest that it waits for them.
        """
        self._under_way = under_way
        self._drain_seconds = drain_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def drain(self) -> None:
        """Wait for those that run now; those that begin meanwhile know already."""
        deadline = time.monotonic() + self._drain_seconds
        left = self._under_way()
        while left:
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{len(left)} inserts have not ended within {self._drain_seconds:g} seconds; run this job again"
                )
            time.sleep(_LOOK_AGAIN_SECONDS)
            left &= self._under_way()
