"""The store on one machine: batches stored once, names that are known, quarantine."""

from __future__ import annotations

import datetime as dt
import struct
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import StoreError, UnknownNameError
from modeltally.store import EmbeddedStore, QuarantinedSpan, open_store
from receiver.bodies import ATTRIBUTES, START_NS, request
from support.stores import ask

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

RECEIVED_MS = START_NS // 10**6 + 5_000
RECEIVED_AT = dt.datetime.fromtimestamp(RECEIVED_MS / 1000, tz=dt.UTC)
COUNTS = "SELECT count() AS landed, (SELECT count() FROM usage_events) AS events FROM otel_traces"


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def batch_of(path: Path, *bodies: ExportTraceServiceRequest) -> Path:
    """Write a batch the way the receiver spools it: each body with its time of receipt, after its length."""
    received = _varint(1000 << 3 | 1) + struct.pack("<Q", RECEIVED_MS)
    messages = [body.SerializeToString() + received for body in bodies]
    path.write_bytes(b"".join(_varint(len(message)) + message for message in messages))
    return path


def test_batch_is_stored_once_however_often_it_is_handed_over(store: EmbeddedStore, tmp_path: Path) -> None:
    """The same bytes under the same id land once, and become events once; under another id they are another batch."""
    batch = batch_of(tmp_path / "batch", request(30, seed=1), request(20, seed=2))
    store.insert_spans(batch, batch_id="first")
    store.insert_spans(batch, batch_id="first")
    assert ask(store, COUNTS) == [{"landed": 50, "events": 50}]
    store.insert_spans(batch, batch_id="second")
    assert ask(store, COUNTS) == [{"landed": 100, "events": 100}]
    window = {"since": RECEIVED_AT - dt.timedelta(days=1), "until": RECEIVED_AT, "as_of": RECEIVED_AT}
    (row,) = store.read("usage_overview", {**window, "abandoned_after_seconds": 60})
    assert row["requests"] == 50


def test_batch_keeps_what_a_span_says(store: EmbeddedStore, tmp_path: Path) -> None:
    """Ids, times and values of every type arrive as they were sent, as text where the table holds text."""
    body = request(1, seed=3)
    span = body.resource_spans[0].scope_spans[0].spans[0]
    store.insert_spans(batch_of(tmp_path / "batch", body), batch_id="one")
    (landed,) = ask(
        store,
        "SELECT TraceId, SpanId, toUnixTimestamp64Nano(Timestamp) AS start, Duration, ServiceName, ScopeName,"
        " SpanKind, SpanAttributes, ReceivedAt FROM otel_traces",
    )
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in ATTRIBUTES.items()}
    assert landed == {
        "TraceId": span.trace_id.hex(),
        "SpanId": span.span_id.hex(),
        "start": START_NS,
        "Duration": span.end_time_unix_nano - span.start_time_unix_nano,
        "ServiceName": "painter",
        "ScopeName": "modeltally",
        "SpanKind": "Internal",
        "SpanAttributes": texts,
        "ReceivedAt": RECEIVED_AT,
    }
    (event,) = ask(
        store, "SELECT model, outcome, task, provider, input_tokens, hex(user_hash) AS user FROM usage_events"
    )
    assert event == {
        "model": "flux-dev",
        "outcome": "success",
        "task": "text_to_image",
        "provider": "diffusers",
        "input_tokens": 77,
        "user": "112233AABBCCDD",
    }


def test_span_that_ends_before_it_starts_has_no_duration(store: EmbeddedStore, tmp_path: Path) -> None:
    """Its duration wraps on the way and is flagged in the event."""
    body = request(1, seed=4)
    span = body.resource_spans[0].scope_spans[0].spans[0]
    span.end_time_unix_nano = span.start_time_unix_nano - 1
    store.insert_spans(batch_of(tmp_path / "batch", body), batch_id="one")
    assert ask(store, "SELECT duration_us, is_duration_invalid FROM usage_events") == [
        {"duration_us": None, "is_duration_invalid": True}
    ]


def test_batch_that_cannot_be_read_is_refused(store: EmbeddedStore, tmp_path: Path) -> None:
    """Bytes that are no batch, or a file that is missing, raise and leave nothing behind."""
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x05\xff\xff\xff\xff\xff")
    for path in (broken, tmp_path / "missing"):
        with pytest.raises(StoreError, match="insert_spans failed"):
            store.insert_spans(path, batch_id="broken")
    assert ask(store, COUNTS) == [{"landed": 0, "events": 0}]


def test_quarantined_spans_are_counted_in_the_context_of_answers(store: EmbeddedStore) -> None:
    """What the receiver refused is kept with its reason, and shown with every answer about the time."""
    spans = [QuarantinedSpan(RECEIVED_AT, "bad_id", "abc", "", "generate", "from painter") for _ in range(2)]
    store.quarantine(spans)
    window = {"since": RECEIVED_AT, "until": RECEIVED_AT + dt.timedelta(seconds=1)}
    assert store.read("answer_context", window)[0]["quarantined"] == 2
    assert ask(store, "SELECT DISTINCT reason, trace_id, detail FROM usage_quarantine") == [
        {"reason": "bad_id", "trace_id": "abc", "detail": "from painter"}
    ]


def test_unknown_view_and_job_offer_the_nearest(store: EmbeddedStore) -> None:
    """A slip is answered with the name that was meant."""
    with pytest.raises(UnknownNameError, match="no view is named 'usage_overvew'; did you mean 'usage_overview'"):
        store.read("usage_overvew", {})
    with pytest.raises(UnknownNameError, match="no job is named 'erase_usr'; did you mean 'erase_user'"):
        store.run("erase_usr", {})


def test_time_of_a_job_is_its_parameter_or_the_clock(store: EmbeddedStore) -> None:
    """A job goes by the time it is given, else by the store's clock."""
    at = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    clocked = EmbeddedStore(store.database, settings=store.settings, jobs={}, clock=lambda: at)
    assert clocked.as_of({}) == at
    assert clocked.as_of({"as_of": "2026-03-03T00:00:00"}) == at + dt.timedelta(days=1)


def test_store_keeps_its_rows_over_a_restart(tmp_path: Path) -> None:
    """What was stored is there when the directory is opened again."""
    first = open_store(tmp_path)
    first.migrate()
    first.insert_spans(batch_of(tmp_path / "batch", request(10, seed=5)), batch_id="one")
    first.close()
    again = open_store(tmp_path)
    assert again.migrate() == []
    again.insert_spans(tmp_path / "batch", batch_id="one")
    assert ask(again, COUNTS) == [{"landed": 10, "events": 10}]
    again.close()
