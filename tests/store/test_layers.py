"""One call that client, gateway and engine tell of, or two instrumentations of one client, is one request."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.store.layers import Request, containers, passed_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modeltally.store import EmbeddedStore, Row
    from support.stores import Template

UTC = dt.UTC
MORNING = dt.datetime(2026, 3, 2, 10, 59, 58, tzinfo=UTC)
AS_OF = dt.datetime(2026, 3, 3, 12, tzinfo=UTC)
WINDOW: dict[str, object] = {"since": MORNING - dt.timedelta(days=1), "until": AS_OF, "as_of": AS_OF}
FLEW: dict[str, object] = {**WINDOW, "abandoned_after_seconds": 21600.0}
COLUMNS = (
    "Timestamp", "TraceId", "SpanId", "ParentSpanId", "SpanName", "ServiceName", "ResourceAttributes", "ScopeName",
    "SpanAttributes", "Duration", "StatusCode", "ReceivedAt",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Span:
    """A span of somebody's: milliseconds are counted from the beginning of its trace."""

    id: int
    parent: int = 0
    service: str = "app"
    scope: str = "opentelemetry.instrumentation.openai"
    begin_ms: float = 0
    end_ms: float = 1000
    is_error: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


def call(model: str, *, tokens: int = 0, answered: str = "", kind: str = "chat", **others: Any) -> Span:
    """A request to a model, by OpenTelemetry's conventions."""
    attributes = {
        "gen_ai.operation.name": kind,
        "gen_ai.request.model": model,
        "gen_ai.response.model": answered,
        "gen_ai.usage.input_tokens": str(tokens) if tokens else "",
        "gen_ai.usage.output_tokens": str(2 * tokens) if tokens else "",
    }
    return Span(attributes={name: value for name, value in attributes.items() if value}, **others)


CLIENT = call("best", id=1, tokens=10, end_ms=1000)
CLIENTS_HTTP = Span(id=2, parent=1, scope="opentelemetry.instrumentation.httpx", begin_ms=1, end_ms=999)
GATEWAY = call(
    "best", id=3, parent=2, service="proxy", scope="litellm", tokens=11, answered="llama", begin_ms=20, end_ms=980
)
GATEWAYS_HTTP = Span(
    id=4, parent=3, service="proxy", scope="opentelemetry.instrumentation.httpx", begin_ms=21, end_ms=970
)
ENGINE = call(
    "meta/llama", id=5, parent=4, service="vllm", scope="vllm.llm_engine", tokens=12, begin_ms=2500, end_ms=3400
)
PATH = (CLIENT, CLIENTS_HTTP, GATEWAY, GATEWAYS_HTTP, ENGINE)  # the engine's clock is ahead


def row(span: Span, trace: int, *, at: dt.datetime = MORNING, received: int = 0) -> list[object]:
    """The span as it lands."""
    begin = at + dt.timedelta(milliseconds=span.begin_ms)
    return [
        int(begin.timestamp() * 1_000_000) * 1000,
        f"{trace:032x}",
        f"{trace * 100 + span.id:016x}",
        f"{trace * 100 + span.parent:016x}" if span.parent else "",
        "span",
        span.service,
        {},
        span.scope,
        span.attributes,
        round((span.end_ms - span.begin_ms) * 1e6),
        "Error" if span.is_error else "Unset",
        AS_OF - dt.timedelta(hours=1) + dt.timedelta(seconds=received),
    ]


def land(store: EmbeddedStore, rows: Sequence[Sequence[object]]) -> None:
    """Have spans arrive."""
    store.database.insert_rows("otel_traces", COLUMNS, rows)


def by_model(store: EmbeddedStore) -> dict[str, tuple[object, object]]:
    """Requests and tokens in of each model."""
    return {
        str(found["model"]): (found["requests"], tokens["input_tokens"])
        for found in store.read("usage_by_model", FLEW)
        for tokens in [_tokens(store, str(found["model"]))]
    }


def _tokens(store: EmbeddedStore, model: str) -> Row:
    asked = {**FLEW, "kind": "model", "operation": "model.request"}
    return next(found for found in store.read("tokens_by_subject", asked) if found["subject"] == model)


