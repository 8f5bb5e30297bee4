"""Nothing but what the allow-lists name is written to disk."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from modeltally.instrument._privacy import Hasher
from modeltally.receiver.accept import filter_body
from modeltally.receiver.otlp import Encoding
from modeltally.receiver.spans.accept import Spans
from modeltally.receiver.spool.spool import Spool
from receiver.bodies import fill, fill_texts, only_span, put, request

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.receiver.spans.filter import FilteredSpans

KEY = "a deployment's key"
CANARY = "canary-prompt-7f3a"

DIALECTS: dict[str, dict[str, object]] = {
    "official": {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": f'[{{"role":"user","parts":[{{"content":"{CANARY}"}}]}}]',
        "gen_ai.output.messages": [CANARY],
        "gen_ai.system_instructions": CANARY,
        "gen_ai.tool.call.arguments": {"query": CANARY},
        "gen_ai.tool.call.result": CANARY,
        "gen_ai.request.stop_sequences": [CANARY],
        "gen_ai.prompt": CANARY,
        "gen_ai.completion": CANARY,
    },
    "traceloop": {
        "llm.request.type": "chat",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": CANARY,
        "gen_ai.completion.0.content": CANARY,
        "traceloop.entity.input": CANARY,
        "traceloop.association.properties.user_id": CANARY,
    },
    "openinference": {
        "openinference.span.kind": "LLM",
        "input.value": CANARY,
        "output.value": CANARY,
        "llm.input_messages.0.message.content": CANARY,
        "llm.output_messages.0.message.content": CANARY,
        "llm.prompt_template.variables": CANARY,
        "metadata": CANARY,
    },
    "openlit": {
        "gen_ai.content.prompt": CANARY,
        "gen_ai.content.completion": CANARY,
        "gen_ai.request.image_prompt": CANARY,
        "db.query.text": CANARY,
    },
}


def accept(body: bytes, *, max_spans: int = 1000) -> FilteredSpans:
    """Filter an encoded body."""
    spans = Spans(Hasher(KEY), quarantine=lambda _: None)
    return filter_body(spans, body, Encoding.PROTOBUF, max_items=max_spans, received_ms=0)


def filtered(made: ExportTraceServiceRequest) -> tuple[FilteredSpans, Any]:
    """Filter a request of one span; gives the result and the span as it is kept."""
    result = accept(made.SerializeToString())
    return result, only_span(ExportTraceServiceRequest.FromString(result.payload))


def attributes(span: Any) -> dict[str, Any]:
    """Give a span's attributes as a dictionary."""
    return {
        attribute.key: getattr(attribute.value, attribute.value.WhichOneof("value")) for attribute in span.attributes
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_prompt_reaches_the_disk(tmp_path: Path, dialect: str) -> None:
    """In none of four libraries' dialects does a prompt get into the spool's bytes, wherever it hides."""
    made = request(attributes=DIALECTS[dialect], scope="another.library")
    made.resource_spans[0].schema_url = CANARY
    put(made.resource_spans[0].resource.attributes, {"process.command_line": CANARY, "process.command_args": [CANARY]})
    scope_spans = made.resource_spans[0].scope_spans[0]
    scope_spans.schema_url = CANARY
    put(scope_spans.scope.attributes, {"note": CANARY})
    span = only_span(made)
    span.name = f"GET /{CANARY}" if "gen_ai.operation.name" not in DIALECTS[dialect] else span.name
    span.trace_state = f"vendor={CANARY}"
    span.status.code, span.status.message = 2, f"refused: {CANARY}"
    put(span.events.add(name="exception").attributes, {"exception.message": CANARY, "exception.type": "ValueError"})
    put(span.events.add(name="gen_ai.content.prompt").attributes, {"gen_ai.prompt": CANARY})
    link = span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, trace_state=CANARY)
    put(link.attributes, {"why": CANARY})
    put(span.attributes, {"gen_ai.response.id": {"nested": CANARY}, "gen_ai.agent.id": CANARY.encode()})
    sent = made.SerializeToString() + unknown_field(CANARY)

    result = accept(sent, max_spans=10)
    spool = Spool(tmp_path / "spool", max_bytes=10**7, min_free_disk_bytes=0)
    spool.append(result.payload, items=1, received_ms=1, digest=bytes(16), done=lambda _: None)
    spool.close()
    written = b"".join(path.read_bytes() for path in (tmp_path / "spool").rglob("*") if path.is_file())
    assert CANARY.encode() in sent
    assert CANARY.encode() not in written
    assert b"exception" in written
    assert result.dropped_attributes >= len(DIALECTS[dialect]) - 1


def unknown_field(text: str) -> bytes:
    """Encode a field no schema knows."""
    return b"\xfa\x3f" + bytes([len(text)]) + text.encode()


