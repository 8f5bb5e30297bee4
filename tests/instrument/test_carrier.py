"""What travels with a message, and what does not."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import modeltally
from modeltally.instrument import _clock, _guard
from modeltally.instrument.carrier import HEADER, MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.testing import Captured


def worked_on(headers: Mapping[str, Any], **arguments: Any) -> None:
    """Work on a message."""
    with modeltally.extract(headers, **arguments), modeltally.model_request("flux"):
        pass


def test_who_asked_reaches_the_worker(seen: Captured) -> None:
    """User, session, project and the wait arrive; the user as the same keyed hash as without a queue."""
    headers = modeltally.inject(
        {"other": "kept"}, user="u1", session_id="s1", project="posters", agent_name="critic", correlation_id="c1"
    )
    worked_on(headers)
    with modeltally.model_request("flux", user="u1"):
        pass
    queued, direct = seen.all()
    assert headers["other"] == "kept"
    assert "u1" not in headers[HEADER]
    assert queued["user.hash"] == direct["user.hash"]
    assert queued["modeltally.user.key_id"] == direct["modeltally.user.key_id"]
    assert queued["session.id"] == "s1"
    assert queued["modeltally.project"] == "posters"
    assert queued["gen_ai.agent.name"] == "critic"
    assert queued["modeltally.correlation_id"] == "c1"
    waited = queued["modeltally.queue.duration"]
    assert isinstance(waited, float)
    assert waited >= 0
    assert "modeltally.queue.duration" not in direct


def test_only_the_first_operation_says_how_long_the_message_waited(seen: Captured) -> None:
    """The message waited once, for all of them."""
    with modeltally.extract(modeltally.inject({}, project="posters")):
        for model in ("a", "b"):
            with modeltally.model_request(model):
                pass
    first, second = seen.all()
    assert "modeltally.queue.duration" in first
    assert "modeltally.queue.duration" not in second
    assert first["modeltally.project"] == second["modeltally.project"] == "posters"


def test_load_for_a_request_leaves_it_the_wait(seen: Captured) -> None:
    """A message whose request finds no model in memory: both waited, and the next request did not."""
    with modeltally.extract(modeltally.inject({}, project="posters")):
        with modeltally.load("a"):
            pass
        for _ in range(2):
            with modeltally.model_request("a"):
                pass
    assert ["modeltally.queue.duration" in each for each in seen.all()] == [True, True, False]


def test_what_an_operation_says_itself_holds(seen: Captured) -> None:
    """The message only fills in what is not said."""
    with modeltally.extract(modeltally.inject({}, project="posters", user="u1")):
        with modeltally.model_request("a", project="own") as operation:
            operation.set(session_id="own")
        with modeltally.model_request("b"):
            pass
    with modeltally.model_request("c"):
        pass
    own, filled, outside = seen.all()
    assert (own["modeltally.project"], own["session.id"]) == ("own", "own")
    assert filled["modeltally.project"] == "posters"
    assert "modeltally.project" not in outside
    assert "user.hash" not in outside


def test_current_operation_and_message_are_passed_on(seen: Captured) -> None:
    """A message sent while working on another carries on what is known, but not how often that one was tried."""
    with modeltally.extract(modeltally.inject({}, user="u1", project="posters", attempt=3)):
        with modeltally.pattern_run("p", session_id="s1"):
            onward = modeltally.inject({})
        later = modeltally.inject({})
    assert "s1" in onward[HEADER]
    assert "s1" not in later[HEADER]
    worked_on(onward)
    run, request = seen.all()
    assert run["modeltally.attempt"] == 3
    assert "modeltally.attempt" not in request
    assert request["user.hash"] == run["user.hash"]
    assert request["modeltally.project"] == "posters"


def test_worker_continues_the_senders_trace(seen: Captured) -> None:
    """Sent inside an operation of ours or a span of the host's, the work belongs to that trace."""
    tracer = TracerProvider().get_tracer("host")
    with modeltally.pattern_run("p") as run:
        first = modeltally.inject({})
    with tracer.start_as_current_span("request") as span:
        second = modeltally.inject({})
    for headers in (first, second):
        worked_on(headers)
    _, of_ours, of_hosts = seen.spans()
    assert of_ours.context is not None
    assert of_ours.parent is not None
    assert (of_ours.context.trace_id, of_ours.parent.span_id) == (run.trace_id, run.span_id)
    assert of_hosts.context is not None
    assert of_hosts.parent is not None
    host = span.get_span_context()
    assert (of_hosts.context.trace_id, of_hosts.parent.span_id) == (host.trace_id, host.span_id)


