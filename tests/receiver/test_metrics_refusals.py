"""What of metrics is not OTLP, or too much, or of others, is refused; everything else is taken."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # ships no types
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from modeltally.server import LocalServer
from receiver.bodies import JSON, PROTOBUF, Sender
from receiver.metric_bodies import PATH, TIMES, all_points, counter, metrics_request, post_metrics, rejected
from support.servers import settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.stores import Template

MUTATED_BODIES = 1000
SEED = 9
NAME = re.compile(r"(modeltally|gen_ai|hw|otel\.sdk)\.[A-Za-z0-9_.\-/]{0,240}")


@pytest.fixture(scope="module")
def small_server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Start one server with small limits for the tests that only refuse."""
    directory = template.copy(tmp_path_factory.mktemp("small"))
    with LocalServer(settings_for(directory, max_body_bytes=65_536, max_body_spans=100)) as server:
        yield server


@pytest.mark.parametrize(
    ("content", "content_type", "encoding", "status", "code"),
    [
        (b"\xff\xff\xff", PROTOBUF, "", 400, 3),
        (b"{", JSON, "", 400, 3),
        (b'{"resourceMetrics": 1}', JSON, "", 400, 3),
        (b"no gzip at all", PROTOBUF, "raw gzip", 400, 3),
        (counter(1), "text/plain", "", 415, 3),
        (counter(1), PROTOBUF, "zstd", 415, 3),
        (bytes(70_000), PROTOBUF, "", 413, 8),
        (bytes(1_000_000), PROTOBUF, "gzip", 413, 8),
        (counter(1, points=200), PROTOBUF, "", 413, 8),
    ],
)
def test_a_body_is_refused_with_its_status(
    small_server: LocalServer, content: bytes, content_type: str, encoding: str, status: int, code: int
) -> None:
    """What is too large, not OTLP, or of the wrong type gets its own status and a google.rpc.Status."""
    raw = encoding == "raw gzip"
    answer = post_metrics(
        small_server.address, content, content_type=content_type, encoding="gzip" if raw else encoding, packed=raw
    )
    assert answer.status == status
    shown = answer.json()["code"] if content_type == JSON else Status.FromString(answer.content).code
    assert shown == code
    assert post_metrics(small_server.address, counter(2)).status == 200


def mutated(source: random.Random) -> bytes:
    """Make a body and damage it: bits flipped, cut, doubled, spliced."""
    content = bytearray(metrics_request(attributes={"reason": str(source.randrange(10**9))}).SerializeToString())
    match source.randrange(4):
        case 0:
            for _ in range(source.randrange(1, 4)):
                content[source.randrange(len(content))] ^= 1 << source.randrange(8)
        case 1:
            del content[source.randrange(len(content)) :]
        case 2:
            start = source.randrange(len(content))
            content[start:start] = content[start : start + source.randrange(60)]
        case _:
            position = source.randrange(len(content))
            content[position : position + source.randrange(20)] = source.randbytes(source.randrange(20))
    return bytes(content)


def verdict(content: bytes) -> tuple[int, int, int]:
    """Judge a body by the reference parser: the status, the points with an allowed name, those with another."""
    try:
        made = ExportMetricsServiceRequest.FromString(content)
    except DecodeError:
        return 400, 0, 0
    allowed = [NAME.fullmatch(metric.name) is not None for metric, _, _ in all_points(made)]
    return 200, sum(allowed), len(allowed) - sum(allowed)


def test_the_verdict_on_a_damaged_body_is_the_reference_parsers(small_server: LocalServer) -> None:
    """A thousand damaged bodies (seed 9): the reference parser's verdict, and whatever is accepted can be stored."""
    source = random.Random(SEED)
    sender = Sender(small_server.address.otlp_url)
    before = small_server.counters["metrics"]["items"]
    kept, seen = 0, {200: 0, 400: 0}
    for number in range(MUTATED_BODIES):
        content = mutated(source)
        answer = sender.send(content, path=PATH)
        status, allowed, other = verdict(content)
        seen[status] += 1
        assert answer.status == status, f"body {number}: {content.hex()}"
        if status == 200:
            assert rejected(answer)[0] == other, f"body {number}: {content.hex()}"
            kept += allowed
    sender.close()
    assert min(seen.values()) > MUTATED_BODIES // 20
    assert small_server.counters["metrics"]["items"] - before == kept
    assert small_server.wait_until_stored()
    assert small_server.problem() is None
    assert small_server.counters["metrics"]["stored_items"] == small_server.counters["metrics"]["items"]
    assert list((small_server.directory / "metrics_spool" / "refused").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("modeltally.operations", True),
        ("gen_ai.client.token.usage", True),
        ("hw.gpu.utilization", True),
        ("otel.sdk.processor.span.queue.size", True),
        ("http.server.request.duration", False),
        ("modeltally", False),
        ("modeltallyx.operations", False),
        ("modeltally.said: hello", False),
        ("gen_ai." + "x" * 300, False),
        ("", False),
    ],
)
def test_metrics_are_taken_by_their_name(small_server: LocalServer, name: str, *, is_taken: bool) -> None:
    """Metrics of ours and of the standard's generative, hardware and exporting parts are taken; others are told."""
    made = ExportMetricsServiceRequest()
    metric = made.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
    for _ in range(3):
        metric.gauge.data_points.add(**TIMES, as_int=1)
    count, message = rejected(post_metrics(small_server.address, made.SerializeToString()))
    assert count == (0 if is_taken else 3)
    assert message == (
        ""
        if is_taken
        else "3 points of metrics that are not taken; their names begin with modeltally., gen_ai., hw., otel.sdk."
    )
