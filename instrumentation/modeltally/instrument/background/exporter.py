"""Sending spans through a span exporter of the host's; only then is OpenTelemetry's tracing SDK needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from modeltally.instrument import _names as names
from modeltally.instrument._guard import problem
from modeltally.instrument.background.otlp import Batch, ExportResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.instrument._scalars import Scalar
    from modeltally.instrument.background.convert import Span

__all__ = ["ExporterSender"]


class ExporterSender:
    """Any OpenTelemetry span exporter, for tests and for hosts with one of their own."""

    def __init__(self, exporter: SpanExporter, *, resource: Mapping[str, Scalar], version: str) -> None:
        """Take the exporter; it stays the caller's to shut down.

        Args:
            exporter: Where spans go.
            resource: The process's attributes.
            version: Ours.
        """
        self._exporter = exporter
        self._resource = Resource(resource)
        self._scope = InstrumentationScope(names.SCOPE, version)

    def encode(self, span: Span) -> ReadableSpan:
        """Make the span that exporters take."""
        record = span.record
        flags = TraceFlags(TraceFlags.SAMPLED if record.sampled else TraceFlags.DEFAULT)
        error_type = span.attributes.get(names.ERROR_TYPE)
        return ReadableSpan(
            name=span.name,
            context=SpanContext(record.trace_id, record.span_id, is_remote=False, trace_flags=flags),
            parent=SpanContext(record.trace_id, record.parent_id, is_remote=False, trace_flags=flags)
            if record.parent_id
            else None,
            resource=self._resource,
            attributes=span.attributes,
            kind=SpanKind.CLIENT if span.is_client else SpanKind.INTERNAL,
            status=Status(StatusCode.UNSET) if error_type is None else Status(StatusCode.ERROR, str(error_type)),
            start_time=record.start_ns,
            end_time=record.end_ns,
            instrumentation_scope=self._scope,
        )

    def pack(self, spans: Sequence[tuple[ReadableSpan, bool]]) -> Batch:
        """Nothing needs writing."""
        return Batch(spans)

    def send(self, batch: Batch, *, timeout_seconds: float) -> ExportResult:  # noqa: ARG002 - exporters take no timeout
        """Export; a failure is final, since an exporter retries by itself."""
        try:
            result = self._exporter.export([span for span, _ in batch.spans])
        except Exception as error:  # noqa: BLE001 - somebody else's code
            problem("exporter", "the exporter raised %s; its batch is lost", type(error).__qualname__)
            return ExportResult(dropped_as="export_failed")
        if result is SpanExportResult.SUCCESS:
            return ExportResult(delivered=batch.counted)
        return ExportResult(dropped_as="export_failed")

    def close(self) -> None:
        """Do nothing: the exporter is the caller's."""
