"""What of metrics is private is not written to disk, and what is made to be large is small."""

from __future__ import annotations

import gzip
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from modeltally.receiver.accept import filter_body
from modeltally.receiver.metrics.accept import Metrics
from modeltally.receiver.otlp import Encoding
from receiver.bodies import Answer, fill_texts, put
from receiver.metric_bodies import (
    TIMES,
    all_metrics,
    all_points,
    counter,
    metrics_request,
    post_metrics,
    rejected,
    rows_of,
)
from receiver.test_bombs import nested
from support.memory import measured

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.receiver.metrics.filter import FilteredMetrics
    from modeltally.server import LocalServer

CANARY = "canary-prompt-7f3a"
EMPTY = 5_000_000


def bombs() -> dict[str, bytes]:
    """Bodies that are small on the wire and large in memory."""

    def in_metric(data: bytes) -> bytes:
        return nested(1, nested(2, nested(2, data)))

    named = nested(1, b"modeltally.x")
    deep = b"\x08\x01"
    for _ in range(5000):
        deep = nested(5, nested(1, deep))
    heavy = nested(1, nested(1, nested(1, b"service.name") + nested(2, nested(1, b"x" * 60_000))))
    scopes = nested(2, nested(2, named + nested(5, nested(1, b""))) + nested(1, nested(1, b"s" * 30))) * 20_000
    return {
        "many empty points": gzip.compress(in_metric(named + nested(5, b"\x0a\x00" * EMPTY))),
        "many empty kinds": gzip.compress(in_metric(named + b"\x2a\x00" * EMPTY)),
        "many empty metrics": gzip.compress(nested(1, nested(2, b"\x12\x00" * EMPTY))),
        "many empty scopes": gzip.compress(nested(1, b"\x12\x00" * EMPTY)),
        "many empty resources": gzip.compress(b"\x0a\x00" * EMPTY),
        "many empty attributes": gzip.compress(in_metric(named + nested(5, nested(1, b"\x3a\x00" * EMPTY)))),
        "a million attributes": gzip.compress(
            in_metric(named + nested(5, nested(1, b"".join(nested(7, nested(1, b"%d" % n)) for n in range(1_000_000)))))
        ),
        "many empty quantiles": gzip.compress(in_metric(named + nested(11, nested(1, b"\x32\x00" * EMPTY)))),
        "many empty exemplars": gzip.compress(in_metric(named + nested(5, nested(1, b"\x2a\x00" * EMPTY)))),
        "many buckets": gzip.compress(in_metric(named + nested(10, nested(1, nested(8, nested(2, bytes(2 * EMPTY))))))),
        "a heavy resource repeated": gzip.compress(nested(1, heavy + scopes)),
        "a thousand to one": gzip.compress(bytes(200_000_000)),
        "many gzip members": gzip.compress(b"") * 800_000,
        "nested deeply": gzip.compress(in_metric(named + nested(5, nested(1, nested(7, nested(2, deep)))))),
    }


@pytest.mark.slow(seconds=6, why="bodies of hundreds of megabytes")
def test_bombs_cost_little_memory_and_others_are_served(server: LocalServer) -> None:
    """With the usual limits: each bomb is refused or defused, memory grows by less than 200 MB, others get 200."""
    packed = bombs()
    assert post_metrics(server.address, counter(1, points=500)).status == 200
    assert server.wait_until_stored()
    answers: dict[str, Answer] = {}

    def throw(name: str) -> None:
        answers[name] = post_metrics(server.address, packed[name], encoding="gzip", packed=True)

    throwers = [threading.Thread(target=throw, args=(name,)) for name in packed]
    with measured() as memory:
        for thrower in throwers:
            thrower.start()
        others = [post_metrics(server.address, counter(100 + number, points=20)).status for number in range(5)]
        for thrower in throwers:
            thrower.join()
    assert set(others) == {200}
    defused = {name: rejected(answer) for name, answer in answers.items() if answer.status == 200}
    assert {name: answer.status for name, answer in answers.items() if name not in defused} == {
        "many empty points": 413,
        "many empty kinds": 413,
        "many empty metrics": 413,
        "many empty scopes": 413,
        "many empty resources": 413,
        "a heavy resource repeated": 413,
        "a thousand to one": 413,
        "many gzip members": 400,
    }
    assert {name: count for name, (count, _) in defused.items()} == {
        "many empty attributes": 1,
        "a million attributes": 1,
        "many empty quantiles": 1,
        "many empty exemplars": 1,
        "many buckets": 1,
        "nested deeply": 1,
    }
    assert memory.grown_mb < 200


def test_texts_and_lists_are_bounded(server: LocalServer) -> None:
    """A point cannot be made large by what may pass."""
    made = metrics_request(attributes={"reason": "r" * 5000, **{f"hw.{chr(97 + n)}": n for n in range(26)}})
    for metric in all_metrics(made):
        metric.description, metric.unit = "d" * 5000, "u" * 5000
    wide = made.resource_metrics[0].scope_metrics[0].metrics.add(name="modeltally.wide")
    wide.histogram.data_points.add(**TIMES, bucket_counts=[0] * 1025)
    wide.histogram.data_points.add(**TIMES, bucket_counts=[1] * 1024)
    count, message = rejected(post_metrics(server.address, made.SerializeToString()))
    assert (count, message) == (1, "1 points too large to be kept; a point may have 1024 buckets and 64 KiB")
    assert server.wait_until_stored()
    server.stop()
    rows = rows_of(server.directory)
    (gauge,) = rows["gauge"]
    assert (gauge["MetricDescription"], gauge["MetricUnit"]) == ("", "")
    assert len(gauge["Attributes"]["reason"]) == 256
    assert sorted(gauge["Attributes"]) == [*(f"hw.{chr(97 + n)}" for n in range(16)), "reason"]
    assert [len(row["BucketCounts"]) for row in rows["histogram"] if row["MetricName"] == "modeltally.wide"] == [1024]


