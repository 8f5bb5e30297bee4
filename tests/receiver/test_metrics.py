"""Metrics are understood in each encoding, and fill the tables of the collector's exporter exactly."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

from modeltally.store import EmbeddedStore
from receiver.bodies import JSON, PROTOBUF, Sender
from receiver.metric_bodies import (
    KINDS,
    PATH,
    STORED_ONCE,
    all_metrics,
    all_points,
    counter,
    metrics_json,
    metrics_request,
    post_metrics,
    rows_of,
)
from receiver.stock_metrics import ROWS, metrics_data
from support.stores import ask, stored

if TYPE_CHECKING:
    from modeltally.server import LocalServer
    from support.servers import StartServer

# Tables of the collector's exporter, v0.161: what is in all of them, then what is in each. A Nested column is so many
# arrays.
COLUMNS_OF = "SELECT name, type FROM system.columns WHERE table = 'otel_metrics_<kind>'"
COMMON_COLUMNS = {
    "ResourceAttributes": "Map(LowCardinality(String), String)",
    "ResourceSchemaUrl": "String",
    "ScopeName": "String",
    "ScopeVersion": "String",
    "ScopeAttributes": "Map(LowCardinality(String), String)",
    "ScopeDroppedAttrCount": "UInt32",
    "ScopeSchemaUrl": "String",
    "ServiceName": "LowCardinality(String)",
    "MetricName": "LowCardinality(String)",
    "MetricDescription": "String",
    "MetricUnit": "String",
    "Attributes": "Map(LowCardinality(String), String)",
    "StartTimeUnix": "DateTime",
    "TimeUnix": "DateTime",
    "Flags": "UInt32",
}
EXEMPLAR_COLUMNS = {
    "Exemplars.FilteredAttributes": "Array(Map(LowCardinality(String), String))",
    "Exemplars.TimeUnix": "Array(DateTime)",
    "Exemplars.Value": "Array(Float64)",
    "Exemplars.SpanId": "Array(String)",
    "Exemplars.TraceId": "Array(String)",
}
COUNT_COLUMNS = {"Count": "UInt64", "Sum": "Float64"}
RANGE_COLUMNS = {"Min": "Float64", "Max": "Float64", "AggregationTemporality": "Int32"}
COLUMNS: dict[str, dict[str, str]] = {
    "gauge": {"Value": "Float64", **EXEMPLAR_COLUMNS},
    "sum": {"Value": "Float64", "AggregationTemporality": "Int32", "IsMonotonic": "Bool", **EXEMPLAR_COLUMNS},
    "histogram": {
        **COUNT_COLUMNS,
        "BucketCounts": "Array(UInt64)",
        "ExplicitBounds": "Array(Float64)",
        **RANGE_COLUMNS,
        **EXEMPLAR_COLUMNS,
    },
    "exponential_histogram": {
        **COUNT_COLUMNS,
        "Scale": "Int32",
        "ZeroCount": "UInt64",
        "PositiveOffset": "Int32",
        "PositiveBucketCounts": "Array(UInt64)",
        "NegativeOffset": "Int32",
        "NegativeBucketCounts": "Array(UInt64)",
        **RANGE_COLUMNS,
        **EXEMPLAR_COLUMNS,
    },
    "summary": {
        **COUNT_COLUMNS,
        "ValueAtQuantiles.Quantile": "Array(Float64)",
        "ValueAtQuantiles.Value": "Array(Float64)",
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_has_the_columns_of_the_collectors_exporter(server: LocalServer, kind: str) -> None:
    """Each table has the names and types that the exporter writes, and one column more, the time of receipt."""
    store = server._store
    assert isinstance(store, EmbeddedStore)
    found = ask(store, COLUMNS_OF.replace("<kind>", kind))
    expected = COMMON_COLUMNS | COLUMNS[kind] | {"ReceivedAt": "DateTime64(3, 'UTC')"}
    assert {row["name"]: row["type"] for row in found} == expected


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_real_exporter_is_understood(server: LocalServer, compression: str) -> None:
    """Points of OpenTelemetry's own exporter fill every column exactly, but for summaries, which it does not have."""
    exporter = OTLPMetricExporter(f"{server.address.otlp_url}{PATH}", compression=Compression(compression))
    assert exporter.export(metrics_data()).name == "SUCCESS"
    exporter.shutdown()
    assert server.wait_until_stored()
    server.stop()
    assert rows_of(server.directory) == ROWS


@pytest.mark.slow(seconds=8, why="four servers")
def test_a_point_is_the_same_row_in_each_encoding(start_server: StartServer) -> None:
    """Protobuf, gzip and JSON of one point of each kind fill every column alike."""
    made = metrics_request()
    encoded = made.SerializeToString()
    server = start_server()
    rows: list[dict[str, list[dict[str, Any]]]] = []
    for content, content_type, encoding in (
        (encoded, PROTOBUF, ""),
        (encoded, PROTOBUF, "gzip"),
        (metrics_json(made), f"{JSON}; charset=utf-8", ""),
        (metrics_json(made), JSON, "gzip"),
    ):
        server = start_server(dir=server.directory.with_name(f"data-{len(rows)}"))
        answer = post_metrics(server.address, content, content_type=content_type, encoding=encoding)
        assert (answer.status, answer.content) == (200, b"{}" if JSON in content_type else b"")
        assert server.wait_until_stored()
        server.stop()
        rows.append(rows_of(server.directory))
    (summary,) = rows[0]["summary"]
    assert summary["ValueAtQuantiles.Quantile"] == [0.5, 0.99]
    assert summary["ValueAtQuantiles.Value"] == [1.0, 6.0]
    assert (summary["Count"], summary["Sum"], summary["MetricUnit"]) == (6, 7.5, "s")
    assert rows[0]["sum"][0]["Value"] == -7.0
    assert rows[0]["exponential_histogram"][0]["PositiveBucketCounts"] == [1, 300, 2**60]
    assert {kind: len(found) for kind, found in rows[0].items()} == dict.fromkeys(KINDS, 1)
    assert rows[1:] == rows[:1] * 3