@pytest.fixture
def store(template: Template, tmp_path: Path) -> Iterator[EmbeddedStore]:
    """Open an empty store."""
    with template.opened(tmp_path, clock=lambda: AS_OF) as opened:
        yield opened


@pytest.mark.parametrize("repeated", [1, 2])
def test_a_call_is_one_request_in_whichever_order_its_layers_arrive(store: EmbeddedStore, repeated: int) -> None:
    """Client, gateway, engine and what lies between, in each of 120 orders, rolled after each step; once and twice."""
    orders = list(itertools.permutations(PATH))
    for step in range(len(PATH)):
        for _ in range(repeated):
            land(store, [row(order[step], trace, received=step) for trace, order in enumerate(orders, start=1)])
            store.run("roll", {"as_of": AS_OF})
    store.run("roll", {"as_of": AS_OF})
    assert by_model(store) == {"meta/llama": (120, 120 * 12)}


def test_a_call_is_the_same_when_it_arrives_at_once(store: EmbeddedStore) -> None:
    """What is read before a roll counts each layer; the roll finds the one request, and says what is part of it."""
    land(store, [row(span, 1) for span in PATH])
    assert sum(int(str(found["requests"])) for found in store.read("usage_by_model", FLEW)) == 3
    store.run("roll", {"as_of": AS_OF})
    assert by_model(store) == {"meta/llama": (1, 12)}
    seen = {
        found["layer"]: (found["service"], found["spans"], found["requests"], found["nested"])
        for found in store.read("foreign_spans", {"since": WINDOW["since"], "until": WINDOW["until"]})
    }
    assert seen == {"client": ("app", 1, 1, 0), "gateway": ("proxy", 1, 1, 1), "engine": ("vllm", 1, 1, 1)}


def test_two_libraries_that_tell_of_one_call_count_once(store: EmbeddedStore) -> None:
    """One that makes its span afterwards, beside the other's and around its times."""
    around = call("best", id=7, scope="litellm", parent=6, begin_ms=0, end_ms=100)
    within = call("tiny", id=8, parent=6, tokens=5, begin_ms=3, end_ms=97)
    land(store, [row(span, 1) for span in (around, within)])
    store.run("roll", {"as_of": AS_OF})
    assert by_model(store) == {"tiny": (1, 5)}


def test_a_call_in_two_traces_is_known_by_its_answer(store: EmbeddedStore) -> None:
    """Libraries whose spans have no parent in common say the same id of the answer."""
    answer = {"gen_ai.response.id": "chatcmpl-7"}
    around = call("best", id=7, scope="litellm", end_ms=100)
    within = call("tiny", id=8, tokens=5, begin_ms=3, end_ms=97)
    other = call("tiny", id=9, tokens=5, begin_ms=3, end_ms=97)
    for trace, span, said in ((1, within, answer), (2, around, answer), (3, other, {"gen_ai.response.id": "another"})):
        land(store, [row(replace(span, attributes={**span.attributes, **said}), trace)])
        store.run("roll", {"as_of": AS_OF})
    assert by_model(store) == {"tiny": (2, 10)}


def test_calls_beside_each_other_are_requests_of_their_own(store: EmbeddedStore) -> None:
    """An agent's calls in one trace, embeddings within a call, and what two services do at one time are not one."""
    agent = [call("a", id=number, parent=9, begin_ms=number * 100, end_ms=number * 100 + 90) for number in range(1, 5)]
    whole = call("b", id=5, parent=9, begin_ms=0, end_ms=1000, scope="litellm", service="other")
    looked_up = call("c", id=6, parent=1, kind="embeddings", begin_ms=110, end_ms=120)
    land(store, [row(span, 1) for span in (*agent, whole, looked_up)])
    store.run("roll", {"as_of": AS_OF})
    assert {model: found[0] for model, found in by_model(store).items()} == {"a": 4, "b": 1, "c": 1}


