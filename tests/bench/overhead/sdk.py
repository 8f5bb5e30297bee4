"""OpenTelemetry's SDK as every side of a comparison gets it, with exporters that succeed and do nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExporter, MetricExportResult
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.metrics.export import MetricsData

__all__ = ["CountingExporter", "NoOpMetricExporter", "Providers", "make_providers"]


class CountingExporter(SpanExporter):
    """Counts spans, and keeps the last one to look at."""

    def __init__(self) -> None:
        """Begin at none."""
        self.count = 0
        self.last: ReadableSpan | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Count; heartbeats, which only we send, are no operations."""
        kept = [span for span in spans if span.name != "heartbeat"]
        self.count += len(kept)
        self.last = kept[-1] if kept else self.last
        return SpanExportResult.SUCCESS


class NoOpMetricExporter(MetricExporter):
    """Takes every metric and does nothing with it."""

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object) -> MetricExportResult:
        """Succeed."""
        del metrics_data, timeout_millis, kwargs
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Hold nothing back."""
        del timeout_millis
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        """Hold nothing open."""
        del timeout_millis, kwargs


@dataclass(frozen=True, slots=True)
class Providers:
    """One side's SDK."""

    tracer: TracerProvider
    meter: MeterProvider
    exporter: CountingExporter

    def flush(self) -> None:
        """Wait for the background thread."""
        self.tracer.force_flush()


def make_providers() -> Providers:
    """Make a tracer provider with a batch processor, its queue large enough to lose nothing, and a meter provider."""
    exporter = CountingExporter()
    tracer = TracerProvider()
    tracer.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=65_536))
    return Providers(tracer, MeterProvider(metric_readers=[InMemoryMetricReader()]), exporter)
