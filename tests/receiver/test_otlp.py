"""The OTLP endpoint speaks the protocol: encodings, statuses, answers."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from receiver.bodies import JSON, PROTOBUF, Sender, all_spans, body, fill, only_span, otlp_json, post, request
from support.stores import stored

if TYPE_CHECKING:
    from modeltally.server import LocalServer
    from support.servers import StartServer

COUNT = "SELECT count() AS rows, uniqExact(TraceId, SpanId) AS spans FROM otel_traces"


def test_every_span_is_a_row_when_the_body_is_protobuf(server: LocalServer) -> None:
    """A protobuf body is acknowledged with an empty answer and stored whole."""
    answer = post(server.address, body(50))
    assert (answer.status, answer.content, answer.headers["content-type"]) == (200, b"", PROTOBUF)
    assert server.wait_until_stored()
    server.stop()
    assert stored(server.directory, COUNT) == [{"rows": 50, "spans": 50}]


@pytest.mark.slow(seconds=8, why="four servers")
def test_a_span_is_the_same_row_in_each_encoding(start_server: StartServer) -> None:
    """Protobuf, gzip and JSON of one span fill every column alike."""
    made = request()
    span = only_span(made)
    span.parent_span_id = b"\x0f" * 8
    span.status.code, span.status.message = 2, "TimeoutError"
    span.attributes.add(key="error.type").value.string_value = "TimeoutError"
    fill(span.attributes.add(key="gen_ai.response.finish_reasons").value, ["stop", "length"])
    span.events.add(time_unix_nano=span.start_time_unix_nano, name="exception").attributes.add(
        key="exception.type"
    ).value.string_value = "TimeoutError"
    span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    columns = "SELECT * EXCEPT ReceivedAt FROM otel_traces"
    server = start_server()
    encoded = made.SerializeToString()
    rows: list[list[dict[str, Any]]] = []
    for content, content_type, encoding in (
        (encoded, PROTOBUF, ""),
        (encoded, PROTOBUF, "gzip"),
        (otlp_json(made), f"{JSON}; charset=utf-8", ""),
        (otlp_json(made), JSON, "gzip"),
    ):
        server = start_server(dir=server.directory.with_name(f"data-{len(rows)}"))
        assert post(server.address, content, content_type=content_type, encoding=encoding).status == 200
        assert server.wait_until_stored()
        server.stop()
        rows.append(stored(server.directory, columns))
    assert rows[0][0]["SpanAttributes"]["gen_ai.response.finish_reasons"] == "stop,length"
    assert rows[0][0]["SpanAttributes"]["modeltally.model.cold_start"] == "false"
    assert rows[0][0]["SpanAttributes"]["gen_ai.request.seed"] == "0"
    assert rows[0][0]["StatusMessage"] == "TimeoutError"
    assert rows[0][0]["ParentSpanId"] == "0f" * 8
    assert rows[0][0]["Events.Attributes"] == [{"exception.type": "TimeoutError"}]
    assert rows[0][0]["Links.SpanId"] == ["02" * 8]
    assert rows[1:] == rows[:1] * 3


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_real_exporter_is_understood(server: LocalServer, compression: str) -> None:
    """Spans of OpenTelemetry's own SDK and exporter arrive with ids, kind and status."""
    exporter = OTLPSpanExporter(endpoint=f"{server.address.otlp_url}/v1/traces", compression=Compression(compression))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("modeltally")
    with tracer.start_as_current_span("pattern"), tracer.start_as_current_span("load") as inner:
        inner.set_attribute("modeltally.operation", "model.load")
    provider.shutdown()
    assert server.wait_until_stored()
    server.stop()
    rows = stored(
        server.directory,
        "SELECT SpanName, SpanKind, SpanAttributes['modeltally.operation'] AS operation, SpanId FROM otel_traces"
        " ORDER BY SpanName",
    )
    assert [row["SpanName"] for row in rows] == ["load", "pattern"]
    assert rows[0]["operation"] == "model.load"
    assert rows[0]["SpanId"] == f"{inner.get_span_context().span_id:016x}"


def test_bad_ids_are_reported_and_the_rest_is_stored(server: LocalServer) -> None:
    """Spans without a usable identity are quarantined and named in partial_success."""
    made = request(5)
    spans = list(all_spans(made))
    spans[0].trace_id = b"\x01" * 15
    spans[1].span_id = b""
    spans[2].trace_id = bytes(16)
    spans[3].span_id = bytes(8)
    answer = post(server.address, made.SerializeToString())
    response = ExportTraceServiceResponse.FromString(answer.content)
    assert (answer.status, response.partial_success.rejected_spans) == (200, 4)
    assert "15 bytes" in response.partial_success.error_message
    assert server.wait_until_stored()
    server.stop()
    assert stored(server.directory, COUNT) == [{"rows": 1, "spans": 1}]
    quarantined = stored(server.directory, "SELECT reason, detail FROM usage_quarantine ORDER BY detail")
    assert [row["reason"] for row in quarantined] == ["bad_identity"] * 4
    assert [row["detail"] for row in quarantined] == [
        "the span id has 0 bytes, not 8",
        "the span id is all zeros",
        "the trace id has 15 bytes, not 16",
        "the trace id is all zeros",
    ]


def test_a_json_answer_is_json_when_ids_are_not_hex(server: LocalServer) -> None:
    """OTLP/JSON with broken ids is answered in JSON, the spans counted as rejected."""
    content = json.loads(otlp_json(request(3)))
    spans = content["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[0]["traceId"] = "zz" * 16
    spans[1]["spanId"] = "0123"
    answer = post(server.address, json.dumps(content).encode(), content_type=JSON)
    assert answer.status == 200
    assert answer.headers["content-type"] == JSON
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "2"


def test_a_body_sent_again_is_stored_once(server: LocalServer) -> None:
    """A client that did not see the answer sends again: acknowledged, and stored once."""
    content = body(10)
    assert [post(server.address, content).status for _ in range(3)] == [200, 200, 200]
    assert server.wait_until_stored()
    assert post(server.address, content).status == 200
    server.stop()
    assert stored(server.directory, COUNT) == [{"rows": 10, "spans": 10}]
    assert server.counters["traces"]["repeated_requests"] == 3


def test_a_gzip_body_may_have_several_members(server: LocalServer) -> None:
    """Two gzip members after each other are one body."""
    content = body(4)
    members = gzip.compress(content[:100]) + gzip.compress(content[100:])
    sender = Sender(server.address.otlp_url)
    answer = sender.send(members, headers={"Content-Type": PROTOBUF, "Content-Encoding": "gzip"})
    sender.close()
    assert answer.status == 200
    assert server.counters["traces"]["items"] == 4
