"""Moves segments from the spool into the store, each exactly once.

A segment goes under its own name as batch id, and is deleted only when the store has it. What the store refuses is
cut into halves until what cannot be stored stands alone; that is quarantined, and the rest goes on.
"""

from __future__ import annotations

import datetime as dt
import errno
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from modeltally.local._record import Record, read_records
from modeltally.store import QuarantinedSpan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modeltally.local._filter import RejectedSpan
    from modeltally.local._stats import Stats
    from modeltally.local.spool import Segment, Spool

__all__ = ["Handover", "SpanStore"]

_LOGGER: Final = logging.getLogger(__name__)

# A segment collects for this many times as long as the last insert took, within limits: an insert costs a tenth of a
# second however little it holds, and must not keep a quiet machine busy.
AGE_PER_INSERT: Final = 4.0
MIN_SEGMENT_AGE_SECONDS: Final = 0.2
MAX_SEGMENT_AGE_SECONDS: Final = 1.0
ATTEMPTS_BEFORE_SPLITTING: Final = 4
MAX_BACKOFF_SECONDS: Final = 5.0
MAX_WAIT_WHILE_STOPPING_SECONDS: Final = 0.2
# How long a stop goes on trying once the store has refused: what is left waits on disk.
PATIENCE_WHILE_STOPPING_SECONDS: Final = 2.0
# A segment refused this often in pieces is set aside whole: cutting further would hold up all behind it.
MAX_REFUSALS: Final = 200
MAX_WAITING_QUARANTINE: Final = 10_000
_DETAIL_CHARACTERS: Final = 500


class SpanStore(Protocol):
    """What the handover needs of the store."""

    def insert_spans(self, path: Path, *, batch_id: str) -> object:
        """Store one batch, once for each id."""
        ...

    def quarantine(self, spans: Sequence[QuarantinedSpan]) -> None:
        """Keep what cannot be stored, with its reason."""
        ...


