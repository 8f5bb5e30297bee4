"""One piece that protobuf's parsers refuse does not cost the good ones beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.receiver.spans.accept import Spans
from modeltally.store import EmbeddedStore
from receiver.bodies import ATTRIBUTES, JSON, only_span, otlp_json, post, put, request
from receiver.metric_bodies import all_points, metrics_json, metrics_request, post_metrics, rejected
from receiver.test_bombs import nested
from receiver.test_grpc import METRICS_METHOD, TRACES_METHOD, connected
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.server import LocalServer

MARK = "caf\N{LATIN SMALL LETTER E WITH ACUTE}!"
LATIN_1 = b"caf\xe9\xe9!"  # as long as the mark is in UTF-8, so that it can take its place


# Every place of a request with spans that can hold a text, and how to put one there.
PLACES: dict[str, Callable[[Any, Any], object]] = {
    "kept attribute": lambda _, span: put(span.attributes, {"modeltally.context.id": MARK}),
    "dropped attribute": lambda _, span: put(span.attributes, {"url.full": MARK}),
    "attribute's name": lambda _, span: put(span.attributes, {MARK: 1}),
    "list": lambda _, span: put(span.attributes, {"gen_ai.response.finish_reasons": [MARK]}),
    "map": lambda _, span: put(span.attributes, {"deep": {MARK: {MARK: [MARK]}}}),
    "span's name": lambda _, span: setattr(span, "name", MARK),
    "state": lambda _, span: setattr(span, "trace_state", MARK),
    "status": lambda _, span: setattr(span.status, "message", MARK),
    "event": lambda _, span: span.events.add(name=MARK),
    "event's attribute": lambda _, span: put(span.events.add().attributes, {"exception.type": MARK}),
    "link's state": lambda _, span: span.links.add(trace_id=b"1" * 16, span_id=b"2" * 8, trace_state=MARK),
    "scope": lambda outer, _: setattr(outer.scope_spans[0].scope, "version", MARK),
    "scope's attribute": lambda outer, _: put(outer.scope_spans[0].scope.attributes, {"note": MARK}),
    "resource": lambda outer, _: put(outer.resource.attributes, {"service.version": MARK}),
    "schema": lambda outer, _: setattr(outer, "schema_url", MARK),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("transport", ["http", "grpc", "json", "half a pair"])
def test_a_text_that_is_no_utf8_costs_no_span(small_server: LocalServer, place: str, transport: str) -> None:
    """Bytes of Latin-1, or half a surrogate pair, in any place: every span is taken."""
    made = request(2, resource={"service.name": transport})
    PLACES[place](made.resource_spans[0], made.resource_spans[0].scope_spans[0].spans[0])
    before = small_server.counters["traces"]["items"]
    whole = made.SerializeToString()
    if transport in {"http", "grpc"}:
        broken = whole.replace(MARK.encode(), LATIN_1)
        assert broken != whole
        if transport == "grpc":
            with connected(small_server) as call:
                assert call(TRACES_METHOD, broken) == b""
        else:
            answer = post(small_server.address, broken)
            assert (answer.status, answer.content) == (200, b"")
    else:
        text = otlp_json(made)
        replacement = LATIN_1 if transport == "json" else b"caf\\ud83d"
        broken = text.replace(json.dumps(MARK)[1:-1].encode(), replacement)
        assert broken != text
        answer = post(small_server.address, broken, content_type=JSON)
        assert (answer.status, answer.content) == (200, b"{}")
    assert small_server.counters["traces"]["items"] - before == 2


def test_what_is_no_utf8_is_stored_as_replacement_characters(small_server: LocalServer) -> None:
    """The broken text is kept but for its broken bytes, beside everything else of its span."""
    sender = {"service.name": "latin"}
    given = {**ATTRIBUTES, "modeltally.context.id": MARK, "deep": {"a": [MARK]}}
    made = request(2, attributes=given, resource=sender)
    assert post(small_server.address, made.SerializeToString().replace(MARK.encode(), LATIN_1)).status == 200
    text = otlp_json(request(1, seed=1, attributes=given, resource=sender))
    text = text.replace(json.dumps(MARK)[1:-1].encode(), b"caf\\ud83d\\ud83d!")
    assert post(small_server.address, text, content_type=JSON).status == 200
    rows = found(small_server, "SELECT SpanAttributes AS kept FROM otel_traces WHERE ServiceName = 'latin'")
    assert [row["kept"]["modeltally.context.id"] for row in rows] == ["caf\ufffd\ufffd!"] * 3
    assert all(row["kept"].keys() == {*ATTRIBUTES, "modeltally.context.id"} for row in rows)
    counted = found(small_server, "SELECT count() AS events FROM usage_events WHERE service = 'latin'")
    assert counted == [{"events": 3}]


@pytest.mark.parametrize("transport", ["http", "grpc", "json", "half a pair"])
def test_metrics_are_read_as_leniently(small_server: LocalServer, transport: str) -> None:
    """Broken text in a point, its exemplar, a description and a unit costs no point."""
    made = metrics_request(resource={"service.name": transport, "service.version": MARK})
    for metric, kind, point in all_points(made):
        metric.description = metric.unit = MARK
        put(point.attributes, {"secret": MARK, "reason": MARK})
        if kind != "summary":
            put(point.exemplars.add(as_double=1.0).filtered_attributes, {"a": {"b": MARK}})
    before = small_server.counters["metrics"]["items"]
    if transport in {"http", "grpc"}:
        broken = made.SerializeToString().replace(MARK.encode(), LATIN_1)
        if transport == "grpc":
            with connected(small_server) as call:
                assert call(METRICS_METHOD, broken) == b""
        else:
            assert rejected(post_metrics(small_server.address, broken)) == (0, "")
    else:
        replacement = LATIN_1 if transport == "json" else b"caf\\ud83d"
        broken = metrics_json(made).replace(json.dumps(MARK)[1:-1].encode(), replacement)
        answer = post_metrics(small_server.address, broken, content_type=JSON)
        assert (answer.status, answer.content) == (200, b"{}")
    assert small_server.counters["metrics"]["items"] - before == 5


def found(server: LocalServer, question: str) -> list[dict[str, Any]]:
    """Ask a running server's store, once it has stored everything."""
    assert server.wait_until_stored()
    store = server._store
    assert isinstance(store, EmbeddedStore)
    return ask(store, question)


