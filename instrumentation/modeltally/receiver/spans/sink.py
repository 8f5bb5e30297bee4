"""How spans get into the store, and what becomes of those that do not.

What the store refuses is cut into halves until what cannot be stored stands alone; that is quarantined, and the rest
goes on. A span stored twice on the way is one span when it is read.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, Protocol

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from modeltally.receiver.spool.record import Record, read_records
from modeltally.receiver.spool.shipper import is_disk_full
from modeltally.store import QuarantinedSpan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modeltally.receiver.spool.spool import Segment

__all__ = ["SpanSink", "SpanStore"]

MAX_SEGMENT_AGE_SECONDS: Final = 1.0
ATTEMPTS: Final = 4
# A segment refused this often in pieces is set aside whole: cutting further would hold up all behind it.
MAX_REFUSALS: Final = 200
MAX_WAITING_QUARANTINE: Final = 10_000
REFUSED: Final = "refused_by_store"
SET_ASIDE: Final = "set_aside"
_DETAIL_CHARACTERS: Final = 500


class SpanStore(Protocol):
    """What is needed of the store."""

    def insert_spans(self, path: Path, *, batch_id: str) -> object:
        """Store one batch, once for each id."""
        ...

    def quarantine(self, spans: Sequence[QuarantinedSpan]) -> None:
        """Keep what cannot be stored, with its reason."""
        ...


class SpanSink:
    """Writes segments of spans, and the spans that were not accepted."""

    max_segment_age_seconds = MAX_SEGMENT_AGE_SECONDS
    attempts = ATTEMPTS

    def __init__(self, store: SpanStore, *, scratch: Path) -> None:
        """Take what it works with.

        Args:
            store: Where spans go.
            scratch: A file name for pieces of a segment that was refused.
        """
        self._store = store
        self._scratch = scratch
        self._quarantine: deque[QuarantinedSpan] = deque()

    def quarantine(self, spans: Sequence[QuarantinedSpan]) -> None:
        """Note spans that were not accepted, as far as there is room; never waits."""
        self._quarantine.extend(spans[: MAX_WAITING_QUARANTINE - len(self._quarantine)])

    def flush(self) -> None:
        """Store the spans that were not accepted."""
        if not self._quarantine:
            return
        rows = list(self._quarantine)
        self._store.quarantine(rows)
        for _ in rows:
            self._quarantine.popleft()

    def store(self, segment: Segment) -> None:
        """Store a segment whole."""
        self._store.insert_spans(segment.path, batch_id=segment.name)

    def store_parts(self, segment: Segment) -> Counter[str]:
        """Store a refused segment piece by piece and quarantine what cannot be stored; gives how many are left."""
        search = _Search(self._store, self._scratch, batch_id=segment.name)
        try:
            search.store(list(read_records(segment.path.read_bytes())), "")
        finally:
            self._scratch.unlink(missing_ok=True)
        refused = [_quarantined(record, REFUSED, error) for record, error in search.poison]
        refused += [_quarantined(record, SET_ASIDE, "too many spans of its batch") for record in search.unsearched[:1]]
        if refused:
            # Proves that the store works and the spans are at fault: when it does not, this raises too.
            self._store.quarantine(refused)
        # +: without the zeros
        return +Counter({REFUSED: len(search.poison), SET_ASIDE: sum(record.items for record in search.unsearched)})


class _Search:
    """Finds the spans of a batch that the store refuses, by halving."""

    def __init__(self, store: SpanStore, scratch: Path, *, batch_id: str) -> None:
        self._store = store
        self._scratch = scratch
        self._batch_id = batch_id
        self._refusals = 0
        self.poison: list[tuple[Record, str]] = []
        self.unsearched: list[Record] = []

    def store(self, records: list[Record], place: str) -> None:
        """Store the records, or as many of their parts as can be stored.

        Args:
            records: What to store.
            place: Where in the batch they are: the same part has the same id each time.
        """
        if self._refusals >= MAX_REFUSALS:
            self.unsearched.extend(records)
            return
        self._scratch.write_bytes(b"".join(record.message() for record in records))
        try:
            self._store.insert_spans(self._scratch, batch_id=f"{self._batch_id}{place}")
        except Exception as error:
            if is_disk_full(error):
                raise
            self._refusals += 1
            parts = records if len(records) > 1 else _single_spans(records[0])
            if len(parts) == 1:
                self.poison.append((parts[0], str(error)))
                return
            middle = len(parts) // 2
            self.store(parts[:middle], f"{place or '/'}0")
            self.store(parts[middle:], f"{place or '/'}1")


def _single_spans(record: Record) -> list[Record]:
    request = ExportTraceServiceRequest.FromString(record.request)
    singles = []
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                single = ExportTraceServiceRequest()
                outer = single.resource_spans.add(resource=resource_spans.resource)
                outer.scope_spans.add(scope=scope_spans.scope, spans=[span])
                singles.append(Record(single.SerializeToString(), record.received_ms, 1, record.digest))
    return singles


def _quarantined(record: Record, reason: str, error: str) -> QuarantinedSpan:
    request = ExportTraceServiceRequest.FromString(record.request)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    return QuarantinedSpan(
        received_at=dt.datetime.fromtimestamp(record.received_ms / 1000, dt.UTC),
        reason=reason,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        name=span.name,
        detail=error[:_DETAIL_CHARACTERS],
    )
