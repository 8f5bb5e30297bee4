"""One call that client, gateway and engine tell of, or two instrumentations of one client, is one request."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.store import layer_job, sql
from modeltally.store.layers import Request, containers

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


# the copy that counts of what does not count
MARKS = """
SELECT outcome FROM usage_events WHERE NOT is_counted ORDER BY is_unfinished, received_at LIMIT 1 BY trace_id, span_id
"""


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


@pytest.mark.slow(seconds=13, why="every order of the layers")
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
    around = call("openai/tiny", id=7, scope="litellm", parent=6, begin_ms=0, end_ms=100)
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


def test_what_was_found_stays_when_the_spans_are_gone(store: EmbeddedStore) -> None:
    """Landed spans are kept for days; a late request in the hour has it gone through without them."""
    land(store, [row(span, 1) for span in PATH])
    store.run("roll", {"as_of": AS_OF})
    store.database.command(sql.Statement("drop_landed", "TRUNCATE TABLE otel_traces"))
    land(store, [row(call("late", id=1, tokens=1), 2)])
    for _ in range(2):
        store.run("roll", {"as_of": AS_OF})
        assert by_model(store) == {"meta/llama": (1, 12), "late": (1, 1)}


def test_many_calls_are_told_in_several_statements(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is told to one request is told at once."""
    monkeypatch.setattr(layer_job, "_BATCH", 2)
    land(store, [row(span, trace) for trace in range(1, 8) for span in PATH])
    store.run("roll", {"as_of": AS_OF})
    assert by_model(store) == {"meta/llama": (7, 84)}


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


def request(span: str, begin: float, end: float | None, **others: Any) -> Request:
    """A request of a client, in seconds."""
    given = {"trace": "t", "service": "app", "layer": "client", "scope": "a", "request_type": "chat"}
    given |= {"outcome": "success", "response_id": "", "model": "m"}
    return Request(
        span=span,
        start_ns=round(begin * 1e9),
        end_ns=None if end is None else round(end * 1e9),
        **{**given, **others},
    )


def held(requests: Sequence[Request], **parents: str) -> dict[str, str]:
    """What is directly inside what, by spans; a span's parent by its letter."""
    found = containers(requests, {f"t {span}": f"t {parent}" for span, parent in parents.items()})
    return {inner.removeprefix("t "): outer.removeprefix("t ") for inner, outer in found.items()}


def test_parents_that_lead_in_a_circle_hold_nothing() -> None:
    """Ids that contradict each other end in requests of their own."""
    assert held([request("a", 0, 9), request("b", 1, 8)], a="b", b="a") == {}


def test_what_is_within_two_is_in_the_shorter() -> None:
    """By their times, a request is in the nearest that ran around it, and that one in the next."""
    requests = [request("a", 0, 10, scope="c"), request("b", 1, 9, scope="b"), request("c", 2, 8)]
    assert held(requests, a="p", b="p", c="p") == {"b": "a", "c": "b"}


def test_parallel_calls_are_told_apart_by_what_they_say() -> None:
    """Other models, other answers, no parent that is known: each is a call of its own."""
    around, within = request("a", 0, 10, scope="b"), request("b", 1, 9)
    assert held([around, within], a="p", b="p") == {"b": "a"}
    assert held([around, replace(within, model="other")], a="p", b="p") == {}
    assert held([around, replace(within, model="provider/M")], a="p", b="p") == {"b": "a"}
    answered = replace(around, response_id="1")
    assert held([answered, replace(within, response_id="2")], a="p", b="p") == {}
    assert held([around, within], a="p", b="q") == {}
    assert held([around, within]) == {}
    assert held([replace(around, layer=""), within], a="p", b="p") == {}


def test_each_holds_one_other_by_its_times() -> None:
    """Two calls that two libraries tell of are paired as they began."""
    requests = [
        *(request(f"outer{at}", 0.001 * at, 1 + 0.001 * at, scope="b") for at in range(3)),
        *(request(f"inner{at}", 0.01 + 0.001 * at, 0.99 + 0.001 * at) for at in range(3)),
    ]
    parents = {one.span: "p" for one in requests}
    assert held(requests, **parents) == {f"inner{at}": f"outer{at}" for at in range(3)}


def test_what_has_not_ended_holds_nothing_by_its_times() -> None:
    """Nobody knows yet what will have been within it."""
    assert held([request("a", 0, None, scope="b"), request("b", 1, 2)], a="p", b="p") == {}


def test_ours_holds_what_another_service_did_for_it() -> None:
    """Our span is nobody's parent: what is under the span that ours is under, at its time, is its work."""
    ours = request("a", 0, 10, layer="", scope="modeltally")
    engine = request("b", 1, 9, layer="engine", service="vllm", scope="vllm", model="unknown")
    assert held([ours, engine], a="p", b="h", h="p") == {"b": "a"}
    assert held([ours, replace(engine, start_ns=5 * 10**9, end_ns=13 * 10**9)], a="p", b="h", h="p") == {}
    assert held([ours, engine], a="p", b="h", h="q") == {}


