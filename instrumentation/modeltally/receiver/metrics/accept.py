"""Metrics, from a body to what may be kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from modeltally.receiver.metrics.filter import TOO_LARGE, FilteredMetrics, filter_metrics
from modeltally.receiver.metrics.split import split_metrics
from modeltally.receiver.signal import Signal

if TYPE_CHECKING:
    from modeltally.settings import Settings

__all__ = ["Metrics"]


class Metrics(Signal[FilteredMetrics]):
    """Points of metrics; those that are not accepted are counted only, because they are other people's."""

    name = "metrics"
    service = "opentelemetry.proto.collector.metrics.v1.MetricsService"
    items = "points"
    request = ExportMetricsServiceRequest
    response = ExportMetricsServiceResponse
    rejected_field = "rejected_data_points"
    spool = "metrics_spool"

    @staticmethod
    def spool_max_bytes(settings: Settings) -> int:
        """Give the most bytes its spool may hold."""
        return settings.metrics_spool_max_bytes

    def split(self, body: bytes, *, max_items: int, received_ms: int) -> tuple[list[bytes], FilteredMetrics]:
        """Split an encoded request into requests that are cheap to parse."""
        del received_ms
        pieces = split_metrics(body, max_points=max_items)
        result = FilteredMetrics()
        if pieces.too_large:
            result.rejected[TOO_LARGE] += pieces.too_large
        return pieces.requests, result

    def filter(self, piece: bytes, result: FilteredMetrics) -> None:
        """Add to a result what may be kept of a piece."""
        filter_metrics(piece, result)