def test_times_beyond_the_columns_are_cut_to_them(server: LocalServer) -> None:
    """The exporter's columns hold seconds from 1970 to 2106: a clock that is elsewhere costs no row."""
    made = metrics_request()
    for (_, _, point), nanoseconds in zip(all_points(made), [0, 2**64 - 1, 1, 10**18, 5 * 10**18], strict=True):
        point.time_unix_nano = nanoseconds
    assert post_metrics(server.address, made.SerializeToString()).status == 200
    assert server.wait_until_stored()
    server.stop()
    times = [rows[0]["TimeUnix"].timestamp() for rows in rows_of(server.directory).values()]
    assert times == [0, 2**32 - 1, 0, 10**9, 2**32 - 1]


def test_a_body_sent_again_is_stored_once(server: LocalServer) -> None:
    """A client that did not see the answer sends again: acknowledged, and stored once."""
    assert [post_metrics(server.address, counter(1)).status for _ in range(3)] == [200, 200, 200]
    assert server.wait_until_stored()
    assert post_metrics(server.address, counter(1)).status == 200
    server.stop()
    assert stored(server.directory, STORED_ONCE) == [{"rows": 1, "points": 1}]
    assert server.counters["metrics"]["repeated_requests"] == 3


def test_a_large_body_is_stored_whole(server: LocalServer) -> None:
    """A body parsed in pieces keeps each point with its own metric, scope and resource."""
    made = metrics_request(attributes={})
    made.MergeFrom(metrics_request(attributes={}, scope="modeltally.other", resource={"service.name": "second"}))
    for metric in all_metrics(made):
        if metric.HasField("histogram"):
            metric.histogram.data_points.extend([metric.histogram.data_points[0]] * 9_999)
    content = made.SerializeToString()
    assert len(content) > 1_500_000
    assert post_metrics(server.address, content).status == 200
    assert server.wait_until_stored()
    server.stop()
    found = stored(
        server.directory,
        "SELECT ServiceName, ScopeName, MetricName, any(AggregationTemporality) AS temporality, count() AS points,"
        " sum(Count) AS sum FROM otel_metrics_histogram"
        " GROUP BY ServiceName, ScopeName, MetricName ORDER BY ServiceName",
    )
    assert [tuple(row.values()) for row in found] == [
        ("painter", "modeltally", "modeltally.histogram", 2, 10_000, 60_000),
        ("second", "modeltally.other", "modeltally.histogram", 2, 10_000, 60_000),
    ]


def test_the_status_counts_metrics_apart(server: LocalServer) -> None:
    """Requests, points, stored and rejected points are counted beside those of spans."""
    made = metrics_request()
    made.MergeFrom(metrics_request(prefix="http."))
    assert post_metrics(server.address, made.SerializeToString()).status == 200
    assert post_metrics(server.address, b"\xff").status == 400
    assert server.wait_until_stored()
    sender = Sender(server.address.http_url)
    status = sender.send(b"", method="GET", path="/status").json()
    sender.close()
    assert status["metrics"] == {
        "received": {"requests": 2, "points": 5},
        "repeated_requests": 0,
        "stored_points": 5,
        "stored_batches": 1,
        "rejected_points": 5,
        "rejected": {"name_not_allowed": 5},
        "refused": {"malformed": 1},
        "filtered_attributes": 0,
    }
    assert status["received"] == {"requests": 0, "spans": 0}
    assert status["refused"] == {}
    assert status["metrics_spool"]["records"] == 0


def test_old_metrics_are_dropped_by_the_expire_job(server: LocalServer) -> None:
    """Days of metrics go when their time is over, counted from receipt, whatever time their points carry."""
    assert post_metrics(server.address, metrics_request().SerializeToString()).status == 200
    assert server.wait_until_stored()
    store = server._store
    assert isinstance(store, EmbeddedStore)
    (day,) = ask(store, "SELECT DISTINCT toDate(ReceivedAt) AS day FROM otel_metrics_gauge")
    received = dt.datetime.combine(day["day"], dt.time(), dt.UTC)
    days = store.settings.metrics_retention_days
    assert store.run("expire", {"as_of": received + dt.timedelta(days=days)}) == []
    dropped = store.run("expire", {"as_of": received + dt.timedelta(days=days + 1)})
    assert sorted(str(row["table"]) for row in dropped) == sorted(f"otel_metrics_{kind}" for kind in KINDS)
    assert {row["partition"] for row in dropped} == {str(day["day"])}
    assert ask(store, "SELECT count() AS rows FROM otel_metrics_summary") == [{"rows": 0}]