def test_message_sent_while_working_on_another_continues_its_trace(seen: Captured) -> None:
    """Also outside of any operation: one request, one trace, however many messages it takes."""
    with modeltally.pattern_run("p") as run:
        first = modeltally.inject({})
    with modeltally.extract(first):
        second = modeltally.inject({})
    worked_on(second)
    _, request = seen.spans()
    assert request.context is not None
    assert request.context.trace_id == run.trace_id


def test_workers_own_span_comes_first(seen: Captured) -> None:
    """Where the host traces its worker, our operation is a child of the span there."""
    headers = modeltally.inject({})
    with TracerProvider().get_tracer("host").start_as_current_span("task") as span:
        worked_on(headers)
    (ours,) = seen.spans()
    assert ours.parent is not None
    assert ours.parent.span_id == span.get_span_context().span_id


def test_tries_and_redelivery_are_recorded(seen: Captured) -> None:
    """The broker knows the attempt and whether it delivered the message before."""
    worked_on(modeltally.inject({}, attempt=1), attempt=2, redelivered=True)
    worked_on({}, attempt=1, redelivered=False)
    again, first = seen.all()
    assert (again["modeltally.attempt"], again["modeltally.redelivered"]) == (2, True)
    assert (first["modeltally.attempt"], first["modeltally.redelivered"]) == (1, False)


def test_differing_clocks_are_flagged(seen: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message from the future has no wait; the operation says so, and so does the log."""
    later = time.time_ns() + 3600 * 10**9
    with monkeypatch.context() as patched:
        patched.setattr(_clock, "time_ns", lambda: later)
        headers = modeltally.inject({})
    worked_on(headers)
    recorded = seen.one()
    assert recorded["modeltally.clock_skew"] is True
    assert "modeltally.queue.duration" not in recorded
    assert _guard.problems()["clock_skew"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"v":2}',
        "x" * (MAX_BYTES + 1),
        "[" * 4000,
        b"\xff\xfe",
        7,
        None,
        object(),
    ],
)
def test_broken_headers_are_as_good_as_none(seen: Captured, text: object) -> None:
    """Anybody may write into a broker: the work goes on, and the operation is recorded without them."""
    worked_on({HEADER: text})
    recorded = seen.one()
    assert "user.hash" not in recorded
    assert recorded["modeltally.outcome"] == "success"


def test_forged_values_are_bounded_and_typed(seen: Captured) -> None:
    """What does not look like something of ours is left out; texts are cut."""
    forged = {
        "v": 1,
        "u": "alice@example.com",
        "k": "1",
        "n": "many",
        "q": "yesterday",
        "o": "zz",
        "s": "x" * 1000,
        "p": ["a"],
        "r": 7,
    }
    worked_on({HEADER: json.dumps(forged)})
    recorded = seen.one()
    assert recorded["session.id"] == "x" * 256
    for name in ("user.hash", "modeltally.attempt", "modeltally.queue.duration", "modeltally.project"):
        assert name not in recorded
    assert "alice" not in str(recorded)


def test_header_is_found_however_the_broker_writes_it(seen: Captured) -> None:
    """HTTP changes the case of names, some brokers hand out bytes."""
    headers = modeltally.inject({}, project="posters")
    worked_on({"Modeltally-Context": headers[HEADER].encode()})
    assert seen.one()["modeltally.project"] == "posters"


def test_nothing_travels_unless_it_is_asked_for(seen: Captured) -> None:
    """Telemetry off, the carrier stays as it was; no key, no user."""
    modeltally.configure(exporter=InMemorySpanExporter())
    without_key = modeltally.inject({}, user="u1", project="p")
    assert "u1" not in without_key[HEADER]
    assert '"u"' not in without_key[HEADER]
    modeltally.shutdown()
    del seen


def test_carrier_stays_as_it_was_when_telemetry_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither without configuration nor under the kill switch is anything added."""
    assert modeltally.inject({}) == {}
    modeltally.configure(exporter=InMemorySpanExporter())
    monkeypatch.setenv("MODELTALLY_DISABLED", "1")
    assert modeltally.inject({}) == {}


@pytest.mark.parametrize("carrier", [None, 7, (), "text", frozenset()])
def test_what_is_no_carrier_breaks_nothing(seen: Captured, carrier: Any) -> None:
    """The call returns what it was given, and the work goes on."""
    assert modeltally.inject(carrier) is carrier
    worked_on(carrier)
    assert len(seen.spans()) == 1
