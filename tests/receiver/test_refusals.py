"""What is not OTLP, or too much, is refused; everything else is taken, and the server goes on."""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from receiver.bodies import JSON, PROTOBUF, Sender, all_spans, body, damaged, otlp_json, post, request, texts_as_bytes
from receiver.metric_bodies import PATH as METRICS_PATH
from receiver.metric_bodies import counter

if TYPE_CHECKING:
    from modeltally.server import LocalServer

MUTATED_BODIES = 2000


@dataclass(frozen=True)
class Signal:
    """What is sent where: a body, one with too many items, and the list's name in JSON."""

    path: str
    body: bytes
    too_many: bytes
    json_name: bytes


SPANS = Signal("/v1/traces", body(), body(200, attributes={}), b"resourceSpans")
METRICS = Signal(METRICS_PATH, counter(1), counter(1, points=200), b"resourceMetrics")


@pytest.mark.parametrize("signal", [SPANS, METRICS], ids=["spans", "metrics"])
@pytest.mark.parametrize(
    ("content", "content_type", "encoding", "status", "code"),
    [
        (b"\xff\xff\xff", PROTOBUF, "", 400, 3),
        (b"{", JSON, "", 400, 3),
        (b'{"<list>": 1}', JSON, "", 400, 3),
        (b"[" * 5000, JSON, "", 400, 3),
        (b'{"<list>": [{"schemaUrl": 1}]}', JSON, "", 400, 3),
        (b'{"<list>": "\xff', JSON, "", 400, 3),
        (b"\x1f\x8b\x08\x00", PROTOBUF, "raw gzip", 400, 3),
        (b"no gzip at all", PROTOBUF, "raw gzip", 400, 3),
        (gzip.compress(b"") * 17, PROTOBUF, "raw gzip", 400, 3),
        ("body", "text/plain", "", 415, 3),
        ("body", "", "", 415, 3),
        ("body", PROTOBUF, "zstd", 415, 3),
        (bytes(70_000), PROTOBUF, "", 413, 8),
        (bytes(1_000_000), PROTOBUF, "gzip", 413, 8),
        ("too_many", PROTOBUF, "", 413, 8),
    ],
)
def test_a_body_is_refused_with_its_status(
    small_server: LocalServer,
    signal: Signal,
    content: bytes | str,
    content_type: str,
    encoding: str,
    status: int,
    code: int,
) -> None:
    """What is too large, not OTLP, or of the wrong type gets its own status and a google.rpc.Status."""
    raw = encoding == "raw gzip"
    sent = getattr(signal, content) if isinstance(content, str) else content.replace(b"<list>", signal.json_name)
    answer = post(
        small_server.address,
        sent,
        content_type=content_type,
        encoding="gzip" if raw else encoding,
        packed=raw,
        path=signal.path,
    )
    assert answer.status == status
    shown = answer.json()["code"] if content_type == JSON else Status.FromString(answer.content).code
    assert shown == code
    assert post(small_server.address, signal.body, path=signal.path).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/traces", 405), ("POST", "//v1/traces", 404), ("POST", "/v1/logs", 404)]
)
def test_other_methods_and_paths_are_refused(small_server: LocalServer, method: str, path: str, status: int) -> None:
    """Only POST /v1/traces is there."""
    sender = Sender(small_server.address.otlp_url)
    assert sender.send(body(), method=method, path=path).status == status
    sender.close()


def mutated(source: random.Random) -> bytes:
    """Make a body and damage it, or put a piece of another behind it."""
    whole = body(source.randrange(1, 4), seed=source.randrange(50))
    way = source.randrange(5)
    if way == 4:
        return whole + body(1, seed=source.randrange(50))[: source.randrange(400)]
    return damaged(whole, source, way=way)


def verdict(content: bytes) -> tuple[int, int]:
    """Judge a body by the reference parser: the status, and how many spans have no usable identity.

    Its texts are read as bytes, since text that is no UTF-8 costs nothing.
    """
    try:
        made = texts_as_bytes(ExportTraceServiceRequest).FromString(content)
    except DecodeError:
        return 400, 0
    bad = [
        span
        for span in all_spans(made)
        if len(span.trace_id) != 16 or len(span.span_id) != 8 or not any(span.trace_id) or not any(span.span_id)
    ]
    return 200, len(bad)


def test_the_verdict_on_a_damaged_body_is_the_reference_parsers(small_server: LocalServer) -> None:
    """Thousands of damaged bodies (seed 7): the same verdict as the reference parser, never a 5xx."""
    source = random.Random(7)
    sender = Sender(small_server.address.otlp_url)
    seen: dict[int, int] = {}
    for number in range(MUTATED_BODIES):
        content = mutated(source)
        answer = sender.send(content)
        rejected = 0
        if answer.status == 200:
            rejected = ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans
        assert (answer.status, rejected) == verdict(content), f"body {number}: {content.hex()}"
        seen[answer.status] = seen.get(answer.status, 0) + 1
    sender.close()
    assert min(seen[200], seen[400]) > MUTATED_BODIES // 20
    assert small_server.wait_until_stored()


def test_damaged_json_is_never_a_server_error(small_server: LocalServer) -> None:
    """Damaged JSON (seed 8) is accepted or refused with 400."""
    source = random.Random(8)
    sender = Sender(small_server.address.otlp_url)
    whole = otlp_json(request(2))
    seen = set()
    for _ in range(MUTATED_BODIES // 4):
        content = bytearray(whole)
        for _ in range(source.randrange(1, 4)):
            position = source.randrange(len(content))
            content[position : position + source.randrange(4)] = source.choice(
                [b'"', b"{", b"[", b"null", b"-1", b"1e999", b"\\u0000", b"NaN", b"\xff", b"true", b""]
            )
        seen.add(sender.send(bytes(content), headers={"Content-Type": JSON}).status)
    sender.close()
    assert seen == {200, 400}