def the_json(spans: int = 2) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make a JSON body as objects; gives it, and its spans."""
    content = json.loads(otlp_json(request(spans)))
    return content, content["resourceSpans"][0]["scopeSpans"][0]["spans"]


def taken(server: LocalServer, text: str) -> tuple[int, int]:
    """Send JSON that must be acknowledged; gives how many spans were taken, and how many rejected."""
    before = server.counters["traces"]["items"]
    answer = post(server.address, text.encode(), content_type=JSON)
    assert answer.status == 200, answer.content
    rejected_spans = int(answer.json().get("partialSuccess", {}).get("rejectedSpans", 0))
    return server.counters["traces"]["items"] - before, rejected_spans


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('"kind": 1', '"kind": 1, "kind": 2', (2, 0)),
        ('"name": "gen', '"name": "x", "name": "gen', (2, 0)),
        ('"traceId"', '"trace_id": "00", "traceId"', (2, 0)),
        ('"kind": 1', '"kind": 1, "links": [null]', (2, 0)),
        ('"kind": 1', '"kind": 1, "events": [null, {"name": null}]', (2, 0)),
        ('"attributes": [', '"attributes": [null, ', (2, 0)),
        ('"spans": [', '"spans": [null, ', (2, 1)),
        ('"scopeSpans": [', '"scopeSpans": [null, ', (2, 0)),
        ('"resourceSpans": [', '"resourceSpans": [null, ', (2, 0)),
        ('"resourceSpans": [', '"resourceSpans": [], "resourceSpans": [', (2, 0)),
        ('"stringValue": "success"', '"intValue": 1, "stringValue": "success"', (2, 0)),
        ('"stringValue": "success"', '"stringValue": "x", "arrayValue": {"values": [null]}', (2, 0)),
        ('"kind": 1', '"kind": 1, "links": [{"traceId": "0123456789abcdef0", "spanId": "-"}]', (2, 0)),
        ('"kind": 1', '"kind": 1, "parentSpanId": "0123456789abcdef0"', (2, 0)),
    ],
)
def test_json_that_the_collector_takes_is_taken(
    small_server: LocalServer, before: str, after: str, expected: tuple[int, int]
) -> None:
    """Keys that come twice, two values of a oneof, null in a list and ids nobody needs cost no span."""
    text = json.dumps(the_json()[0])
    assert before in text
    assert taken(small_server, text.replace(before, after)) == expected


@pytest.mark.parametrize("behind", ["]}", "\n\n", "\x00", "{}", ", and more"])
def test_what_follows_the_json_costs_nothing(small_server: LocalServer, behind: str) -> None:
    """The body ends where its object does."""
    assert taken(small_server, json.dumps(the_json()[0]) + behind) == (2, 0)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "1e400"])
def test_a_number_beyond_all_numbers_is_no_server_error(small_server: LocalServer, number: str) -> None:
    """Where a word of an enum belongs, it is refused or read as nothing."""
    metric = '{"sum": {"aggregationTemporality": N}}'
    for path, text in (
        ("/v1/traces", '{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": N}]}]}]}'),
        ("/v1/metrics", f'{{"resourceMetrics": [{{"scopeMetrics": [{{"metrics": [{metric}]}}]}}]}}'),
    ):
        answer = post(small_server.address, text.replace(": N", f": {number}").encode(), content_type=JSON, path=path)
        assert answer.status in {200, 400}


def test_a_body_that_breaks_the_reading_is_refused_for_good(
    small_server: LocalServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of ours is answered 400, since the same body would fail again, and stands in the log."""

    def broken(*_: object) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(Spans, "split", broken)
    assert post(small_server.address, otlp_json(request()), content_type=JSON).status == 400
    assert "nobody foresaw" in caplog.text
    monkeypatch.setattr(Spans, "split", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
    assert post(small_server.address, otlp_json(request()), content_type=JSON).status == 503


@pytest.mark.parametrize("digits", ["0" * 15 + "1", "1" * 15, "1" * 17, "1" * 31, "1" * 33, "-" * 16, "z" * 16, "é", 7])
@pytest.mark.parametrize("name", ["traceId", "spanId"])
def test_an_id_of_another_form_costs_its_own_span(small_server: LocalServer, name: str, digits: object) -> None:
    """Whatever an id is written like, its span is rejected alone."""
    content, spans = the_json(3)
    spans[1][name] = digits if (name, digits) != ("spanId", "0" * 15 + "1") else ""
    assert taken(small_server, json.dumps(content)) == (2, 1)


def test_the_last_key_and_the_last_value_win(small_server: LocalServer) -> None:
    """Of a key that comes twice, and of two values, the last one is stored; lists under one key are one list."""
    content, spans = the_json(1)
    spans[0]["attributes"] = []
    content["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"] = "twice"
    text = json.dumps(content).replace(
        '"attributes": []',
        '"attributes": [{"key": "modeltally.task", "value": {"stringValue": "one"}}],'
        '"attributes": [{"key": "modeltally.project", "value": {"stringValue": "a", "intValue": 2}},'
        ' {"key": "x", "key": "modeltally.device", "value": {"stringValue": "b", "intValue": 3, "stringValue": "c"}}]',
    )
    assert taken(small_server, text) == (1, 0)
    (row,) = found(small_server, "SELECT SpanAttributes AS kept FROM otel_traces WHERE ServiceName = 'twice'")
    assert row["kept"] == {"modeltally.task": "one", "modeltally.project": "2", "modeltally.device": "c"}


def test_quarantine_says_that_an_id_is_not_hex(small_server: LocalServer) -> None:
    """The reason names the form, not a length that nobody sent."""
    content, spans = the_json(2)
    spans[0]["spanId"], spans[0]["traceId"] = "0123456789abcdef0", "ab" * 16
    assert taken(small_server, json.dumps(content)) == (1, 1)
    rows = found(small_server, "SELECT reason, trace_id, span_id, detail FROM usage_quarantine")
    (row,) = (row for row in rows if row["trace_id"] == "ab" * 16)
    assert row == {
        "reason": "bad_identity",
        "trace_id": spans[0]["traceId"],
        "span_id": "",
        "detail": "the span id is not written in pairs of hex digits",
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"count": "6"', '"count": "6", "count": "7"'),
        ('"asDouble": 2.5', '"asInt": 1, "asDouble": 2.5'),
        ('"dataPoints": [', '"dataPoints": [null, '),
        ('"metrics": [', '"metrics": [null, '),
        ('"unit": "s"', '"unit": "s", "metadata": [null]'),
        ('"asDouble": 2.5', '"asDouble": 2.5, "exemplars": [{"traceId": "0123456789abcdef0", "spanId": "_"}]'),
    ],
)
def test_json_of_metrics_that_the_collector_takes_is_taken(small_server: LocalServer, before: str, after: str) -> None:
    """The same holds for metrics: no point is lost by another piece."""
    text = metrics_json(metrics_request()).decode()
    assert before in text
    count = small_server.counters["metrics"]["items"]
    answer = post_metrics(small_server.address, text.replace(before, after).encode(), content_type=JSON)
    assert answer.status == 200, answer.content
    assert small_server.counters["metrics"]["items"] - count >= 5


def test_values_nested_deeply_cost_no_span(small_server: LocalServer) -> None:
    """A value of two hundred levels, which no parser here reads, is left out and its span kept."""
    value = b"\x0a\x04deep"
    for _ in range(100):
        value = nested(5, nested(1, value))
    attribute = nested(9, nested(1, b"gen_ai.response.id") + nested(2, value))
    span = only_span(request()).SerializeToString() + attribute
    before = small_server.counters["traces"]["items"]
    assert post(small_server.address, nested(1, nested(2, nested(2, span)))).status == 200
    assert small_server.counters["traces"]["items"] - before == 1

    deep: dict[str, Any] = {"stringValue": "deep"}
    for _ in range(60):
        deep = {"arrayValue": {"values": [{"kvlistValue": {"values": [{"key": "k", "value": deep}]}}]}}
    content, spans = the_json()
    spans[0]["attributes"].append({"key": "gen_ai.response.id", "value": deep})
    assert taken(small_server, json.dumps(content)) == (2, 0)
