"""Spans, from a body to what may be kept of it."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from modeltally.receiver.signal import Signal
from modeltally.receiver.spans.filter import NOT_HEX, FilteredSpans, filter_spans
from modeltally.receiver.spans.split import split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modeltally.instrument._privacy import Hasher
    from modeltally.settings import Settings
    from modeltally.store import QuarantinedSpan

__all__ = ["Spans"]


class Spans(Signal[FilteredSpans]):
    """Spans; those without a usable identity are quarantined."""

    name = "traces"
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    items = "spans"
    rejected = "quarantined"
    request = ExportTraceServiceRequest
    response = ExportTraceServiceResponse
    rejected_field = "rejected_spans"
    spool = "spool"

    def __init__(self, hasher: Hasher, *, quarantine: Callable[[Sequence[QuarantinedSpan]], None]) -> None:
        """Take what it works with.

        Args:
            hasher: Turns user ids into pseudonyms.
            quarantine: Keeps the spans that were not accepted.
        """
        self._hasher = hasher
        self._quarantine = quarantine

    @staticmethod
    def spool_max_bytes(settings: Settings) -> int:
        """Give the most bytes its spool may hold."""
        return settings.spool_max_bytes

    def restore(self, request: Any) -> None:
        """Turn ids back: OTLP writes them in hex, the parser read them as base64, which loses nothing of hex digits."""
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    _restore_ids(span, ("trace_id", "span_id", "parent_span_id"))
                    for link in span.links:
                        _restore_ids(link, ("trace_id", "span_id"))

    def split(self, body: bytes, *, max_items: int, received_ms: int) -> tuple[list[bytes], FilteredSpans]:
        """Split an encoded request into requests that are cheap to parse."""
        pieces = split(body, max_spans=max_items)
        received_at = dt.datetime.fromtimestamp(received_ms / 1000, dt.UTC)
        return pieces.requests, FilteredSpans(
            dropped_attributes=pieces.left_out,
            received_at=received_at,
            largest_span_bytes=pieces.largest_span_bytes,
        )

    def filter(self, piece: bytes, result: FilteredSpans) -> None:
        """Add to a result what may be kept of a piece."""
        filter_spans(piece, result, hasher=self._hasher)

    def report(self, result: FilteredSpans) -> None:
        """Quarantine the spans that were taken out."""
        self._quarantine(result.quarantined)


def _restore_ids(message: Any, fields: tuple[str, ...]) -> None:
    for name in fields:
        read = getattr(message, name)
        if read:
            setattr(message, name, _from_hex(base64.b64encode(read)))


def _from_hex(digits: bytes) -> bytes:
    try:
        return binascii.unhexlify(digits)
    except binascii.Error:
        return NOT_HEX
