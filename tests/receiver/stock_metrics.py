"""Points for OpenTelemetry's own exporters, in the SDK's data classes, and the rows they must become."""

from __future__ import annotations

import datetime as dt
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

START_NS = 1_763_000_000_000_000_000
END_NS = START_NS + 61_500_000_000
ATTRIBUTES = {"modeltally.model.id": "flux-dev", "error.type": "TimeoutError"}


def metrics_data() -> MetricsData:
    """Make one metric of each kind that the SDK has; the counter has two points."""
    cumulative = AggregationTemporality.CUMULATIVE
    metrics = [
        Metric("hw.gpu.memory.usage", "Memory in use.", "By", Gauge([NumberDataPoint({}, 0, END_NS, 4_000_000_000)])),
        Metric(
            "modeltally.operations",
            "Operations that ended.",
            "{operation}",
            Sum(
                [
                    NumberDataPoint(ATTRIBUTES, START_NS, END_NS, 41),
                    NumberDataPoint({"otel.metric.overflow": True}, START_NS, END_NS, 0.5),
                ],
                cumulative,
                is_monotonic=True,
            ),
        ),
        Metric(
            "modeltally.request.duration",
            "How long requests took.",
            "s",
            Histogram(
                [
                    HistogramDataPoint(
                        attributes=ATTRIBUTES,
                        start_time_unix_nano=START_NS,
                        time_unix_nano=END_NS,
                        count=6,
                        sum=9.25,
                        bucket_counts=(1, 2, 3),
                        explicit_bounds=(0.5, 2.0),
                        min=0.25,
                        max=4.0,
                    )
                ],
                cumulative,
            ),
        ),
        Metric(
            "gen_ai.client.operation.duration",
            "",
            "s",
            ExponentialHistogram(
                [
                    ExponentialHistogramDataPoint(
                        attributes=ATTRIBUTES,
                        start_time_unix_nano=START_NS,
                        time_unix_nano=END_NS,
                        count=7,
                        sum=3.5,
                        scale=-2,
                        zero_count=1,
                        positive=Buckets(-3, [1, 2]),
                        negative=Buckets(5, [3]),
                        flags=0,
                        min=-1.5,
                        max=2.5,
                    )
                ],
                AggregationTemporality.DELTA,
            ),
        ),
    ]
    scope = InstrumentationScope("modeltally", "0.1.0")
    resource = Resource({"service.name": "painter"})
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(scope, metrics, "")], "")])


_COMMON: dict[str, Any] = {
    "ResourceAttributes": {"service.name": "painter"},
    "ResourceSchemaUrl": "",
    "ScopeName": "modeltally",
    "ScopeVersion": "0.1.0",
    "ScopeAttributes": {},
    "ScopeDroppedAttrCount": 0,
    "ScopeSchemaUrl": "",
    "ServiceName": "painter",
    "MetricDescription": "",
    "Attributes": ATTRIBUTES,
    "StartTimeUnix": dt.datetime(2025, 11, 13, 2, 13, 20, tzinfo=dt.UTC),
    "TimeUnix": dt.datetime(2025, 11, 13, 2, 14, 21, tzinfo=dt.UTC),
    "Flags": 0,
    "Exemplars.FilteredAttributes": [],
    "Exemplars.TimeUnix": [],
    "Exemplars.Value": [],
    "Exemplars.SpanId": [],
    "Exemplars.TraceId": [],
}
_COUNTER: dict[str, Any] = {
    **_COMMON,
    "MetricName": "modeltally.operations",
    "MetricDescription": "",
    "MetricUnit": "{operation}",
    "AggregationTemporality": 2,
    "IsMonotonic": True,
}
# in the order of their attributes as text
ROWS: dict[str, list[dict[str, Any]]] = {
    "gauge": [
        {
            **_COMMON,
            "MetricName": "hw.gpu.memory.usage",
            "MetricDescription": "",
            "MetricUnit": "By",
            "Attributes": {},
            "StartTimeUnix": dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
            "Value": 4_000_000_000.0,
        }
    ],
    "sum": [
        {**_COUNTER, "Value": 41.0},
        {**_COUNTER, "Attributes": {"otel.metric.overflow": "true"}, "Value": 0.5},
    ],
    "histogram": [
        {
            **_COMMON,
            "MetricName": "modeltally.request.duration",
            "MetricDescription": "",
            "MetricUnit": "s",
            "Count": 6,
            "Sum": 9.25,
            "BucketCounts": [1, 2, 3],
            "ExplicitBounds": [0.5, 2.0],
            "Min": 0.25,
            "Max": 4.0,
            "AggregationTemporality": 2,
        }
    ],
    "exponential_histogram": [
        {
            **_COMMON,
            "MetricName": "gen_ai.client.operation.duration",
            "MetricUnit": "s",
            "Count": 7,
            "Sum": 3.5,
            "Scale": -2,
            "ZeroCount": 1,
            "PositiveOffset": -3,
            "PositiveBucketCounts": [1, 2],
            "NegativeOffset": 5,
            "NegativeBucketCounts": [3],
            "Min": -1.5,
            "Max": 2.5,
            "AggregationTemporality": 1,
        }
    ],
    "summary": [],
}
