"""From a body to an acknowledgement, whichever door it came in by: parse, filter, write; only then say yes."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from modeltally.receiver.counters import METRICS, TRACES
from modeltally.receiver.otlp import (
    Encoding,
    RefusedBodyError,
    accept,
    accept_metrics,
    answer_metrics,
    answer_spans,
    decompress,
)
from modeltally.receiver.spool.record import body_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modeltally.instrument._privacy import Hasher
    from modeltally.receiver.counters import Stats
    from modeltally.receiver.metrics.filter import FilteredMetrics
    from modeltally.receiver.spans.filter import RejectedSpan
    from modeltally.receiver.spool.spool import Spool
    from modeltally.settings import Settings

__all__ = ["Acceptor", "InFlight", "MetricAcceptor", "Parsers", "Receipt", "SpanAcceptor"]

# Bodies in memory at once, as they came; one at a time of each encoding is unpacked.
MAX_BYTES_IN_FLIGHT: Final = 64 * 1024**2


class InFlight:
    """Bytes of bodies in memory, of all doors together; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._size_bytes = 0

    def add(self, size_bytes: int) -> bool:
        """Count bytes, or take them off; tells whether there is room for what there is now."""
        with self._lock:
            self._size_bytes += size_bytes
            return self._size_bytes <= MAX_BYTES_IN_FLIGHT

    @contextlib.contextmanager
    def held(self, size_bytes: int) -> Iterator[None]:
        """Count a body for as long as it is worked on.

        Raises:
            RefusedBodyError: There are too many (503).
        """
        try:
            if not self.add(size_bytes):
                raise RefusedBodyError(503, "busy", "too many bodies at once; try again")
            yield
        finally:
            self.add(-size_bytes)


class Parsers:
    """Threads that parse bodies: one for each encoding.

    More would not help, since parsing holds the interpreter, and slow JSON must not hold up protobuf.
    """

    def __init__(self) -> None:
        self._threads = {
            encoding: ThreadPoolExecutor(1, f"modeltally-{encoding.name.lower()}") for encoding in Encoding
        }

    def __getitem__(self, encoding: Encoding) -> ThreadPoolExecutor:
        return self._threads[encoding]

    def close(self) -> None:
        """End them."""
        for thread in self._threads.values():
            thread.shutdown()


class _Filtered(Protocol):
    """What is left of a body."""

    payload: bytes
    items: int
    dropped_attributes: int

    @property
    def rejected_items(self) -> int: ...

    @property
    def message(self) -> str: ...


@dataclass(frozen=True)
class Receipt:
    """A body that was understood.

    Attributes:
        filtered: What is kept of it.
        is_new: False when the same body came before.
        written: Done once what is kept of it is on disk.
    """

    filtered: _Filtered
    is_new: bool
    written: Future[None]


class Acceptor:
    """Takes bodies of one signal."""

    signal: str
    items: str

    def __init__(self, spool: Spool, *, settings: Settings, stats: Stats, parsers: Parsers) -> None:
        """Take what it works with.

        Args:
            spool: Where accepted requests go.
            settings: Limits.
            stats: Counts.
            parsers: Threads to parse in.
        """
        self._spool = spool
        self._settings = settings
        self._stats = stats
        self._parsers = parsers

    def check_room(self) -> None:
        """Tell whether there is room for a body, before it is read.

        Raises:
            SpoolFullError: There is none.
        """
        self._spool.check_room()

    def receive(self, body: bytes, encoding: Encoding, *, content_encoding: str = "") -> Future[Receipt]:
        """Parse a body and write what may be kept of it.

        Args:
            body: The body as it came.
            encoding: How it is encoded.
            content_encoding: How it is compressed: not at all, or ``gzip``.

        Returns:
            What was understood; raises RefusedBodyError or SpoolFullError.
        """
        return self._parsers[encoding].submit(self._receive, body, encoding, content_encoding)

    def answer(self, receipt: Receipt, encoding: Encoding) -> bytes:
        """Count a body that is written, and encode the answer to it."""
        filtered = receipt.filtered
        if receipt.is_new:
            self.count(self.items, filtered.items)
            self.count("filtered_attributes", filtered.dropped_attributes)
        else:
            self.count("repeated_requests")
        return self._answer(encoding, filtered)

    def refuse(self, reason: str) -> None:
        """Count a request that is not accepted."""
        self._stats.refuse(self.signal, reason)

    def count(self, name: str, count: int = 1) -> None:
        """Count something of this signal: ``requests`` is for the doors to count."""
        self._stats.add(self.signal, name, count)

    def _receive(self, body: bytes, encoding: Encoding, content_encoding: str) -> Receipt:
        received_ms = time.time_ns() // 1_000_000
        body = decompress(body, content_encoding, max_bytes=self._settings.max_body_bytes)
        filtered = self._filter(body, encoding, received_ms)
        written: Future[None] = Future()
        written.set_running_or_notify_cancel()  # a client that leaves must not disturb the spool's thread
        is_new = True
        if filtered.items:
            is_new = self._spool.append(
                filtered.payload,
                items=filtered.items,
                received_ms=received_ms,
                digest=body_digest(body),
                done=lambda error: _settle(written, error),
            )
        else:
            written.set_result(None)
        return Receipt(filtered, is_new, written)

    def _filter(self, body: bytes, encoding: Encoding, received_ms: int) -> _Filtered:
        raise NotImplementedError

    def _answer(self, encoding: Encoding, filtered: _Filtered) -> bytes:
        raise NotImplementedError


class SpanAcceptor(Acceptor):
    """Takes spans."""

    signal = TRACES
    items = "spans"

    def __init__(
        self,
        spool: Spool,
        *,
        settings: Settings,
        stats: Stats,
        parsers: Parsers,
        hasher: Hasher,
        quarantine: Callable[[Sequence[RejectedSpan], int], None],
    ) -> None:
        """Take what it works with.

        Args:
            spool: Where accepted requests go.
            settings: Limits.
            stats: Counts.
            parsers: Threads to parse in.
            hasher: Turns user ids into pseudonyms.
            quarantine: Told of spans that were not accepted, and when they came (ms since the epoch).
        """
        super().__init__(spool, settings=settings, stats=stats, parsers=parsers)
        self._hasher = hasher
        self._quarantine = quarantine

    def _filter(self, body: bytes, encoding: Encoding, received_ms: int) -> _Filtered:
        filtered = accept(body, encoding, max_spans=self._settings.max_body_spans, hasher=self._hasher)
        if filtered.rejected:
            self._quarantine(filtered.rejected, received_ms)
        return filtered

    def _answer(self, encoding: Encoding, filtered: _Filtered) -> bytes:
        return answer_spans(encoding, rejected=filtered.rejected_items, message=filtered.message)


class MetricAcceptor(Acceptor):
    """Takes points of metrics."""

    signal = METRICS
    items = "points"

    def _filter(self, body: bytes, encoding: Encoding, received_ms: int) -> FilteredMetrics:
        del received_ms  # points that were not accepted are counted only: they belong to others
        filtered = accept_metrics(body, encoding, max_points=self._settings.max_body_spans)
        for reason, count in filtered.rejected.items():
            self._stats.reject(reason, count)
        return filtered

    def _answer(self, encoding: Encoding, filtered: _Filtered) -> bytes:
        return answer_metrics(encoding, rejected=filtered.rejected_items, message=filtered.message)


def _settle(written: Future[None], error: Exception | None) -> None:
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)
