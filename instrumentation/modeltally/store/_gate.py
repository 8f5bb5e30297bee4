"""What must see no insert under way holds this: one thing for an engine in this process, another for a server."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Protocol, Self

from modeltally.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["InsertGate", "OwnGate", "ServerGate"]

SETTLE_SECONDS: Final = 600.0
_LOOK_AGAIN_SECONDS: Final = 0.1


class InsertGate(Protocol):
    """A context manager. What is written in it is known to every insert that begins after ``settle`` has returned."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def settle(self) -> None:
        """Return once every insert that began before now is over.

        Raises:
            StoreError: One goes on for too long.
        """
        ...


class OwnGate:
    """Of an engine in this process: every insert passes through, so whoever is inside is alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def settle(self) -> None:
        """Do nothing: there is none."""


class ServerGate:
    """Of a server, where others insert as they like: nobody can be kept out, but everybody can be waited for."""

    def __init__(self, under_way: Callable[[], set[str]], *, settle_seconds: float = SETTLE_SECONDS) -> None:
        """Take what it asks.

        Args:
            under_way: Gives the ids of the inserts that run now.
            settle_seconds: The longest that it waits for them.
        """
        self._under_way = under_way
        self._settle_seconds = settle_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def settle(self) -> None:
        """Wait for those that run now; those that begin meanwhile know already."""
        deadline = time.monotonic() + self._settle_seconds
        left = self._under_way()
        while left:
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{len(left)} inserts have not ended within {self._settle_seconds:g} seconds; run this job again"
                )
            time.sleep(_LOOK_AGAIN_SECONDS)
            left &= self._under_way()
