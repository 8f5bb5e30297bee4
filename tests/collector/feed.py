"""Many spans in a short time: bodies made from one that was encoded once, sent again until they are acknowledged."""

from __future__ import annotations

import contextlib
import http.client
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from receiver.bodies import ATTRIBUTES, Sender, request

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRACE_MARK: Final = b"\x0a\x10"  # field 1, 16 bytes
_SPAN_MARK: Final = b"\x12\x08"  # field 2, 8 bytes
_PAUSE_SECONDS: Final = 0.05
OK: Final = 200


class Bodies:
    """Bodies of so many spans; every span of every body has an identity of its own, made from its number."""

    def __init__(self, *, spans_per_body: int = 1000, attributes: Mapping[str, object] = ATTRIBUTES) -> None:
        """Encode one body, and find where its identities are.

        Args:
            spans_per_body: How many spans in each.
            attributes: What each span says.
        """
        self.spans_per_body = spans_per_body
        made = request(spans_per_body, attributes=attributes)
        ids = [(span.trace_id, span.span_id) for span in made.resource_spans[0].scope_spans[0].spans]
        self._template = bytearray(made.SerializeToString())
        self._places = []
        place = 0
        for trace_id, span_id in ids:
            place = self._template.index(_TRACE_MARK + trace_id + _SPAN_MARK + span_id, place)
            self._places.append(place)

    def __getitem__(self, number: int) -> bytes:
        """Make the body with this number."""
        body = bytearray(self._template)
        first = number * self.spans_per_body + 1
        for index, place in enumerate(self._places):
            identity = struct.pack(">Q", first + index)
            body[place + 2 : place + 18] = b"\x00" * 7 + b"\x01" + identity
            body[place + 20 : place + 28] = identity
        return bytes(body)

    @property
    def bytes_per_span(self) -> float:
        """How large a span is in a body."""
        return len(self._template) / self.spans_per_body


@dataclass
class Feed:
    """Threads that send bodies, each until it is acknowledged.

    Attributes:
        port: Where.
        bodies: What.
        first: The number of the first body.
        count: How many bodies.
        spans_per_second: How fast at most; 0 as fast as they are acknowledged.
        refusals: Answers other than 200, by status; 0 stands for a broken connection.
    """

    port: int
    bodies: Bodies
    count: int
    first: int = 0
    senders: int = 4
    spans_per_second: float = 0.0
    acknowledged: int = 0
    refusals: dict[int, int] = field(default_factory=dict)
    last_refusal: str = ""
    retry_after: set[str | None] = field(default_factory=set)
    _next: int = 0
    _began: float = 0.0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin sending."""
        self._began = time.monotonic()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(self.senders)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, bodies: int, *, timeout_seconds: float = 300.0) -> bool:
        """Wait until so many bodies are acknowledged in all; tells whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: self.acknowledged >= bodies, timeout_seconds)

    def join(self, *, timeout_seconds: float = 600.0) -> bool:
        """Wait until every body is acknowledged; tells whether it is."""
        return self.wait_for(self.count, timeout_seconds=timeout_seconds)

    def _take(self) -> int | None:
        with self._changed:
            if self._next == self.count:
                return None
            self._next += 1
            return self._next - 1

    def _send(self) -> None:
        with contextlib.closing(Sender(f"http://127.0.0.1:{self.port}", timeout_seconds=30)) as sender:
            while (number := self._take()) is not None:
                if self.spans_per_second:
                    due = self._began + number * self.bodies.spans_per_body / self.spans_per_second
                    time.sleep(max(0.0, due - time.monotonic()))
                body = self.bodies[self.first + number]
                while not self._is_acknowledged(sender, body):
                    time.sleep(_PAUSE_SECONDS)
                with self._changed:
                    self.acknowledged += 1
                    self._changed.notify_all()

    def _is_acknowledged(self, sender: Sender, body: bytes) -> bool:
        answer: Any = None
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = sender.send(body)
            if answer.status == OK:
                return True
        with self._changed:
            status = answer.status if answer else 0
            self.refusals[status] = self.refusals.get(status, 0) + 1
            if answer:
                self.last_refusal = answer.content.decode(errors="replace")
                self.retry_after.add(answer.headers.get("retry-after"))
        return False
