"""By hand with the SDK, and its own exporters over the same protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from bench.overhead.by_hand import ByHand

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.overhead.jobs import Job

__all__ = ["Stock"]


class Stock:
    """A process that is watched by hand."""

    def __init__(self, url: str, *, metrics_seconds: float | None, queue: int | None) -> None:
        """Set up as the SDK's documentation shows.

        Args:
            url: Where to send.
            metrics_seconds: How often metrics go; None for the default.
            queue: Most spans waiting; None for the default.
        """
        self._tracer = TracerProvider()
        exporter = OTLPSpanExporter(f"{url}/v1/traces")
        self._tracer.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=queue))
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(f"{url}/v1/metrics"),
            export_interval_millis=None if metrics_seconds is None else metrics_seconds * 1000,
        )
        self._meter = MeterProvider(metric_readers=[reader])
        written = ByHand(self._tracer, self._meter)
        self._records = {"small": written.small, "image": written.image}

    def operation(self, record: str) -> Callable[[Job], None]:
        """Return what writes a record."""
        return self._records[record]

    def flush(self) -> None:
        """Wait until everything so far was sent."""
        self._tracer.force_flush()
        self._meter.force_flush()

    def shutdown(self) -> None:
        """Send everything and end."""
        self._tracer.shutdown()
        self._meter.shutdown()
