"""Nothing that is not named is written anywhere: neither into the queue's files nor into the store's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.conftest import settle
from collector.running import CONFIGURATIONS, Collector, StubStore
from receiver.bodies import ATTRIBUTES, Sender, only_span, put, request
from receiver.test_filter import DIALECTS, accept, attributes
from support.stores import stored

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-prompt-7f3a"  # what the dialects carry
USER = "ada@example.org"
HARMLESS = "harmless-session-19c4"
TEXT_OF_A_ROW = "SELECT toString(tuple(*)) AS text FROM otel_traces"


def _hidden(dialect: dict[str, object], *, seed: int) -> ExportTraceServiceRequest:
    """Make a span of another library that carries a prompt in every place that can hold one."""
    made = request(seed=seed, attributes=dialect, scope=f"another {CANARY}")
    resource_spans = made.resource_spans[0]
    resource_spans.schema_url = CANARY
    put(resource_spans.resource.attributes, {"process.command_line": CANARY, "process.command_args": [CANARY]})
    put(resource_spans.resource.attributes, {"host.name": {"nested": CANARY}})
    scope_spans = resource_spans.scope_spans[0]
    scope_spans.schema_url = CANARY
    put(scope_spans.scope.attributes, {"note": CANARY})
    span = only_span(made)
    span.name = f"chat {CANARY}"
    scope_spans.scope.version = CANARY
    span.trace_state = f"vendor={CANARY}"
    span.status.code, span.status.message = 2, f"refused: {CANARY}"
    put(span.events.add(name="exception").attributes, {"exception.message": CANARY, "exception.type": "ValueError"})
    put(span.events.add(name="gen_ai.content.prompt").attributes, {"exception.type": [CANARY]})
    span.events.add(name=f"generating for {CANARY}")
    link = span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, trace_state=f"vendor={CANARY}")
    put(link.attributes, {"why": CANARY})
    # a name that comes twice, once harmless
    put(span.attributes, {"server.address": "gpu-1"})
    put(span.attributes, {"server.address": {"nested": CANARY}})
    put(
        span.attributes,
        {
            "gen_ai.request.top_k": {"nested": CANARY},
            "gen_ai.agent.id": CANARY.encode(),
            "gen_ai.conversation.id": [CANARY],
            "user.id": USER,
            "user.hash": USER,
            "session.id": HARMLESS,
            "acme.note": CANARY,
        },
    )
    return made


def _written(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("is_guarded", [True, False], ids=["as shipped", "control without the allow-list"])
def test_no_prompt_reaches_the_queue_or_the_store(
    tmp_path: Path,
    is_guarded: bool,  # noqa: FBT001 - pytest gives arguments by name
) -> None:
    """In four libraries' dialects nothing hidden is in either one's files; without the allow-list all of it is."""
    store = StubStore(tmp_path / "data")
    store.directory.mkdir()
    files: list[str | Path] = ["collector.yaml"]
    if not is_guarded:
        shipped = yaml.safe_load((CONFIGURATIONS / "collector.yaml").read_text())["service"]["pipelines"]
        open_door = {name: {"processors": pipeline["processors"][:2]} for name, pipeline in shipped.items()}
        files.append(tmp_path / "open.yaml")
        (tmp_path / "open.yaml").write_text(yaml.safe_dump({"service": {"pipelines": open_door}}))
    with Collector(tmp_path / "collector", store.dsn, files) as collector:
        sender = Sender(collector.url)
        for seed, dialect in enumerate(DIALECTS.values()):
            assert sender.send(_hidden(dialect, seed=seed).SerializeToString()).status == 200
        sender.close()
        queued = _written(collector.queue)
        assert HARMLESS.encode() in queued
        with store:
            assert collector.wait_until_drained()
    logged = collector.log.read_bytes()
    kept = _written(store.directory)
    rows = "".join(row["text"] for row in stored(store.directory, TEXT_OF_A_ROW))
    assert rows.count(HARMLESS) == len(DIALECTS)
    if is_guarded:
        for secret in (CANARY, USER):
            for place in (queued, kept, logged, rows.encode()):
                assert secret.encode() not in place
        assert CANARY.encode().hex() not in rows
    else:
        assert CANARY.encode() in queued
        assert CANARY in rows


def test_spans_of_ours_and_names_of_the_host_pass_unchanged(collector: Collector, store: StubStore) -> None:
    """What the instrumentation writes is kept to the last attribute; the host's own names too, others' names not."""
    own = {"acme.tier": "gold", "Acme.Shop.id": 7, "modeltally.heartbeat.dropped.queue_full": 2}
    taken = {"tier": CANARY, "http.url": CANARY, "LLM.prompt": CANARY, "modeltally.unheard.of": CANARY, ".x": CANARY}
    taken |= {"message.content": CANARY, f"acme.a {CANARY}": "1", f"a {CANARY}.x": "1", "acme.a@b.c": "1"}
    made = request(attributes={**ATTRIBUTES, **own, **taken})
    sender = Sender(collector.url)
    assert sender.send(made.SerializeToString()).status == 200
    sender.close()
    settle(collector, store)
    (row,) = stored(store.directory, "SELECT SpanAttributes, SpanName FROM otel_traces")
    sent = attributes(only_span(request(attributes={**ATTRIBUTES, **own})))
    assert row["SpanAttributes"].keys() == sent.keys()
    assert row["SpanAttributes"]["acme.tier"] == "gold"
    assert row["SpanName"] == "generate_content flux-dev"


def test_a_user_is_not_counted_under_a_second_name(collector: Collector, store: StubStore) -> None:
    """A raw id goes, a hash of ours stays: the same person is one person, or nobody."""
    sender = Sender(collector.url)
    for seed, user in enumerate([{"user.id": USER}, {"user.hash": "00112233aabbccdd", "user.id": USER}]):
        made = request(seed=seed, attributes={"gen_ai.operation.name": "chat", **user}, scope="openai")
        assert sender.send(made.SerializeToString()).status == 200
    sender.close()
    settle(collector, store)
    rows = stored(store.directory, "SELECT SpanAttributes AS kept FROM otel_traces")
    assert sorted(row["kept"].get("user.hash", "") for row in rows) == ["", "00112233aabbccdd"]
    assert all("user.id" not in row["kept"] for row in rows)


def test_lists_of_words_become_text_as_at_the_local_door(collector: Collector, store: StubStore) -> None:
    """Finish reasons are one text, whichever way they came."""
    reasons = {"gen_ai.operation.name": "chat", "gen_ai.response.finish_reasons": ["stop", "length"]}
    made = request(attributes=reasons, scope="openai")
    sender = Sender(collector.url)
    assert sender.send(made.SerializeToString()).status == 200
    sender.close()
    settle(collector, store)
    (row,) = stored(store.directory, "SELECT SpanAttributes AS kept FROM otel_traces")
    assert row["kept"]["gen_ai.response.finish_reasons"] == "stop,length"


# Scope, operation, model, the span's name, an event's, its exception's type; then what is kept of the names.
NAMED = [
    ("modeltally", "chat gpt-5", "exception", "ValueError", ("modeltally", "chat gpt-5", "exception", "ValueError")),
    ("openai", "chat gpt-5", "gen_ai.choice", "a.B", ("openai", "chat gpt-5", "gen_ai.choice", "a.B")),
    ("modeltally", f"chat {CANARY}", CANARY, f"E: {CANARY}", ("modeltally", "span", "event", None)),
    ("openai", f"chat {CANARY} gpt-5", f"said {CANARY}", CANARY + " ", ("openai", "span", "event", None)),
    (f"modeltally.{CANARY}", CANARY, "exception\n", "E", ("other", "span", "event", "E")),
    (CANARY, f"{CANARY} gpt-5", "exception", "E", ("other", "span", "exception", "E")),
    ("", "", "", "E", ("", "span", "event", "E")),
    ("openai", "chat", "event", "E", ("openai", "chat", "event", "E")),
]


def test_names_are_judged_as_at_the_local_door(collector: Collector, store: StubStore) -> None:
    """Names of scopes, spans, events and exceptions are words that are known, or are replaced, as by the receiver."""
    sender = Sender(collector.url)
    for seed, (scope, name, event, exception, kept) in enumerate(NAMED):
        given: dict[str, object] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"}
        made = request(seed=seed, attributes={**given, "session.id": str(seed)}, scope=scope)
        span = only_span(made)
        span.name = name
        put(span.events.add(name=event).attributes, {"exception.type": exception})
        made.resource_spans[0].scope_spans[0].scope.version = "0.1.0" if scope == kept[0] else CANARY
        assert sender.send(made.SerializeToString()).status == 200
        local = ExportTraceServiceRequest.FromString(accept(made.SerializeToString()).payload)
        local_scope, local_span = local.resource_spans[0].scope_spans[0].scope, only_span(local)
        found = (local_scope.name, local_span.name, local_span.events[0].name)
        assert (*found, attributes(local_span.events[0]).get("exception.type")) == kept
    sender.close()
    settle(collector, store)
    rows = stored(
        store.directory,
        "SELECT ScopeName, SpanName, Events.Name[1] AS event, Events.Attributes[1]['exception.type'] AS exception,"
        " ScopeVersion FROM otel_traces ORDER BY SpanAttributes['session.id']",
    )
    assert [tuple(row.values())[:4] for row in rows] == [(*kept[:3], kept[3] or "") for *_, kept in NAMED]
    assert {row["ScopeVersion"] for row in rows} == {"0.1.0", ""}
