"""Spans of other instrumentations as they are recorded: whole before the receiver's door, without prompts behind it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from dialects.record import FIXED
from dialects.recorded import FILES, FOLDER, load, read_request, write_request
from modeltally.instrument import _names as names
from modeltally.receiver.allow import SPAN_ATTRIBUTES
from modeltally.receiver.spool.spool import Spool
from receiver.bodies import JSON, all_spans, post
from receiver.test_filter import accept, attributes
from support.environment import forget_environment
from support.servers import server, start_server
from support.stores import stored

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.server import LocalServer

__all__ = ["server", "start_server"]

MARKER = "SECRET"
USER = "ada"
RECORDED = [dialect for dialect, file in FILES.items() if file.parent != FOLDER]
# What the filter adds where a dialect names a user.
ADDED = {names.USER_HASH, names.USER_KEY_ID}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's environment out of the tests."""
    forget_environment(monkeypatch)


def filtered(dialect: str) -> tuple[ExportTraceServiceRequest, bytes]:
    """Give a dialect's request and what the filter leaves of it, encoded."""
    made = read_request(load(dialect)["request"])
    return made, accept(made.SerializeToString()).payload


@pytest.mark.parametrize("dialect", FILES)
def test_request_is_otlp(dialect: str) -> None:
    """Each file holds one request in OTLP's own JSON, with whole ids and spans that end after they begin."""
    content = load(dialect)["request"]
    made = read_request(content)
    assert write_request(made) == content
    spans = list(all_spans(made))
    assert spans
    for span in spans:
        assert (len(span.trace_id), len(span.span_id), len(span.parent_span_id) in {0, 8}) == (16, 8, True)
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
    assert len({(span.trace_id, span.span_id) for span in spans}) == len(spans)


@pytest.mark.parametrize("dialect", FILES)
def test_file_says_what_it_was_made_with(dialect: str) -> None:
    """Each file names packages and their versions, the day and the way; what was not recorded says so."""
    content = load(dialect)
    head = content["recorded"]
    assert head["packages"]
    assert all(version[0].isdigit() for version in head["packages"].values())
    assert head["date"]
    assert head["how"]
    assert bool(content.get("not recorded")) == (dialect not in RECORDED)
    assert bool(head["python"]) == (dialect in RECORDED)


@pytest.mark.parametrize("dialect", FILES)
def test_file_tells_nothing_of_the_machine_it_was_made_on(dialect: str) -> None:
    """Paths are those of a folder called app, the address is that of a usual port, the host is called recorder."""
    content = load(dialect)
    runtime = {"process.runtime.description": {"stringValue": content["recorded"]["python"]}}
    for key, value in _pairs(content["request"]):
        assert not re.search(r"/(?:home|root|usr)/", str(value)), key
        assert set(re.findall(r"127\.0\.0\.1:(\d+)", str(value))) <= {"8000"}, key
        assert value == {**FIXED, **runtime}.get(key, value), key


def _pairs(content: Any) -> list[tuple[str, Any]]:
    if isinstance(content, list):
        return [pair for item in content for pair in _pairs(item)]
    if isinstance(content, dict):
        own = [(content["key"], content["value"])] if "key" in content and "value" in content else []
        return own + [pair for item in content.values() for pair in _pairs(item)]
    return []


@pytest.mark.parametrize("dialect", RECORDED)
def test_no_prompt_gets_behind_the_filter(tmp_path: Path, dialect: str) -> None:
    """Each recording carries prompts or what quotes them, and neither the payload nor the spool's files have any."""
    made, payload = filtered(dialect)
    spool = Spool(tmp_path / "spool", max_bytes=10**7, min_free_disk_bytes=0)
    spool.append(payload, items=1, received_ms=1, digest=bytes(16), done=lambda _: None)
    spool.close()
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert MARKER.encode() in made.SerializeToString()
    assert payload in written
    assert MARKER.encode() not in written


@pytest.mark.parametrize("dialect", FILES)
def test_allowed_attributes_get_behind_the_filter_unchanged(dialect: str) -> None:
    """All spans remain, with every attribute that is allowed and the value it came with; lists are joined."""
    made, payload = filtered(dialect)
    kept = list(all_spans(ExportTraceServiceRequest.FromString(payload)))
    for before, after in zip(all_spans(made), kept, strict=True):
        assert (before.span_id, before.parent_span_id, before.kind) == (after.span_id, after.parent_span_id, after.kind)
        allowed = {
            attribute.key: attribute.value for attribute in before.attributes if attribute.key in SPAN_ATTRIBUTES
        }
        found = attributes(after)
        assert found.keys() - ADDED == allowed.keys() - ADDED
        for name in allowed.keys() - ADDED:
            kind = allowed[name].WhichOneof("value")
            value = getattr(allowed[name], kind)
            if kind == "array_value":
                value = ",".join(str(item.string_value) for item in value.values)
            assert found[name] == value, name


@pytest.mark.parametrize("dialect", FILES)
def test_no_user_gets_behind_the_filter(dialect: str) -> None:
    """No attribute that is kept holds the user's id, under whichever name a dialect has it."""
    _, payload = filtered(dialect)
    for span in all_spans(ExportTraceServiceRequest.FromString(payload)):
        assert USER not in attributes(span).values()


def test_a_server_stores_every_span_and_no_prompt(server: LocalServer) -> None:
    """Each recording sent as JSON to a server's port is acknowledged, and its rows have no prompt in any column."""
    expected = 0
    for dialect in FILES:
        content = load(dialect)["request"]
        expected += len(list(all_spans(read_request(content))))
        answer = post(server.address, json.dumps(content).encode(), content_type=JSON)
        assert (answer.status, answer.json()) == (200, {})
    assert server.wait_until_stored()
    server.stop()
    rows = stored(server.directory, "SELECT toString(tuple(*)) AS text FROM otel_traces")
    assert len(rows) == expected
    assert not [row for row in rows if MARKER in row["text"]]
    assert [row for row in rows if "tiny-chat-2026" in row["text"]]
