"""Hands operations that are over to the public wrappers, and waits for the server instead of losing one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import modeltally
from modeltally.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from modeltally.instrument._values import Values

__all__ = ["Delivered", "Feed"]

# Few enough that the queue never fills: a full queue may give a batch up, a waiting one never does.
_BLOCK = 4096
_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the operations handed over.

    Attributes:
        started: Handed over.
        delivered: Acknowledged by the server, which stores them durably before it does so.
        dropped: Lost, by reason.
    """

    started: int
    delivered: int
    dropped: Mapping[str, int]


class Feed:
    """A way for many operations into one server, which may go away and come back in between.

    ``modeltally.configure`` has been called before.
    """

    def __init__(self, *, address: str, patience_seconds: float, on_wait: Callable[[float], None]) -> None:
        """Begin with nothing handed over.

        Args:
            address: The server's address, for messages.
            patience_seconds: How long to wait for a server that does not take anything.
            on_wait: Called about once a second while waiting, with the seconds waited so far; 0 when it is over.
        """
        self._address = address
        self._patience_seconds = patience_seconds
        self._on_wait = on_wait
        self._unsettled = 0

    def add(
        self,
        operation: str,
        *,
        operation_id: str,
        started_at: datetime,
        ended_at: datetime | None,
        outcome: str | None,
        facts: Mapping[str, object],
    ) -> None:
        """Hand over one operation; waits when the server lags behind.

        Args:
            operation: Which operation.
            operation_id: What its ids are made from.
            started_at: When it began.
            ended_at: When it ended; None when it never did.
            outcome: How it ended; None when it never did.
            facts: What else is known, by the keywords of ``modeltally.record``.

        Raises:
            ServerError: The server took nothing for too long.
        """
        modeltally.record(
            operation,
            started_at=started_at,
            ended_at=ended_at,
            outcome=outcome or "success",
            operation_id=operation_id,
            source="import",
            wait=True,
            **cast("Values", facts),
        )
        self._unsettled += 1
        if self._unsettled >= _BLOCK:
            self.settle()

    def settle(self) -> None:
        """Wait until the server has acknowledged everything handed over.

        Raises:
            ServerError: The server took nothing for too long.
        """
        waited_since = time.monotonic()
        seen = -1
        has_waited = False
        while not modeltally.flush(timeout_seconds=_WAIT_SECONDS):
            counters = modeltally.counters()
            if not counters.queued:
                break
            if counters.exported != seen:
                seen, waited_since = counters.exported, time.monotonic()
            waited_seconds = time.monotonic() - waited_since
            if waited_seconds > self._patience_seconds:
                raise ServerError(
                    f"the server at {self._address} took nothing for {waited_seconds:.0f} s; {counters.exported:,}"
                    " operations were delivered; run the same command again when it is back: none counts twice"
                )
            has_waited = True
            self._on_wait(waited_seconds)
        if has_waited:
            self._on_wait(0.0)
        self._unsettled = 0

    def delivered(self) -> Delivered:
        """Say what became of everything handed over so far."""
        counters = modeltally.counters()
        return Delivered(counters.started, counters.exported, counters.dropped)