def test_the_last_attempt_that_succeeded_is_passed_on(store: EmbeddedStore) -> None:
    """A gateway that tries a second model gives the caller that one's model and tokens, and one success."""
    tries = [
        call("busy", id=5, parent=3, service="proxy", tokens=3, begin_ms=30, end_ms=50, is_error=True),
        call("spare", id=6, parent=3, service="proxy", tokens=4, begin_ms=60, end_ms=900),
    ]
    land(store, [row(span, 1) for span in (CLIENT, CLIENTS_HTTP, GATEWAY, *tries)])
    store.run("roll", {"as_of": AS_OF})
    (found,) = store.read("usage_by_model", FLEW)
    assert (found["model"], found["requests"], found["failures"]) == ("spare", 1, 0)


def test_a_team_says_which_layer_a_name_stands_for(store: EmbeddedStore) -> None:
    """Spans of one that is ignored are no requests; those of one that is separate are never part of another's."""
    store.run("set_layer", {"scope": "litellm", "layer": "ignored"})
    store.run("set_layer", {"scope": "vllm.llm_engine", "service": "vllm", "layer": "separate"})
    land(store, [row(span, 1) for span in PATH])
    store.run("roll", {"as_of": AS_OF})
    assert by_model(store) == {"best": (1, 10), "meta/llama": (1, 12)}
    store.run("set_layer", {"scope": "litellm", "is_removed": True})
    land(store, [row(span, 2) for span in (GATEWAY,)])
    store.run("roll", {"as_of": AS_OF})
    assert by_model(store)["best"] == (2, 21)


def test_answers_say_that_nobody_knows_what_samplers_left_out(store: EmbeddedStore) -> None:
    """Coverage is unknown of a window with a day on which others told of requests, and exact of the day before."""
    land(store, [row(CLIENT, 1), row(replace(CLIENT, scope="modeltally"), 2, at=MORNING - dt.timedelta(days=1))])
    (both,) = store.read("answer_context", {"since": WINDOW["since"], "until": WINDOW["until"]})
    assert both["coverage"] == "unknown"
    (before,) = store.read("answer_context", {"since": WINDOW["since"], "until": dt.datetime(2026, 3, 2, tzinfo=UTC)})
    assert before["coverage"] is None


def request(span: str, begin: int, end: int | None, **others: Any) -> Request:
    """A request of a client, in seconds."""
    given = {
        "service": "app",
        "layer": "client",
        "scope": "a",
        "request_type": "chat",
        "outcome": "success",
        "response_id": "",
    }
    facts = ("m", "", 0, 0, 0, 0, 0)
    return Request(
        span=span,
        start_ns=begin * 10**9,
        end_ns=None if end is None else end * 10**9,
        **{**given, "facts": facts, **others},
    )


def test_parents_that_lead_in_a_circle_hold_nothing() -> None:
    """Ids that contradict each other end in requests of their own."""
    circle = [request("1", 0, 9), request("2", 1, 8)]
    assert containers(circle, {"1": "2", "2": "1"}) == {}


def test_what_is_within_two_is_in_the_shorter() -> None:
    """By their times, a request is in the nearest that ran around it."""
    requests = [request("1", 0, 10, scope="c"), request("2", 1, 9, scope="b"), request("3", 2, 8)]
    assert containers(requests, {"1": "0", "2": "0", "3": "0"}) == {"2": "1", "3": "2"}


def test_what_has_not_ended_holds_nothing_by_its_times() -> None:
    """Nobody knows yet what will have been within it."""
    assert containers([request("1", 0, None, scope="b"), request("2", 1, 2)], {"1": "0", "2": "0"}) == {}


def test_facts_are_of_the_innermost_that_tells_them() -> None:
    """An engine that says no tokens leaves those of the gateway; tokens of two are never mixed."""
    outer = request("1", 0, 9, facts=("best", "", 1, 0, 0, 0, 0))
    gateway = request("2", 1, 8, facts=("best", "llama", 5, 6, 1, 0, 0))
    engine = request("3", 2, 7, facts=("meta/llama", "", 0, 0, 7, 0, 0))
    assert passed_on(outer, [(1, gateway), (2, engine)]) == ("meta/llama", "llama", 5, 6, 1, 0, 0)
