"""What no figure can use lands all the same, and is judged in SQL: quarantined, or counted without the nonsense."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from collector.conftest import settle
from modeltally.store import open_store
from receiver.bodies import START_NS, Sender, only_span, put, request
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from collector.running import Collector, StubStore

SECOND_NS = 10**9
YEAR_2262_NS = 9_214_646_400 * SECOND_NS
LARGEST = 2**64 - 1
FACTS: Mapping[str, object] = {"modeltally.operation": "model.request", "modeltally.outcome": "success"}

# what is wrong -> start, end, attributes besides the facts
TIMES: Mapping[str, tuple[int, int]] = {
    "start in 2262": (YEAR_2262_NS, YEAR_2262_NS + SECOND_NS),
    "start at zero": (0, SECOND_NS),
    "largest start, read as 1969": (LARGEST, LARGEST),
    "tomorrow's tomorrow": (int(dt.datetime(2090, 1, 1, tzinfo=dt.UTC).timestamp()) * SECOND_NS,) * 2,
}
ODD_VALUES: Mapping[str, Mapping[str, object]] = {
    "plain": {},
    "tokens beyond a word": {"gen_ai.usage.input_tokens": str(2**64)},
    "negative tokens": {"gen_ai.usage.input_tokens": -5},
    "bytes": {"modeltally.project": b"\xff\x00"},
    "not a number": {"modeltally.quality.score": float("nan"), "modeltally.queue.duration": float("nan")},
    "no end": {"modeltally.queue.duration": float("inf"), "modeltally.cost.amount": float("-inf")},
}


def _span(number: int, *, start: int = START_NS, end: int | None = None, **more: Any) -> ExportTraceServiceRequest:
    made = request(seed=number, attributes={**FACTS, **more.get("attributes", {})})
    span = only_span(made)
    span.start_time_unix_nano = start
    span.end_time_unix_nano = start + SECOND_NS if end is None else end
    put(span.attributes, {"modeltally.model.id": more["model"]})
    return made


def _bad() -> dict[str, ExportTraceServiceRequest]:
    """Spans for the quarantine, by what is wrong with them."""
    made = {
        name: _span(number, start=start, end=end, model=name)
        for number, (name, (start, end)) in enumerate(TIMES.items())
    }
    for number, (name, field) in enumerate({"no trace id": "trace_id", "no span id": "span_id"}.items(), start=50):
        made[name] = _span(number, model=name)
        setattr(only_span(made[name]), field, b"")
    return made


def test_garbage_is_stored_judged_and_in_no_figure(collector: Collector, store: StubStore) -> None:
    """Every impossible span lands; six are in quarantine, each with its reason; the others count, without nonsense."""
    bad, good = _bad(), {}
    for number, (name, attributes) in enumerate(ODD_VALUES.items(), start=100):
        good[name] = _span(number, model=name, attributes=attributes)
    good["end before start"] = _span(200, end=START_NS - SECOND_NS, model="end before start")
    good["largest end"] = _span(201, end=LARGEST, model="largest end")

    sender = Sender(collector.url)
    for made in (*bad.values(), *good.values()):
        assert sender.send(made.SerializeToString()).status == 200
    settled = only_span(_span(300, model="three bytes"))
    broken = _span(300, model="three bytes")
    only_span(broken).trace_id = settled.trace_id[:3]
    assert sender.send(broken.SerializeToString()).status == 400
    sender.close()
    settle(collector, store)

    opened = open_store(store.directory)
    try:
        (landed,) = ask(opened, "SELECT count() AS spans FROM otel_traces")
        reasons = {
            row["model"]: row["reason"]
            for row in ask(
                opened, "SELECT extract(detail, 'model (.*), service') AS model, reason FROM usage_quarantine"
            )
        }
        window = {"since": dt.datetime(2000, 1, 1, tzinfo=dt.UTC), "until": dt.datetime(2100, 1, 1, tzinfo=dt.UTC)}
        (overview,) = opened.read(
            "usage_overview", {**window, "as_of": window["until"], "abandoned_after_seconds": 1.0}
        )
        events = {
            row["model"]: row
            for row in ask(opened, "SELECT model, input_tokens, duration_us, queue_us, quality_ppm FROM usage_events")
        }
    finally:
        opened.close()

    assert landed["spans"] == len(bad) + len(good)
    assert reasons == {
        "start in 2262": "time_out_of_range",
        "start at zero": "time_out_of_range",
        "largest start, read as 1969": "time_out_of_range",
        "tomorrow's tomorrow": "time_in_future",
        "no trace id": "bad_id",
        "no span id": "bad_id",
    }
    assert events.keys() == good.keys()
    assert overview["requests"] == overview["successes"] == len(good)
    assert overview["input_tokens"] == 0
    assert events["end before start"]["duration_us"] is None
    assert events["not a number"]["quality_ppm"] is None
    assert [events[name]["queue_us"] for name in ("not a number", "no end")] == [None, None]
