"""When metrics are exported, and how much of the thread's time that may take: spans wait meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.metrics.export import MetricExportResult

from modeltally.instrument._destination import Destination
from modeltally.instrument._guard import internal_error, problem
from modeltally.instrument.background.meters import Meters
from modeltally.instrument.background.otlp import REFUSED_SECONDS, MetricSender, OtlpMetricSender

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.metrics.export import MetricExporter, MetricsData

    from modeltally.instrument._pipeline import Pipeline
    from modeltally.instrument._scalars import Scalar
    from modeltally.instrument.background.convert import Span

__all__ = ["Reporter"]

ATTEMPT_SECONDS: Final = 1.0  # half of what the end of a process has for everything
REST_FACTOR: Final = 9  # so one tenth of the thread's time at most goes to a receiver that does not answer


class Reporter:
    """Counts and exports the metrics of one process: every so often, and when it ends."""

    def __init__(
        self,
        pipeline: Pipeline,
        target: Destination | MetricExporter,
        *,
        resource: Mapping[str, Scalar],
        version: str,
    ) -> None:
        """Prepare to export.

        Args:
            pipeline: Whose operations are counted.
            target: Where to, or the host's exporter that takes them.
            resource: The process's attributes.
            version: Ours.
        """
        self._meters = Meters(pipeline, resource=resource, version=version)
        self._interval_seconds = pipeline.config.metrics_interval_seconds
        self._sender: MetricSender = (
            OtlpMetricSender(target, version=version) if isinstance(target, Destination) else _ExporterSender(target)
        )
        self._next = time.monotonic() + self._interval_seconds
        self._rests_until = 0.0  # monotonic as well

    def count(self, span: Span) -> None:
        """Count an operation, whatever becomes of its span."""
        try:
            self._meters.count(span)
        except Exception as error:  # noqa: BLE001 - the span is sent all the same
            internal_error("metrics of a record", error)

    def report_if_due(self) -> None:
        """Export when the interval is over."""
        if time.monotonic() >= self._next:
            self._report(ATTEMPT_SECONDS)

    def report_last(self, closes_at: float) -> None:
        """Export once more before the end, unless the receiver asked for a pause.

        Args:
            closes_at: Until when the process waits, monotonic.
        """
        now = time.monotonic()
        if self._rests_until <= now < closes_at:
            self._report(min(ATTEMPT_SECONDS, closes_at - now))
        self._sender.close()

    def _report(self, timeout_seconds: float) -> None:
        began = time.monotonic()
        try:
            rest_seconds = self._sender.send(self._meters.read(), timeout_seconds=timeout_seconds)
        except Exception as error:  # noqa: BLE001 - a header or address the client library refuses: no retry helps
            internal_error("metrics", error)
            rest_seconds = REFUSED_SECONDS
        ended = time.monotonic()
        self._rests_until = ended + rest_seconds
        self._next = ended + max(self._interval_seconds, rest_seconds, REST_FACTOR * (ended - began))


class _ExporterSender:
    """Any OpenTelemetry metric exporter, for hosts with one of their own; it stays theirs to shut down."""

    def __init__(self, exporter: MetricExporter) -> None:
        self._exporter = exporter

    def send(self, data: MetricsData, *, timeout_seconds: float) -> float:
        try:
            result = self._exporter.export(data, timeout_millis=timeout_seconds * 1e3)
        except Exception as error:  # noqa: BLE001 - somebody else's code
            problem("metric_exporter", "the metric exporter raised %s; metrics come later", type(error).__qualname__)
            return 0.0
        if result is not MetricExportResult.SUCCESS:
            problem("metric_exporter", "the metric exporter failed; metrics come later")
        return 0.0

    def close(self) -> None:
        """Do nothing: the exporter is the caller's."""
