"""Both doors take what they should and refuse what is too much."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped] # ships no types
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from collector.conftest import settle
from receiver.bodies import PROTOBUF, Sender, body, otlp_json, request
from support.stores import stored

if TYPE_CHECKING:
    from collector.running import Collector, StubStore

TOO_LARGE_BYTES = 16 * 1024**2 + 1


def test_grpc_http_gzip_and_json_store_the_same_span(collector: Collector, store: StubStore) -> None:
    """One span sent in four ways is one span, four times in the landing table."""
    made = request(1)
    with grpc.insecure_channel(f"127.0.0.1:{collector.grpc_port}") as channel:
        TraceServiceStub(channel).Export(made, timeout=10)  # type: ignore[no-untyped-call] # generated
    sender = Sender(collector.url)
    packed = {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}
    assert sender.send(made.SerializeToString()).status == 200
    assert sender.send(gzip.compress(made.SerializeToString()), headers=packed).status == 200
    assert sender.send(otlp_json(made), headers={"Content-Type": "application/json"}).status == 200
    sender.close()
    settle(collector, store)
    (row,) = stored(
        store.directory,
        "SELECT count() AS rows, uniqExact(TraceId, SpanId, Timestamp, Duration, SpanAttributes) AS spans"
        " FROM otel_traces",
    )
    assert (row["rows"], row["spans"]) == (4, 1)


@pytest.mark.parametrize("is_packed", [False, True], ids=["as it is", "packed"])
def test_a_body_that_is_too_large_is_refused_and_others_are_served(
    collector: Collector,
    is_packed: bool,  # noqa: FBT001 - pytest gives arguments by name
) -> None:
    """More than 16 MiB after decompression is no request; the next one is answered."""
    content = bytes(TOO_LARGE_BYTES)
    headers = {"Content-Type": PROTOBUF, **({"Content-Encoding": "gzip"} if is_packed else {})}
    sender = Sender(collector.url)
    assert sender.send(gzip.compress(content) if is_packed else content, headers=headers).status in {400, 413}
    sender.close()
    again = Sender(collector.url)
    assert again.send(body(1)).status == 200
    again.close()


def test_a_format_that_is_not_listed_is_refused(collector: Collector) -> None:
    """Each further way to pack a body would be one more way to send a bomb."""
    sender = Sender(collector.url)
    assert sender.send(b"", headers={"Content-Type": PROTOBUF, "Content-Encoding": "zstd"}).status in {400, 415}
    sender.close()