def test_attributes_of_ours_pass_unchanged() -> None:
    """A span of the instrumentation loses nothing."""
    made = request()
    result, span = filtered(made)
    assert attributes(span) == attributes(only_span(made))
    assert span.name == "generate_content flux-dev"
    assert result.dropped_attributes == 0


def test_a_foreign_user_id_becomes_the_keyed_hash() -> None:
    """``user.id`` is replaced by the same sixteen digits the instrumentation would write."""
    _, span = filtered(request(attributes={"user.id": "ada@example.org", "gen_ai.operation.name": "chat"}))
    kept = attributes(span)
    expected = hmac.new(KEY.encode(), b"ada@example.org", hashlib.sha256).hexdigest()[:16]
    assert kept["user.hash"] == expected
    assert kept["modeltally.user.key_id"] == Hasher(KEY).key_id
    assert "user.id" not in kept


def test_a_foreign_hash_is_hashed_unless_it_looks_like_ours() -> None:
    """What another library calls a hash may be the id itself."""
    _, span = filtered(request(attributes={"user.hash": "ada"}, scope="another.library"))
    assert attributes(span)["user.hash"] == Hasher(KEY).user("ada")
    _, span = filtered(request(attributes={"user.hash": "00112233aabbccdd"}, scope="another.library"))
    assert attributes(span)["user.hash"] == "00112233aabbccdd"


def test_lists_become_text_and_other_nested_values_go() -> None:
    """A list of scalars is joined; lists in lists, maps and bytes leave nothing."""
    made = request(attributes={})
    span = only_span(made)
    for name, value in {
        "gen_ai.response.finish_reasons": ["stop", 1, 2.5, True, ["x"]],
        "gen_ai.response.id": {"a": 1},
        "gen_ai.agent.id": b"\x00",
        "session.id": "s",
    }.items():
        fill(span.attributes.add(key=name).value, value)
    result, kept = filtered(made)
    assert attributes(kept) == {"gen_ai.response.finish_reasons": "stop,1,2.5,true,", "session.id": "s"}
    assert result.dropped_attributes == 2


def test_texts_names_and_numbers_of_things_are_bounded() -> None:
    """A span cannot be made large by what may pass."""
    made = request(attributes={"session.id": "s" * 10_000}, resource={"service.name": "n" * 10_000})
    span = only_span(made)
    for _ in range(200):
        span.events.add(name="exception")
        span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    put(span.attributes, {f"modeltally.heartbeat.dropped.{'x' * (number % 30)}y": 1 for number in range(200)})
    result, kept = filtered(made)
    assert len(attributes(kept)["session.id"]) == 4096
    assert (len(kept.events), len(kept.links)) == (64, 64)
    resource = ExportTraceServiceRequest.FromString(result.payload).resource_spans[0].resource
    assert len(resource.attributes[0].value.string_value) == 256


MODEL: dict[str, object] = {"gen_ai.request.model": "gpt-5"}


@pytest.mark.parametrize("scope", ["modeltally", "openai"])
@pytest.mark.parametrize(
    ("given", "name", "kept"),
    [
        ({}, "heartbeat", "heartbeat"),
        (MODEL, "chat", "chat"),
        (MODEL, "chat gpt-5", "chat gpt-5"),
        (MODEL, "chat gpt-5 ", "span"),
        (MODEL, f"chat {CANARY}", "span"),
        (MODEL, f"{CANARY} gpt-5", "span"),
        (MODEL, f"chat {CANARY} gpt-5", "span"),
        ({**MODEL, "gen_ai.operation.name": CANARY}, f"{CANARY} gpt-5", "span"),
        ({"modeltally.model.id": "flux dev"}, "load flux dev", "load flux dev"),
        ({"modeltally.model.id": "flux"}, "acme.upscale flux", "acme.upscale flux"),
        ({"modeltally.pattern.name": "portrait"}, "pattern portrait", "pattern portrait"),
        ({"gen_ai.agent.name": "critic"}, "invoke_agent critic", "invoke_agent critic"),
        ({"server.address": "localhost"}, "GET /users/ada", "span"),
        ({}, "", "span"),
    ],
)
def test_a_name_is_kept_when_it_is_known_to_be_harmless(
    scope: str, given: dict[str, object], name: str, kept: str
) -> None:
    """A span's name says what is done, and to what its attributes name; others may be texts, or paths with ids."""
    made = request(attributes=given, scope=scope)
    only_span(made).name = name
    assert filtered(made)[1].name == kept