class Handover:
    """One thread that feeds the store from the spool."""

    def __init__(self, spool: Spool, store: SpanStore, *, stats: Stats, scratch: Path) -> None:
        """Take what it works on; :meth:`start` sets it going.

        Args:
            spool: Where segments come from.
            store: Where they go.
            stats: Counts what was stored and quarantined.
            scratch: A file name for pieces of a segment that was refused.
        """
        self._spool = spool
        self._store = store
        self._stats = stats
        self._scratch = scratch
        self._quarantine: deque[QuarantinedSpan] = deque()
        self._segment_age_seconds = MIN_SEGMENT_AGE_SECONDS
        self._stopping = threading.Event()
        self._give_up_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="modeltally-handover", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, timeout_seconds: float) -> None:
        """Hand over what is in the spool, then end; what takes longer waits on disk for the next start."""
        self._give_up_at = time.monotonic() + timeout_seconds
        self._stopping.set()
        self._thread.join()

    def quarantine(self, spans: Sequence[RejectedSpan], *, received_ms: int) -> None:
        """Note spans that were not accepted; never waits."""
        received_at = dt.datetime.fromtimestamp(received_ms / 1000, dt.UTC)
        for span in spans:
            self._stats.quarantine(span.reason)
            if len(self._quarantine) >= MAX_WAITING_QUARANTINE:
                self._stats.add("quarantine_overflow")
                continue
            self._quarantine.append(
                QuarantinedSpan(
                    received_at=received_at,
                    reason=span.reason,
                    trace_id=span.trace_id,
                    span_id=span.span_id,
                    name=span.name,
                    detail=span.detail,
                )
            )

    def _run(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            segment = self._spool.next_segment(
                min_age_seconds=0.0 if stopping else self._segment_age_seconds,
                timeout_seconds=0.0 if stopping else MIN_SEGMENT_AGE_SECONDS,
            )
            self._flush_quarantine()
            if segment is not None:
                self._hand_over(segment)
            elif stopping:
                return
            if time.monotonic() > self._give_up_at:
                return

    def _hand_over(self, segment: Segment) -> None:
        attempts = refusals = 0
        while time.monotonic() <= self._give_up_at:
            try:
                if refusals >= ATTEMPTS_BEFORE_SPLITTING:
                    self._hand_over_pieces(segment)
                else:
                    began = time.monotonic()
                    self._store.insert_spans(segment.path, batch_id=segment.name)
                    self._pace(time.monotonic() - began)
                    self._stats.add("stored_spans", segment.spans)
            except Exception as error:  # noqa: BLE001 - whatever the engine raises, the spool must go on
                attempts += 1
                refusals += not is_disk_full(error)
                self._note_failure(f"the store refused batch {segment.name}", error)
                if self._stopping.is_set():
                    self._give_up_at = min(self._give_up_at, time.monotonic() + PATIENCE_WHILE_STOPPING_SECONDS)
                self._wait(min(MAX_BACKOFF_SECONDS, 0.05 * 2 ** min(attempts, 10)))
                continue
            self._stats.add("stored_batches")
            self._stats.store_failure = None
            if segment.path.exists():
                self._spool.remove(segment)
            return

    def _pace(self, insert_seconds: float) -> None:
        age = AGE_PER_INSERT * insert_seconds
        self._segment_age_seconds = min(max(age, MIN_SEGMENT_AGE_SECONDS), MAX_SEGMENT_AGE_SECONDS)

    def _note_failure(self, what: str, error: Exception) -> None:
        message = str(error)[:_DETAIL_CHARACTERS]
        if self._stats.store_failure != message:  # once, not at every attempt
            _LOGGER.warning("%s: %s", what, message)
        self._stats.store_failure = message

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            time.sleep(min(seconds, MAX_WAIT_WHILE_STOPPING_SECONDS))

    # -- what the store refuses ------------------------------------------------------------------------------------

    def _hand_over_pieces(self, segment: Segment) -> None:
        """Store a refused segment piece by piece and quarantine what cannot be stored.

        The segment is then kept aside: nothing acknowledged is thrown away.
        """
        search = _Search(self._store, self._scratch, batch_id=segment.name)
        try:
            search.store(list(read_records(segment.path.read_bytes())), "")
        finally:
            self._scratch.unlink(missing_ok=True)
        refused = [_quarantined(record, "refused_by_store", error) for record, error in search.poison]
        refused += [
            _quarantined(record, "set_aside", "too many spans of its batch") for record in search.unsearched[:1]
        ]
        if refused:
            # Proves that the store works and the spans are at fault: when it does not, this raises too.
            self._store.quarantine(refused)
            place = self._spool.set_aside(segment)
            unsearched_spans = sum(record.spans for record in search.unsearched)
            self._stats.quarantine("refused_by_store", len(search.poison))
            self._stats.quarantine("set_aside", unsearched_spans)
            _LOGGER.error(
                "batch %s: %d spans could not be stored; they are kept in %s",
                segment.name,
                len(search.poison) + unsearched_spans,
                place,
            )
        self._stats.add("stored_spans", search.stored_spans)

    def _flush_quarantine(self) -> None:
        if not self._quarantine:
            return
        rows = list(self._quarantine)
        try:
            self._store.quarantine(rows)
        except Exception as error:  # noqa: BLE001 - the same as for spans: keep the rows, try again
            self._note_failure("the store refused rows for the quarantine", error)
            return
        for _ in rows:
            self._quarantine.popleft()


class _Search:
    """Finds the spans of a batch that the store refuses, by halving."""

    def __init__(self, store: SpanStore, scratch: Path, *, batch_id: str) -> None:
        self._store = store
        self._scratch = scratch
        self._batch_id = batch_id
        self._refusals = 0
        self.stored_spans = 0
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
        else:
            self.stored_spans += sum(record.spans for record in records)


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


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error says that the disk is full, however the engine words it."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    text = str(error)
    return "NOT_ENOUGH_SPACE" in text or "No space left" in text
