"""What is taken out of a request with metrics before it is written anywhere.

Metrics whose names are not on the allow-list go, and are told to the sender as points that were not accepted. Of the
others go exemplars, which are pieces of single calls, descriptions, units that nobody knows, and every attribute that
is not on its allow-list. Texts and lists are bounded, because a batch is multiplied when it becomes rows.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from modeltally.receiver.allow import (
    METRIC_NAME,
    METRIC_PREFIXES,
    METRIC_UNIT,
    POINT_ATTRIBUTES,
    POINT_OPEN_NAMES,
    RESOURCE_ATTRIBUTES,
)
from modeltally.receiver.attributes import bound, join_lists, judge_scope, keep
from modeltally.receiver.kept import MetricsBatch
from modeltally.receiver.signal import Filtered

__all__ = ["TOO_LARGE", "FilteredMetrics", "filter_metrics"]

MAX_TEXT_CHARACTERS: Final = 256
MAX_BUCKETS: Final = 1024
MAX_OPEN_NAMES: Final = 16

NOT_ALLOWED: Final = "name_not_allowed"
TOO_LARGE: Final = "too_large"
NO_VALUE: Final = "no_value"
REASONS: Final = {
    NOT_ALLOWED: f"of metrics that are not taken; their names begin with {', '.join(METRIC_PREFIXES)}",
    TOO_LARGE: f"too large to be kept; a point may have {MAX_BUCKETS} buckets and 64 KiB",
    NO_VALUE: "without a value: nobody measured 0",
}


class FilteredMetrics(Filtered):
    """What may be kept of a body of metrics."""

    @property
    def message(self) -> str:
        """Why points were not accepted."""
        return "; ".join(f"{count} points {REASONS[reason]}" for reason, count in sorted(self.rejected.items()))


def filter_metrics(piece: bytes, result: FilteredMetrics) -> None:
    """Add to a result what may be kept of a request.

    Args:
        piece: The encoded request.
        result: What is kept of it is added here.

    Raises:
        DecodeError: It is not protobuf.
    """
    request = ExportMetricsServiceRequest.FromString(piece)
    batch = MetricsBatch.FromString(piece)
    batch.DiscardUnknownFields()
    if batch.ByteSize() != len(piece):
        # It holds more than the kept messages, or is encoded in another way.
        result.dropped_attributes += _keep_scalars(request)
        batch = MetricsBatch.FromString(request.SerializeToString())
        batch.DiscardUnknownFields()
    items = 0
    for resource_metrics in batch.resource_metrics:
        result.dropped_attributes += keep(resource_metrics.resource.attributes, RESOURCE_ATTRIBUTES)
        bound(resource_metrics.resource.attributes, MAX_TEXT_CHARACTERS)
        empty = []
        for index, scope_metrics in enumerate(resource_metrics.scope_metrics):
            judge_scope(scope_metrics.scope)
            items += _filter_scope(scope_metrics.metrics, result)
            if not scope_metrics.metrics:
                empty.append(index)
        for index in reversed(empty):
            del resource_metrics.scope_metrics[index]
    if items:
        result.items += items
        # sorted names: the same series is the same text again and again, which the store compresses well
        result.payload += batch.SerializeToString(deterministic=True)


def _filter_scope(metrics: Any, result: FilteredMetrics) -> int:
    """Filter the metrics of a scope in place; returns how many points are left."""
    useless, items = [], 0
    for index, metric in enumerate(metrics):
        kind = metric.WhichOneof("data")
        points = getattr(metric, kind).data_points if kind else []
        if points and not _is_allowed(metric.name):
            result.rejected[NOT_ALLOWED] += len(points)
            points = []
        if not points:
            useless.append(index)
            continue
        metric.description = ""
        if not METRIC_UNIT.fullmatch(metric.unit):
            metric.unit = ""
        _filter_points(points, kind, result)
        items += len(points)
    for index in reversed(useless):
        del metrics[index]
    return items


def _is_allowed(name: str) -> bool:
    return name.startswith(METRIC_PREFIXES) and METRIC_NAME.fullmatch(name) is not None


def _filter_points(points: Any, kind: str, result: FilteredMetrics) -> None:
    useless: list[tuple[int, str]] = []
    for index, point in enumerate(points):
        if kind in {"gauge", "sum"} and point.WhichOneof("value") is None:
            useless.append((index, NO_VALUE))
            continue
        attributes = point.attributes
        if not POINT_ATTRIBUTES.issuperset(attributes):
            more = sorted(filter(_is_open, attributes))[:MAX_OPEN_NAMES]
            result.dropped_attributes += keep(attributes, POINT_ATTRIBUTES.union(more))
        bound(attributes, MAX_TEXT_CHARACTERS)
        if _is_large(point, kind):
            useless.append((index, TOO_LARGE))
    for index, reason in reversed(useless):
        del points[index]
        result.rejected[reason] += 1


def _is_open(name: str) -> bool:
    return POINT_OPEN_NAMES.fullmatch(name) is not None


def _is_large(point: Any, kind: str) -> bool:
    match kind:
        case "histogram":
            lists = [point.bucket_counts, point.explicit_bounds]
        case "exponential_histogram":
            lists = [point.positive.bucket_counts, point.negative.bucket_counts]
        case "summary":
            lists = [point.quantile_values]
        case _:
            return False
    return any(len(values) > MAX_BUCKETS for values in lists)


def _keep_scalars(request: ExportMetricsServiceRequest) -> int:
    """Join allowed lists to text and take out the values that are neither; returns how many attributes went."""
    dropped = 0
    for resource_metrics in request.resource_metrics:
        dropped += join_lists(resource_metrics.resource.attributes, RESOURCE_ATTRIBUTES.__contains__)
        for scope_metrics in resource_metrics.scope_metrics:
            dropped += len(scope_metrics.scope.attributes)
            for metric in scope_metrics.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points if kind else ():
                    dropped += join_lists(point.attributes, lambda name: name in POINT_ATTRIBUTES or _is_open(name))
    return dropped
