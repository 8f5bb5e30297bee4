"""Metrics in the forms that foreign SDKs write as JSON are stored as they were meant, or told to the sender."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.store import EmbeddedStore
from receiver.bodies import JSON, START_NS
from receiver.metric_bodies import post_metrics
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.server import LocalServer

AT = str(START_NS)
GREATEST = 2**63 - 1


def points(*given: Mapping[str, object]) -> list[dict[str, object]]:
    """Give each point a time."""
    return [{"timeUnixNano": AT, **point} for point in given]


def gauge(*given: Mapping[str, object]) -> dict[str, object]:
    """Make the data of a gauge."""
    return {"gauge": {"dataPoints": points(*given)}}


def total(temporality: object = 2, **point: object) -> dict[str, object]:
    """Make the data of a monotonic sum of one point."""
    return {"sum": {"aggregationTemporality": temporality, "isMonotonic": True, "dataPoints": points(point)}}


def histogram(**point: object) -> dict[str, object]:
    """Make the data of a histogram of one point with two buckets."""
    whole = {"count": "3", "bucketCounts": ["1", "2"], "explicitBounds": [5], **point}
    return {"histogram": {"aggregationTemporality": 2, "dataPoints": points(whole)}}


EXPONENTIAL = {
    "exponentialHistogram": {
        "aggregationTemporality": 2,
        "dataPoints": points(
            {
                "count": "4",
                "sum": 1,
                "scale": -2,
                "zeroCount": "1",
                "positive": {"offset": -3, "bucketCounts": ["1", "1"]},
                "negative": {"offset": 1, "bucketCounts": ["1"]},
                "min": -1,
                "max": 2,
            }
        ),
    }
}
QUANTILES = [{"quantile": 0.5, "value": "NaN"}, {"quantile": 1, "value": 3}]
SUMMARY = {"summary": {"dataPoints": points({"count": "4", "sum": 1, "quantileValues": QUANTILES})}}
EXEMPLAR = {
    "timeUnixNano": AT,
    "asDouble": 1,
    "traceId": "5B8EFFF798038103D269B633813FC60C",
    "spanId": "EEE19B7EC3C1B174",
    "filteredAttributes": [{"key": "user.id", "value": {"stringValue": "SECRET"}}],
}
TWICE = [
    {"key": "gen_ai.request.model", "value": {"stringValue": "first"}},
    {"key": "gen_ai.request.model", "value": {"stringValue": "last"}},
    {"key": "secret", "value": {"stringValue": "SECRET"}},
]

VALUE = "Value AS value"
TEMPORALITY = "AggregationTemporality AS temporality"
SHAPES: dict[str, tuple[Mapping[str, object], str, str, Sequence[Mapping[str, object]]]] = {
    "integer as text": (gauge({"asInt": "42"}), "gauge", VALUE, [{"value": 42.0}]),
    "integer as number": (gauge({"asInt": 42}), "gauge", VALUE, [{"value": 42.0}]),
    "greatest integer": (gauge({"asInt": str(GREATEST)}), "gauge", VALUE, [{"value": float(GREATEST)}]),
    "infinite": (gauge({"asDouble": "-Infinity"}), "gauge", VALUE, [{"value": -math.inf}]),
    "last of two values": (gauge({"asDouble": 1, "asInt": 2}), "gauge", VALUE, [{"value": 2.0}]),
    "time in milliseconds": (
        gauge({"asInt": 1, "timeUnixNano": "1700000000000"}),
        "gauge",
        "toYear(TimeUnix) AS year",
        [{"year": 1970}],
    ),
    "null among attributes": (gauge({"asInt": 1, "attributes": [None]}), "gauge", VALUE, [{"value": 1.0}]),
    "key twice": (
        gauge({"asInt": 1, "attributes": TWICE}),
        "gauge",
        "Attributes AS kept",
        [{"kept": {"gen_ai.request.model": "last"}}],
    ),
    "temporality by name": (total("AGGREGATION_TEMPORALITY_DELTA", asInt=1), "sum", TEMPORALITY, [{"temporality": 1}]),
    "temporality of none": (total(0, asInt=1), "sum", TEMPORALITY, [{"temporality": 0}]),
    "temporality of the future": (total(9, asInt=1), "sum", TEMPORALITY, [{"temporality": 9}]),
    "begun after its end": (total(asInt=1, startTimeUnixNano=str(START_NS + 10)), "sum", VALUE, [{"value": 1.0}]),
    "exemplar with a user": (
        total(asInt=1, exemplars=[EXEMPLAR]),
        "sum",
        "`Exemplars.TraceId` AS traces, toString(tuple(*)) LIKE '%SECRET%' AS leaked",
        [{"traces": [], "leaked": 0}],
    ),
    "histogram without a sum": (
        histogram(),
        "histogram",
        "Count AS count, Sum AS sum, BucketCounts AS buckets",
        [{"count": 3, "sum": 0.0, "buckets": [1, 2]}],
    ),
    "histogram of wrong buckets": (
        histogram(bucketCounts=["1"]),
        "histogram",
        "Count AS count, BucketCounts AS buckets",
        [{"count": 3, "buckets": [1]}],
    ),
    "histogram in numbers": (
        histogram(count=3, bucketCounts=[1, 2], sum=1, min=0, max=1),
        "histogram",
        "Count AS count, Sum AS sum, Min AS least, Max AS most",
        [{"count": 3, "sum": 1.0, "least": 0.0, "most": 1.0}],
    ),
    "exponential histogram": (
        EXPONENTIAL,
        "exponential_histogram",
        "Count AS count, Scale AS scale, PositiveBucketCounts AS above, NegativeBucketCounts AS below",
        [{"count": 4, "scale": -2, "above": [1, 1], "below": [1]}],
    ),
    "summary that knows one quantile": (
        SUMMARY,
        "summary",
        "Count AS count, `ValueAtQuantiles.Value`[2] AS last",
        [{"count": 4, "last": 3.0}],
    ),
}


def body(*metrics: Mapping[str, object]) -> bytes:
    """Make a request as a foreign SDK writes it, with a field that nobody knows."""
    scope = {"scope": {"name": "acme"}, "metrics": metrics, "zzz": 1}
    sender = {"attributes": [{"key": "service.name", "value": {"stringValue": "shapes"}}]}
    return json.dumps({"resourceMetrics": [{"resource": sender, "scopeMetrics": [scope]}]}).encode()


def sent(server: LocalServer, *metrics: Mapping[str, object]) -> int:
    """Send metrics, which must be acknowledged; gives how many points were rejected."""
    answer = post_metrics(server.address, body(*metrics), content_type=JSON)
    assert answer.status == 200, answer.content
    return int(answer.json().get("partialSuccess", {}).get("rejectedDataPoints", 0))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_stored_as_it_was_meant(small_server: LocalServer, shape: str) -> None:
    """Numbers as texts, enumerations by name and number, odd histograms: the row says the same, and no exemplar."""
    data, kind, asked, expected = SHAPES[shape]
    name = f"gen_ai.{shape.replace(' ', '_')}"
    assert sent(small_server, {"name": name, "unit": "1", **data}) == 0
    assert rows(small_server, f"SELECT {asked} FROM otel_metrics_{kind}", name) == expected  # noqa: S608 - our own text


@pytest.mark.parametrize("metric", [{"name": "gen_ai.nothing"}, {"name": "gen_ai.empty", "gauge": {"dataPoints": []}}])
def test_a_metric_without_points_is_nothing(small_server: LocalServer, metric: Mapping[str, object]) -> None:
    """It is acknowledged, and nothing is rejected."""
    assert sent(small_server, metric) == 0


def test_what_cannot_be_meant_costs_nothing_beside_it(small_server: LocalServer) -> None:
    """Points of no name, of a foreign name and without a value are told; the good one of the same body is stored."""
    bad = [{"name": ""}, {"name": "http.server.request.duration"}, {"name": "process.cpu.time"}]
    metrics = [{**metric, **gauge({"asInt": 1})} for metric in bad]
    good = {"name": "gen_ai.good", **gauge({"asInt": 1}, {"asDouble": None})}
    assert sent(small_server, *metrics, good) == 4
    assert rows(small_server, "SELECT Value AS value FROM otel_metrics_gauge", "gen_ai.good") == [{"value": 1.0}]


def rows(server: LocalServer, question: str, name: str) -> list[dict[str, Any]]:
    """Ask a running server's store for what it has of a metric."""
    assert server.wait_until_stored()
    store = server._store
    assert isinstance(store, EmbeddedStore)
    return ask(store, f"{question} WHERE MetricName = {{name:String}}", {"name": name})
