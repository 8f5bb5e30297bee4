"""Events for whoever watches: published from any thread, kept for a while, given to each listener in its own time.

An event has an id that says of which run it is and which of that run's events. Who comes back names the last one it
saw and gets what it missed, or, where that is not known any more, a snapshot: the newest event of each kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from modeltally.errors import ModelTallyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["KINDS", "SNAPSHOT", "Broker", "Event", "Subscription", "TooManyListenersError"]

SNAPSHOT: Final = "snapshot"
CLOSED: Final = "closed"
# each kind of event, and what it tells
KINDS: Final[Mapping[str, str]] = {
    SNAPSHOT: "The newest event of each other kind; the first thing that a new listener gets.",
    "operations": "Operations ended and are stored: how many, by kind, model, pattern and outcome.",
    "state": "What is wrong with the process has changed, or nothing is any more.",
    "roll": "Rolls were made: figures of settled hours are stored.",
    "advice": "Advice was made: how much of each kind, by what it says.",
    "downloads": "Downloads of the server's machine went on: those that are open, and the last that are over.",
    "loss": "Processes said that they lost operations, or what came could not be counted.",
    CLOSED: "The last thing that a listener gets that was too slow, or of a server that ends.",
}
KEPT_EVENTS: Final = 500
WAITING_EVENTS: Final = 100
MAX_LISTENERS: Final = 200
# A page that is opened again is the same listener.
LINGER_SECONDS: Final = 60.0
_ID: Final = re.compile(r"([0-9a-f]{8})-([0-9]{1,15})")


class TooManyListenersError(ModelTallyError):
    """Nobody else can be told what happens."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        id: Names it, for whoever comes back.
        kind: One of ``KINDS``.
        at: When it was published, UTC.
        data: What there is to tell; values that JSON can hold.
    """

    id: str
    kind: str
    at: datetime
    data: Mapping[str, object]

    def to_dict(self) -> dict[str, object]:
        """Give it as what JSON can hold."""
        return {
            "id": self.id,
            "kind": self.kind,
            "at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "data": dict(self.data),
        }


class Broker:
    """Takes events from any thread and gives them to listeners, each in an event loop."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        max_listeners: int = MAX_LISTENERS,
        waiting_events: int = WAITING_EVENTS,
    ) -> None:
        """Start without events and listeners.

        Args:
            now: The time of events.
            clock: Counts seconds.
            max_listeners: How many may listen at once.
            waiting_events: How many events may wait for a listener; one who has more is let go.
        """
        self._now = now
        self._clock = clock
        self._max_listeners = max_listeners
        self._waiting_events = waiting_events
        self._lock = threading.Lock()
        self._kept: deque[tuple[int, Event]] = deque(maxlen=KEPT_EVENTS)
        self._newest: dict[str, Event] = {}
        self._listeners: set[Subscription] = set()
        self._run = secrets.token_hex(4)
        self._number = 0
        self._left_at = -LINGER_SECONDS
        self._is_closed = False
        self._woken: Callable[[], None] = lambda: None

    @property
    def is_watched(self) -> bool:
        """Whether anybody listens, or did a moment ago."""
        with self._lock:
            return bool(self._listeners) or self._clock() - self._left_at < LINGER_SECONDS

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def on_listener(self, woken: Callable[[], None]) -> None:
        """Have a function called when somebody begins to listen; it must not wait."""
        self._woken = woken

    def publish(self, kind: str, data: Mapping[str, object]) -> None:
        """Tell everybody who listens; never waits for any of them.

        Args:
            kind: One of ``KINDS``.
            data: What there is to tell; values that JSON can hold.
        """
        with self._lock:
            self._number += 1
            event = Event(f"{self._run}-{self._number}", kind, self._now(), data)
            self._kept.append((self._number, event))
            self._newest[kind] = event
            for listener in list(self._listeners):
                if not listener.offer(event):
                    self._leave(listener)

    def forget(self) -> None:
        """Begin anew: events were missed while nobody listened, so who comes back needs a snapshot."""
        with self._lock:
            self._kept.clear()
            self._run = secrets.token_hex(4)

    def subscribe(self, last_id: str | None = None) -> Subscription:
        """Begin to listen; call it in the event loop in which the events are taken.

        Args:
            last_id: The last event that was seen.

        Returns:
            What gives the events: those that were missed, or else a snapshot, then those that come.

        Raises:
            TooManyListenersError: There is no place.
        """
        with self._lock:
            if self._is_closed or len(self._listeners) >= self._max_listeners:
                raise TooManyListenersError(f"{len(self._listeners)} listen already; try again later")
            missed = self._since(last_id)
            subscription = Subscription(self, [self._snapshot()] if missed is None else missed, self._waiting_events)
            self._listeners.add(subscription)
        self._woken()
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """End a subscription; safe to call twice."""
        with self._lock:
            self._leave(subscription)

    def close(self) -> None:
        """End every subscription, and let nobody listen any more."""
        with self._lock:
            self._is_closed = True
            for listener in list(self._listeners):
                listener.end("the server ends")
                self._leave(listener)

    def _leave(self, subscription: Subscription) -> None:
        if subscription in self._listeners:
            self._listeners.discard(subscription)
            self._left_at = self._clock()

    def _since(self, last_id: str | None) -> list[Event] | None:
        found = _ID.fullmatch(last_id or "")
        if found is None or found[1] != self._run:
            return None
        number = int(found[2])
        oldest = self._kept[0][0] if self._kept else self._number + 1
        if not oldest - 1 <= number <= self._number:
            return None
        missed = [event for at, event in self._kept if at > number]
        return None if len(missed) > self._waiting_events else missed

    def _snapshot(self) -> Event:
        newest = {kind: event.to_dict() for kind, event in self._newest.items()}
        return Event(f"{self._run}-{self._number}", SNAPSHOT, self._now(), newest)


class Subscription:
    """The events of one listener. It is made by :meth:`Broker.subscribe`.

    Attributes:
        is_over: Whether it was let go, and has been told.
    """

    def __init__(self, broker: Broker, events: list[Event], most: int) -> None:
        self._broker = broker
        self._waiting: deque[Event] = deque(events)
        self._most = most
        self._reason: str | None = None
        self.is_over = False
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()

    def offer(self, event: Event) -> bool:
        """Add an event, in any thread; tells whether there was room."""
        if len(self._waiting) >= self._most:
            self.end("too slow")
            return False
        self._waiting.append(event)
        self._rouse()
        return True

    def end(self, reason: str) -> None:
        """Let the listener go, in any thread."""
        self._reason = reason
        self._waiting.clear()
        self._rouse()

    async def next(self, *, timeout_seconds: float) -> Event | None:
        """Give the next event, the oldest first; None where none came in time, or the listener was let go."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while not self._waiting and self._reason is None:
                    self._wake.clear()
                    await self._wake.wait()
        if self._waiting:
            return self._waiting.popleft()
        if self._reason is not None and not self.is_over:
            self.is_over = True
            return Event("", CLOSED, datetime.now(UTC), {"reason": self._reason})
        return None

    def close(self) -> None:
        """End it."""
        self._broker.leave(self)

    def _rouse(self) -> None:
        with contextlib.suppress(RuntimeError):  # its loop has ended, and nobody listens there
            self._loop.call_soon_threadsafe(self._wake.set)