@pytest.mark.parametrize(
    ("name", "version", "kept"),
    [
        ("modeltally", "0.1.0", ("modeltally", "0.1.0")),
        ("modeltally.diffusers", "1.2.3rc1+g12ab", ("modeltally.diffusers", "1.2.3rc1+g12ab")),
        ("opentelemetry.instrumentation.openai_v2", "v0.1", ("opentelemetry.instrumentation.openai_v2", "v0.1")),
        ("@opentelemetry/instrumentation-http", "0.57.2", ("@opentelemetry/instrumentation-http", "0.57.2")),
        ("", "", ("", "")),
        (f"modeltally.{CANARY}", CANARY, ("other", "")),
        ("modeltally.a secret", "1.0 a secret", ("other", "")),
        (f"opentelemetry.a {CANARY}", "1" * 65, ("other", "")),
        (CANARY, f"v{CANARY}", ("other", "")),
    ],
)
def test_a_scope_is_called_what_is_known(name: str, version: str, kept: tuple[str, str]) -> None:
    """Scopes of ours and of known libraries keep their names, versions that look like one stay."""
    made = request(scope=name)
    made.resource_spans[0].scope_spans[0].scope.version = version
    payload = ExportTraceServiceRequest.FromString(accept(made.SerializeToString()).payload)
    scope = payload.resource_spans[0].scope_spans[0].scope
    assert (scope.name, scope.version) == kept


def test_a_scope_that_claims_to_be_ours_in_a_text_is_not() -> None:
    """A name beyond the forms of ours is a foreign library's, so attributes of the host's own go with it."""
    made = request(attributes={"acme.tier": "gold", "session.id": "s"}, scope=f"modeltally.{CANARY}")
    assert attributes(filtered(made)[1]) == {"session.id": "s"}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("exception", "exception"),
        ("gen_ai.user.message", "gen_ai.user.message"),
        (f"generating for prompt: {CANARY}", "event"),
        (CANARY, "event"),
        ("exception\n", "event"),
    ],
)
def test_an_event_is_called_what_the_standard_knows(name: str, kept: str) -> None:
    """Events of some languages are called by the line of a log; none of it is kept, whichever span it is on."""
    for scope in ("modeltally", "openai", "tracing"):
        made = request(scope=scope)
        only_span(made).events.add(name=name)
        assert [event.name for event in filtered(made)[1].events] == [kept]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ValueError", "ValueError"),
        ("java.lang.IllegalStateException", "java.lang.IllegalStateException"),
        ("*errors.errorString", "*errors.errorString"),
        ("core::result::Result<T>", "core::result::Result<T>"),
        (f"ValueError: {CANARY}", None),
        ("no class, a text", None),
        (7, None),
    ],
)
def test_the_type_of_an_exception_is_a_class(given: object, kept: str | None) -> None:
    """What could not be a class's name is no type, and may be the message."""
    made = request()
    put(only_span(made).events.add(name="exception").attributes, {"exception.type": given})
    (event,) = filtered(made)[1].events
    assert attributes(event) == ({} if kept is None else {"exception.type": kept})


def test_a_canary_in_every_text_of_a_span_is_nowhere() -> None:
    """Each text field of a body of spans is filled by reflection; what is kept has none of it, on whichever scope."""
    for scope in ("modeltally", "openai", f"modeltally {CANARY}"):
        made = ExportTraceServiceRequest()
        fill_texts(made, CANARY)
        made.resource_spans[0].scope_spans[0].scope.name = scope
        span = only_span(made)
        span.trace_id, span.span_id = b"1" * 16, b"2" * 8
        put(span.attributes, {f"acme.{CANARY} {CANARY}": 1, f"acme {CANARY}.x": 1, f"message.{CANARY}": CANARY})
        assert made.SerializeToString().count(CANARY.encode()) > 10
        result = accept(made.SerializeToString())
        assert result.items == 1
        assert CANARY.encode() not in result.payload


def test_a_status_message_is_kept_when_it_is_the_error_type() -> None:
    """Providers' error texts quote prompts, an error type does not."""
    made = request(attributes={"error.type": "TimeoutError"})
    span = only_span(made)
    span.status.code, span.status.message = 2, "TimeoutError"
    assert filtered(made)[1].status.message == "TimeoutError"
    span.status.message = f"TimeoutError: {CANARY}"
    kept = filtered(made)[1].status
    assert (kept.code, kept.message) == (2, "")


def test_reasons_of_losses_pass_in_heartbeats() -> None:
    """The open-ended names of a heartbeat's losses are allowed, in their form only."""
    _, span = filtered(
        request(
            attributes={
                "modeltally.heartbeat.dropped": 3,
                "modeltally.heartbeat.dropped.queue_full": 3,
                "modeltally.heartbeat.dropped.Who said this": 1,
            }
        )
    )
    assert attributes(span) == {"modeltally.heartbeat.dropped": 3, "modeltally.heartbeat.dropped.queue_full": 3}