def test_no_prompt_and_no_user_reaches_the_disk(server: LocalServer) -> None:
    """Wherever a prompt or a user hides in a body of metrics, no file of the data directory has it."""
    allowed = {"gen_ai.token.type": "input", "hw.id": "GPU-1", "otel.metric.overflow": True, "error.type": "Timeout"}
    made = metrics_request(
        attributes={
            **allowed,
            "gen_ai.prompt": CANARY,
            "gen_ai.input.messages": [CANARY],
            "user.id": CANARY,
            "user.hash": "00112233aabbccdd",
            "enduser.id": CANARY,
            "session.id": CANARY,
            "acme.note": CANARY,
            "gen_ai.response.model": {"nested": CANARY},
            "server.address": CANARY.encode(),
        },
        resource={"service.name": "painter", "process.command_line": CANARY, "process.command_args": [CANARY]},
    )
    resource_metrics = made.resource_metrics[0]
    scope_metrics = resource_metrics.scope_metrics[0]
    resource_metrics.schema_url = scope_metrics.schema_url = CANARY
    put(scope_metrics.scope.attributes, {"note": CANARY})
    for metric, kind, point in all_points(made):
        put(metric.metadata, {"note": CANARY})
        if kind != "summary":
            exemplar = point.exemplars.add(as_double=1.0, trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
            put(exemplar.filtered_attributes, {"gen_ai.prompt": CANARY})
    foreign = scope_metrics.metrics.add(name=f"acme.{CANARY}", description=CANARY)
    put(foreign.gauge.data_points.add(as_int=1).attributes, {"reason": CANARY})
    sent = made.SerializeToString() + b"\xfa\x3f" + bytes([len(CANARY)]) + CANARY.encode()
    assert CANARY.encode() in sent
    assert rejected(post_metrics(server.address, sent))[0] == 1
    spooled = _with(server.directory, CANARY.encode())
    assert server.wait_until_stored()
    server.stop()
    assert [*spooled, *_with(server.directory, CANARY.encode())] == []
    assert _with(server.directory, b"00112233aabbccdd") == []
    for found in rows_of(server.directory).values():
        assert [row["Attributes"] for row in found] == [
            {"gen_ai.token.type": "input", "hw.id": "GPU-1", "otel.metric.overflow": "true", "error.type": "Timeout"}
        ]
        assert [row["ResourceAttributes"] for row in found] == [{"service.name": "painter"}]
        assert all(row.get("Exemplars.Value", []) == [] for row in found)


def _with(directory: Path, text: bytes) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and text in path.read_bytes()]


@pytest.mark.parametrize("unit", ["1", "s", "ms", "By", "MiBy", "%", "W", "Cel", "{token}", "{operation}", "By/s", ""])
def test_units_that_are_known_are_kept(unit: str) -> None:
    """The units of the standard and of ours pass."""
    assert kept_of(unit).unit == unit


@pytest.mark.parametrize("unit", [CANARY, "{" + CANARY + "}", "a secret", "s and a secret", "s\n", "u" * 64])
def test_other_units_and_every_description_go(unit: str) -> None:
    """A unit that nobody knows may be a text, and a description is one."""
    kept = kept_of(unit)
    assert (kept.unit, kept.description) == ("", "")


def kept_of(unit: str) -> Any:
    """Filter a gauge of a unit; gives what is kept of the metric."""
    made = ExportMetricsServiceRequest()
    metric = made.resource_metrics.add().scope_metrics.add().metrics.add(name="hw.power", unit=unit, description=CANARY)
    metric.gauge.data_points.add(**TIMES, as_double=1.0)
    return next(iter(all_metrics(ExportMetricsServiceRequest.FromString(filtered(made).payload))))


def filtered(made: ExportMetricsServiceRequest) -> FilteredMetrics:
    """Filter a request."""
    return filter_body(Metrics(), made.SerializeToString(), Encoding.PROTOBUF, max_items=100, received_ms=0)


def test_a_canary_in_every_text_of_metrics_is_nowhere() -> None:
    """Each text field of a body of metrics is filled by reflection; what is kept has none of it, but the name."""
    for scope in ("modeltally", f"modeltally {CANARY}"):
        made = ExportMetricsServiceRequest()
        fill_texts(made, CANARY)
        metric = made.resource_metrics[0].scope_metrics[0].metrics[0]
        metric.name = "hw.power"
        metric.gauge.Clear()
        point = metric.gauge.data_points.add()
        fill_texts(point, CANARY)
        point.as_double = 1.0
        made.resource_metrics[0].scope_metrics[0].scope.name = scope
        put(point.attributes, {f"hw.{CANARY}": CANARY, f"hw.a {CANARY}": 1})
        assert made.SerializeToString().count(CANARY.encode()) > 10
        result = filtered(made)
        assert result.items == 1
        assert CANARY.encode() not in result.payload
