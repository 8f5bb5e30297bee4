"""Hands operations that are over to the public wrappers, and waits for the server instead of losing one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import modeltally
from modeltally.errors import ServerError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from modeltally.instrument._values import Values

__all__ = ["Delivered", "Feed", "PastOperation"]

# Few enough that the queue never fills: a full queue may give a batch up, a waiting one never does.
_BLOCK = 4096
_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class PastOperation:
    """An operation that is over, or never ended.

    Attributes:
        operation: Which operation, for example ``model.request``.
        operation_id: What its ids are made from: the same one counts once, however often it is handed over.
        started_at: When it began.
        ended_at: When it ended; None when it never did.
        outcome: How it ended; without meaning when it never did.
        error_type: What kind of error ended it.
        facts: What else is known, by the keywords of ``modeltally.record``.
    """

    operation: str
    operation_id: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str = "success"
    error_type: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


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

    @property
    def lost(self) -> int:
        """How many were lost, whatever the reason."""
        return sum(self.dropped.values())


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
        self._unflushed = 0

    def add(self, operation: PastOperation) -> None:
        """Hand over one operation; waits when the server lags behind.

        Args:
            operation: The operation.

        Raises:
            ServerError: The server took nothing for too long.
            SettingError: Telemetry is switched off.
        """
        ref = modeltally.record(
            operation.operation,
            started_at=operation.started_at,
            ended_at=operation.ended_at,
            outcome=operation.outcome,
            error_type=operation.error_type,
            operation_id=operation.operation_id,
            source="import",
            wait=True,
            **cast("Values", operation.facts),
        )
        if ref is None:
            raise SettingError(
                "an operation was not recorded: is telemetry switched off here? Unset MODELTALLY_DISABLED and"
                " OTEL_SDK_DISABLED"
            )
        self._unflushed += 1
        if self._unflushed >= _BLOCK:
            self.flush()

    def flush(self) -> None:
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
        self._unflushed = 0

    def delivered(self) -> Delivered:
        """Say what became of everything handed over so far."""
        counters = modeltally.counters()
        return Delivered(counters.started, counters.exported, counters.dropped)
