"""Nothing that is not named is written anywhere: neither into the queue's files nor into the store's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from collector.conftest import settle
from collector.running import CONFIGURATIONS, Collector, StubStore
from receiver.bodies import ATTRIBUTES, Sender, only_span, put, request
from receiver.test_filter import DIALECTS, attributes
from support.stores import stored

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CANARY = "canary-prompt-7f3a"  # what the dialects carry
USER = "ada@example.org"
HARMLESS = "harmless-session-19c4"
TEXT_OF_A_ROW = "SELECT toString(tuple(*)) AS text FROM otel_traces"


def _hidden(dialect: dict[str, object], *, seed: int) -> ExportTraceServiceRequest:
    """Make a span of another library that carries a prompt in every place that can hold one."""
    made = request(seed=seed, attributes=dialect, scope="another.library")
    resource_spans = made.resource_spans[0]
    resource_spans.schema_url = CANARY
    put(resource_spans.resource.attributes, {"process.command_line": CANARY, "process.command_args": [CANARY]})
    put(resource_spans.resource.attributes, {"host.name": {"nested": CANARY}})
    scope_spans = resource_spans.scope_spans[0]
    scope_spans.schema_url = CANARY
    put(scope_spans.scope.attributes, {"note": CANARY})
    span = only_span(made)
    span.name = f"GET /{CANARY}" if "gen_ai.operation.name" not in dialect else span.name
    span.trace_state = f"vendor={CANARY}"
    span.status.code, span.status.message = 2, f"refused: {CANARY}"
    put(span.events.add(name="exception").attributes, {"exception.message": CANARY, "exception.type": "ValueError"})
    put(span.events.add(name="gen_ai.content.prompt").attributes, {"exception.type": [CANARY]})
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
