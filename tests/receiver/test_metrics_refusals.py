"""What of metrics is not OTLP, or too much, or of others, is refused; everything else is taken."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from receiver.bodies import JSON, Sender, damaged, texts_as_bytes
from receiver.metric_bodies import PATH, TIMES, all_points, metrics_json, metrics_request, post_metrics, rejected

if TYPE_CHECKING:
    from modeltally.server import LocalServer

MUTATED_BODIES = 1000
SEED = 9
NAME = re.compile(r"(modeltally|gen_ai|hw|otel\.sdk)\.[A-Za-z0-9_.\-/]{0,240}")


def mutated(source: random.Random) -> bytes:
    """Make a body and damage it."""
    whole = metrics_request(attributes={"reason": str(source.randrange(10**9))}).SerializeToString()
    return damaged(whole, source, way=source.randrange(4))


def is_taken(metric: Any) -> bool:
    """Tell whether a metric, whose name is bytes, is one that is taken."""
    return NAME.fullmatch(metric.name.decode(errors="replace")) is not None


def has_value(kind: str, point: Any) -> bool:
    """Tell whether a point says a number."""
    return kind not in {"gauge", "sum"} or point.WhichOneof("value") is not None


def verdict(content: bytes) -> tuple[int, int, int]:
    """Judge a body by the reference parser: the status, the points with a value and an allowed name, the others.

    Its texts are read as bytes, since text that is no UTF-8 costs nothing.
    """
    try:
        made = texts_as_bytes(ExportMetricsServiceRequest).FromString(content)
    except DecodeError:
        return 400, 0, 0
    allowed = [is_taken(metric) and has_value(kind, point) for metric, kind, point in all_points(made)]
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


@pytest.mark.parametrize("encoding", ["protobuf", "json", "null"])
def test_a_point_without_a_value_is_no_zero(small_server: LocalServer, encoding: str) -> None:
    """Nobody measured anything: the point is told to the sender and not stored, the one beside it is."""
    made = ExportMetricsServiceRequest()
    metrics = made.resource_metrics.add().scope_metrics.add().metrics
    for kind in ("gauge", "sum"):
        points = getattr(metrics.add(name=f"hw.{encoding}.{kind}"), kind).data_points
        points.add(**TIMES)
        points.add(**TIMES, flags=1)
        points.add(**TIMES, as_double=0.0)
    before = small_server.counters["metrics"]["items"]
    if encoding == "protobuf":
        count, message = rejected(post_metrics(small_server.address, made.SerializeToString()))
    else:
        text = metrics_json(made)
        if encoding == "null":
            text = text.replace(b'"flags": 1', b'"asDouble": null')
        partial = post_metrics(small_server.address, text, content_type=JSON).json()["partialSuccess"]
        count, message = int(partial["rejectedDataPoints"]), partial["errorMessage"]
    assert (count, message) == (4, "4 points without a value: nobody measured 0")
    assert small_server.counters["metrics"]["items"] - before == 2
