"""Metrics as a service sends them, made by hand so that every part of them can be bent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

from modeltally.store import open_store
from receiver.bodies import START_NS, Answer, post, put
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

    from modeltally.server import ServerAddress

PATH = "/v1/metrics"
KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
ALL_ROWS = "SELECT * EXCEPT ReceivedAt FROM otel_metrics_<kind>"
STORED_ONCE = "SELECT count() AS rows, uniqExact(Attributes['reason']) AS points FROM otel_metrics_sum"
ATTRIBUTES: Mapping[str, object] = {"modeltally.model.id": "flux-dev", "gen_ai.provider.name": "diffusers"}
TIMES = {"start_time_unix_nano": START_NS - 60_000_000_000, "time_unix_nano": START_NS}


def metrics_request(
    *,
    scope: str = "modeltally",
    prefix: str = "modeltally.",
    attributes: Mapping[str, object] = ATTRIBUTES,
    resource: Mapping[str, object] | None = None,
) -> ExportMetricsServiceRequest:
    """Make a request with one point of each kind."""
    made = ExportMetricsServiceRequest()
    resource_metrics = made.resource_metrics.add()
    put(resource_metrics.resource.attributes, resource or {"service.name": "painter", "host.name": "h1"})
    scope_metrics = resource_metrics.scope_metrics.add()
    scope_metrics.scope.name, scope_metrics.scope.version = scope, "0.1.0"

    def metric(kind: str) -> Any:
        added = scope_metrics.metrics.add(name=f"{prefix}{kind}", description=f"A {kind}.", unit="s")
        data = getattr(added, kind)
        if kind not in {"gauge", "summary"}:
            data.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        return data

    metric("gauge").data_points.add(**TIMES, as_double=2.5)
    total = metric("sum")
    total.is_monotonic = True
    total.data_points.add(**TIMES, as_int=-7, flags=1)
    metric("histogram").data_points.add(
        **TIMES, count=6, sum=7.5, bucket_counts=[1, 2, 3], explicit_bounds=[0.5, 1.0], min=0.25, max=3.0
    )
    point = metric("exponential_histogram").data_points.add(
        **TIMES, count=12, sum=-1.5, scale=-3, zero_count=2, min=-9.0, max=4.0
    )
    point.positive.offset, point.negative.offset = -4, 3
    point.positive.bucket_counts.extend([1, 300, 2**60])
    point.negative.bucket_counts.extend([9])
    point = metric("summary").data_points.add(**TIMES, count=6, sum=7.5)
    point.quantile_values.add(quantile=0.5, value=1.0)
    point.quantile_values.add(quantile=0.99, value=6.0)
    for _, _, each in all_points(made):
        put(each.attributes, attributes)
    return made


def counter(number: int, *, points: int = 1) -> bytes:
    """Encode a request with a counter whose points are told apart by a number and their place."""
    made = ExportMetricsServiceRequest()
    resource_metrics = made.resource_metrics.add()
    put(resource_metrics.resource.attributes, {"service.name": "painter"})
    metric = resource_metrics.scope_metrics.add().metrics.add(name="modeltally.operations")
    metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    for place in range(points):
        put(metric.sum.data_points.add(**TIMES, as_int=number).attributes, {"reason": f"{number}.{place}"})
    return made.SerializeToString()


def all_metrics(made: ExportMetricsServiceRequest) -> Iterator[Metric]:
    """Give the metrics of a request."""
    for resource_metrics in made.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            yield from scope_metrics.metrics


def all_points(made: ExportMetricsServiceRequest) -> Iterator[tuple[Metric, str, Any]]:
    """Give the points of a request, each with its metric and kind."""
    for metric in all_metrics(made):
        kind = metric.WhichOneof("data")
        if kind is not None:
            for point in getattr(metric, kind).data_points:
                yield metric, kind, point


def metrics_json(made: ExportMetricsServiceRequest) -> bytes:
    """Encode a request as OTLP/JSON."""
    content = json_format.MessageToDict(made, use_integers_for_enums=True)
    return json.dumps(content).encode()


def post_metrics(address: ServerAddress, content: bytes, **how: Any) -> Answer:
    """Send one body of metrics, as :func:`receiver.bodies.post` does."""
    return post(address, content, path=PATH, **how)


def rows_of(directory: Path) -> dict[str, list[dict[str, Any]]]:
    """Give every row of every table of metrics, but for the times of receipt."""
    store = open_store(directory)
    try:
        found = {kind: ask(store, ALL_ROWS.replace("<kind>", kind)) for kind in KINDS}
    finally:
        store.close()
    return {kind: sorted(rows, key=lambda row: str(row["Attributes"])) for kind, rows in found.items()}


def rejected(answer: Answer) -> tuple[int, str]:
    """Read the partial success of an answer."""
    assert answer.status == 200
    partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    return partial.rejected_data_points, partial.error_message
