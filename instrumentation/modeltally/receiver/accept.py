"""From a body to an acknowledgement, whichever listener it came by: parse, filter, write; only then say yes."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from modeltally.receiver.lenient import mend_protobuf
from modeltally.receiver.otlp import Encoding, RefusedBodyError, decompress, encode, parse_json
from modeltally.receiver.pieces import TooManyItemsError
from modeltally.receiver.spool.record import body_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.receiver.counters import Counters
    from modeltally.receiver.signal import Filtered, FilteredT, Signal
    from modeltally.receiver.spool.spool import Spool
    from modeltally.settings import Settings

__all__ = ["SHARE_BYTES", "Acceptor", "InFlight", "Parsers", "Receipt", "filter_body"]

_LOGGER: Final = logging.getLogger(__name__)

# Bodies in memory at once, as they came; one at a time of each encoding is unpacked.
MAX_BYTES_IN_FLIGHT: Final = 64 * 1024**2
# A body no larger than this is taken in any case: it is the share of each connection that others cannot use up.
SHARE_BYTES: Final = 256 * 1024


class InFlight:
    """Bytes of bodies in memory, of all listeners together; safe to use from several threads."""

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
            if not self.add(size_bytes) and size_bytes > SHARE_BYTES:
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


@dataclass(frozen=True)
class Receipt:
    """A body that was understood.

    Attributes:
        filtered: What is kept of it.
        is_new: False when the same body came before.
        written: Done once what is kept of it is on disk.
    """

    filtered: Filtered
    is_new: bool
    written: Future[None]


class Acceptor:
    """Takes the bodies of one signal.

    Attributes:
        signal: What differs from other signals.
        in_flight: Counts the bodies in memory, for a listener to count those it reads.
    """

    def __init__(
        self,
        signal: Signal[Any],
        spool: Spool,
        *,
        settings: Settings,
        counters: Counters,
        parsers: Parsers,
        in_flight: InFlight,
    ) -> None:
        """Take what it works with.

        Args:
            signal: What differs from other signals.
            spool: Where accepted requests go.
            settings: Limits.
            counters: Counts.
            parsers: Threads to parse in.
            in_flight: Counts the bodies in memory.
        """
        self.signal = signal
        self.in_flight = in_flight
        self._spool = spool
        self._settings = settings
        self._counters = counters
        self._parsers = parsers

    def begin(self) -> None:
        """Count a request."""
        self._counters.add("requests")

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
            self._counters.add("items", filtered.items)
            self._counters.add("filtered_attributes", filtered.dropped_attributes)
        else:
            self._counters.add("repeated_requests")
        response: Any = self.signal.response()
        if filtered.rejected:
            setattr(response.partial_success, self.signal.rejected_field, filtered.rejected.total())
            response.partial_success.error_message = filtered.message
        return encode(response, encoding)

    def refuse(self, reason: str) -> None:
        """Count a request that is not accepted."""
        self._counters.refuse(reason)

    def _receive(self, body: bytes, encoding: Encoding, content_encoding: str) -> Receipt:
        received_ms = time.time_ns() // 1_000_000
        body = decompress(body, content_encoding, max_bytes=self._settings.max_body_bytes)
        filtered = self._filter(body, encoding, received_ms)
        if filtered.rejected:
            self._counters.reject(filtered.rejected)
            self.signal.report(filtered)
        written: Future[None] = Future()
        written.set_running_or_notify_cancel()  # a client that leaves must not disturb the spool's thread
        is_new = True
        if filtered.items:
            is_new = self._spool.append(
                filtered.payload,
                items=filtered.items,
                received_ms=received_ms,
                digest=body_digest(body),
                done=lambda error: _resolve(written, error),
            )
        else:
            written.set_result(None)
        return Receipt(filtered, is_new, written)

    def _filter(self, body: bytes, encoding: Encoding, received_ms: int) -> Filtered:
        try:
            filtered: Filtered = filter_body(
                self.signal, body, encoding, max_items=self._settings.max_body_spans, received_ms=received_ms
            )
        except RefusedBodyError:
            raise
        except MemoryError:
            raise RefusedBodyError(503, "busy", "there is no memory for the body; try again") from None
        except Exception:
            # a sender repeats what is answered with a 5xx, and this body would fail each time
            _LOGGER.exception("a body of %s cannot be read; nobody foresaw why: please report it", self.signal.name)
            raise RefusedBodyError(400, "unforeseen", "the body cannot be read; the server's log says why") from None
        return filtered


def filter_body(
    signal: Signal[FilteredT], body: bytes, encoding: Encoding, *, max_items: int, received_ms: int
) -> FilteredT:
    """Parse a body and give what may be kept of it.

    Args:
        signal: Whose body it is.
        body: The decompressed body.
        encoding: How it is encoded.
        max_items: The most items allowed.
        received_ms: When it came, in milliseconds since the epoch.

    Raises:
        RefusedBodyError: It is not OTLP (400), or holds too much (413).
    """
    if encoding is Encoding.JSON:
        request = signal.request()
        parse_json(body, request)
        signal.restore(request)
        body = request.SerializeToString()
    try:
        pieces, result = signal.split(body, max_items=max_items, received_ms=received_ms)
        for piece in pieces:
            _filter_piece(signal, piece, result)
    except DecodeError as error:
        raise RefusedBodyError(400, "malformed", f"the body is not OTLP protobuf: {error}") from None
    except TooManyItemsError as error:
        raise RefusedBodyError(413, "too_large", str(error)) from None
    return result


def _filter_piece(signal: Signal[FilteredT], piece: bytes, result: FilteredT) -> None:
    try:
        signal.filter(piece, result)
    except DecodeError:
        signal.filter(mend_protobuf(piece, signal.request), result)


def _resolve(written: Future[None], error: Exception | None) -> None:
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)