def test_thousands_of_requests_in_one_trace_take_no_time() -> None:
    """One after the other under one parent, told by two libraries: the work grows with their number, not its square."""
    requests = [
        request(f"{kind}{at}", at, at + length, scope=kind)
        for at in range(20_000)
        for kind, length in (("outer", 0.9), ("inner", 0.8))
    ]
    found = held(requests, **{one.span: "p" for one in requests})
    assert found == {f"inner{at}": f"outer{at}" for at in range(20_000)}


def test_an_answer_that_everything_says_joins_nothing(store: EmbeddedStore) -> None:
    """A server that calls each of its answers alike does not make one request of them."""
    answer = {"gen_ai.response.id": "chatcmpl-0"}
    span = call("tiny", id=1, tokens=5, end_ms=100)
    around = call("best", id=2, scope="litellm", end_ms=200)
    rows = [
        row(replace(one, attributes={**one.attributes, **answer}), trace)
        for trace, one in enumerate([span, around] * 5, start=1)
    ]
    land(store, rows)
    store.run("roll", {"as_of": AS_OF})
    assert by_model(store) == {"tiny": (5, 25), "best": (5, 0)}


def test_names_may_hold_anything(store: EmbeddedStore) -> None:
    """What others call a model is data: line ends, tabs and quotes stop nobody's roll."""
    outer = call("be\tst", id=1, end_ms=1000)
    inner = call("a\nb'\\c\x00", id=2, parent=1, service="vllm", scope="vllm", tokens=3, begin_ms=1, end_ms=900)
    land(store, [row(outer, 1), row(inner, 1)])
    store.run("roll", {"as_of": AS_OF})
    assert sum(int(str(found["requests"])) for found in store.read("usage_by_model", FLEW)) == 1


def test_what_had_not_ended_is_told_again_at_its_end(store: EmbeddedStore) -> None:
    """A request of ours that runs long has left an unfinished copy, which was told; so is its end."""
    ours = {"modeltally.operation": "model.request", "modeltally.model.id": "best"}
    running = Span(id=1, parent=9, scope="modeltally", end_ms=0, attributes={**ours, "modeltally.unfinished": "true"})
    done = Span(id=1, parent=9, scope="modeltally", end_ms=9000, attributes={**ours, "modeltally.outcome": "success"})
    inner = call("llama", id=2, parent=9, service="vllm", scope="vllm", tokens=12, begin_ms=100, end_ms=8000)
    inner = replace(inner, attributes={**inner.attributes, "gen_ai.request.model": "best"})
    for step in ([running, inner], [done]):
        land(store, [row(span, 1) for span in step])
        store.run("roll", {"as_of": AS_OF})
    assert by_model(store) == {"best": (1, 12)}


def test_a_part_that_had_not_ended_is_marked_again_at_its_end(store: EmbeddedStore) -> None:
    """It is a finished part then, as if its end had come first."""
    ours = {"modeltally.operation": "model.request", "modeltally.model.id": "tiny"}
    running = Span(id=2, parent=1, scope="modeltally", end_ms=0, attributes={**ours, "modeltally.unfinished": "true"})
    done = Span(id=2, parent=1, scope="modeltally", end_ms=900, attributes={**ours, "modeltally.outcome": "success"})
    for step in ([call("best", id=1), running], [done]):
        land(store, [row(span, 1) for span in step])
        store.run("roll", {"as_of": AS_OF})
    copies = store.database.query(sql.Statement("marks", MARKS))
    assert [mark["outcome"] for mark in copies] == ["success"]


def test_what_the_inner_one_alone_says_is_passed_on(store: EmbeddedStore) -> None:
    """A cost, the wait in a queue and the time to the first chunk go to the request that counts."""
    told = {
        "gen_ai.cost.total_cost": "0.5",
        "gen_ai.latency.time_in_queue": "0.25",
        "gen_ai.latency.time_to_first_token": "0.75",
    }
    inner = call("tiny", id=2, parent=1, service="proxy", scope="litellm", tokens=3, begin_ms=1, end_ms=900)
    land(store, [row(call("best", id=1), 1), row(replace(inner, attributes={**inner.attributes, **told}), 1)])
    store.run("roll", {"as_of": AS_OF})
    asked = {**FLEW, "kind": "", "subject": "", "operation": "model.request"}
    (found,) = store.read("usage_operations", asked)
    assert (found["cost_millionths"], found["cost_currency"]) == (500_000, "USD")
    assert (found["queue_us"], found["first_chunk_us"]) == (250_000, 750_000)
