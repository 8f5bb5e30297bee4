"""Delivery over a real socket, to a receiver that behaves and to one that does not."""

from __future__ import annotations

import importlib
import importlib.util
import random
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import modeltally
from modeltally.instrument import _runtime
from modeltally.instrument._record import Record
from support.sink import Answer, Sink
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan


def request(count: int = 1) -> None:
    """Make requests."""
    for _ in range(count):
        with modeltally.model_request("m"):
            pass


def refused_endpoint() -> str:
    """Return an address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_spans_arrive_as_they_were_recorded(exported: Sink) -> None:
    """Names, attributes, ids, scope and resource, as OTLP protobuf on the traces path."""
    with modeltally.model_request("m", user="u", output_tokens=5) as operation:
        ref = operation.ref
    assert modeltally.flush()
    (span,) = exported.operations
    assert exported.paths[0] == "/v1/traces"
    assert exported.headers[0]["content-type"] == "application/x-protobuf"
    assert span.name == "generate_content m"
    assert span.scope == "modeltally"
    assert (span.trace_id, span.span_id, span.start_ns) == (ref.trace_id, ref.span_id, ref.started_at_ns)
    assert span.attributes["gen_ai.usage.output_tokens"] == 5
    assert {"service.name", "service.instance.id", "host.name", "process.pid"} <= set(span.resource)


def test_spans_travel_in_batches_when_there_are_many(exported: Sink) -> None:
    """At most 512 in a request, none lost, none twice."""
    request(3000)
    assert modeltally.flush()
    assert max(exported.batches) == 512
    assert len({span.span_id for span in exported.operations}) == 3000 == len(exported.operations)
    counters = modeltally.counters()
    assert (counters.started, counters.exported, counters.lost) == (3000, 3000, 0)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_batch_is_sent_again_when_receiver_is_busy(exported: Sink, status: int) -> None:
    """What a later attempt delivers is not lost, and counts once."""
    exported.answers = [Answer(status=status), Answer(status=status)]
    request(3)
    assert modeltally.flush()
    assert len(exported.operations) == 3
    assert modeltally.counters().exported == 3


def test_receiver_names_the_time_of_the_next_attempt(exported: Sink) -> None:
    """Retry-After is honoured, also when somebody waits in flush."""
    exported.answers = [Answer(status=503, headers={"Retry-After": "30"})]
    request()
    assert not modeltally.flush(timeout_seconds=0.3)
    assert exported.wait_for(lambda: len(exported.paths) == 1)
    assert not modeltally.flush(timeout_seconds=0.3)
    assert len(exported.paths) == 1


def test_batch_is_sent_again_when_connection_breaks(exported: Sink) -> None:
    """A reset is no answer."""
    exported.answers = [Answer(is_resetting=True)]
    request(3)
    assert modeltally.flush()
    assert len(exported.operations) == 3


def test_batch_waits_when_nobody_listens_yet() -> None:
    """A receiver that starts later gets everything."""
    endpoint = refused_endpoint()
    modeltally.configure(endpoint=endpoint, export_interval_seconds=0.02)
    request(5)
    assert not modeltally.flush(timeout_seconds=0.2)
    counters = modeltally.counters()
    assert (counters.queued, counters.lost) == (5, 0)


@pytest.mark.parametrize(("status", "reason"), [(307, "export_failed"), (500, "export_failed"), (400, "rejected")])
def test_operations_are_counted_as_lost_when_answer_is_final(exported: Sink, status: int, reason: str) -> None:
    """Only 2xx is success: a redirect is not followed, and no other answer is taken for a delivery."""
    exported.answers = [Answer(status=status, headers={"Location": exported.url + "/v1/traces"})]
    request(4)
    assert not modeltally.flush()
    counters = modeltally.counters()
    assert counters.dropped == {reason: 4}
    assert counters.exported == 0
    request()
    assert modeltally.flush()
    assert modeltally.counters().exported == 1


def test_rejected_spans_are_counted_when_success_is_partial(exported: Sink) -> None:
    """The answer 200 may say that some were not taken."""
    exported.answers = [Answer(rejected=3)]
    request(10)
    assert not modeltally.flush()
    counters = modeltally.counters()
    assert counters.dropped == {"rejected": 3}
    assert counters.exported == 7


def test_batch_is_halved_when_too_large(exported: Sink) -> None:
    """Halves are tried until they fit."""
    exported.answers = [Answer(status=413), Answer(status=413)]
    request(8)
    assert modeltally.flush()
    assert len(exported.operations) == 8
    assert exported.batches[:2] == [2, 2]


def test_operation_is_counted_as_rejected_when_alone_too_large(exported: Sink) -> None:
    """One that can never fit does not block the others."""
    exported.answers = [Answer(status=413)]
    request(1)
    assert not modeltally.flush()
    assert modeltally.counters().dropped == {"rejected": 1}


def test_service_goes_on_when_receiver_hangs(exported: Sink) -> None:
    """A receiver that never answers costs the flush its timeout, and the calls nothing."""
    exported.answer = Answer(is_hanging=True)
    request(3)
    assert not modeltally.flush(timeout_seconds=0.2)
    request(3)
    assert not modeltally.shutdown(timeout_seconds=0.3)
    counters = modeltally.counters()
    assert counters.dropped == {"export_failed": 6}
    assert counters.queued == 0


def test_headers_and_compression_are_sent(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers from argument and environment; gzip when the standard variable asks for it."""
    monkeypatch.setenv("MODELTALLY_OTLP_HEADERS", "x-tenant=blue%20team, x-other=1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    modeltally.configure(endpoint=sink.url, headers={"authorization": "Bearer t"}, export_interval_seconds=0.02)
    request()
    assert modeltally.flush()
    assert sink.headers[0]["x-tenant"] == "blue team"
    assert sink.headers[0]["x-other"] == "1"
    assert sink.headers[0]["authorization"] == "Bearer t"
    assert sink.headers[0]["content-encoding"] == "gzip"
    assert len(sink.operations) == 1


def test_one_unencodable_span_does_not_take_its_batch(exported: Sink) -> None:
    """A span that cannot be written is counted; the other 9,999 arrive."""
    pipeline = _runtime._state.pipeline
    assert pipeline is not None
    for index in range(10_000):
        made = Record("model.load", trace_id=1, span_id=index + 1, parent_id=0, sampled=True, start_ns=1)
        if index == 777:
            made.trace_id = 2**128
        assert pipeline.add(made, wait=True)
    assert not modeltally.flush()
    assert len(exported.operations) == 9_999
    counters = modeltally.counters()
    assert (counters.exported, counters.dropped) == (9_999, {"unencodable": 1})


class RaisingExporter(SpanExporter):
    """Raises."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Raise."""
        raise RuntimeError(f"{len(spans)} spans")


class RefusingExporter(SpanExporter):
    """Fails."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Fail."""
        del spans
        return SpanExportResult.FAILURE


@pytest.mark.parametrize("exporter", [RaisingExporter(), RefusingExporter()])
def test_calls_go_on_when_the_exporter_fails(exporter: SpanExporter) -> None:
    """Whatever an exporter does, the call returns and the loss is counted."""
    modeltally.configure(exporter=exporter, export_interval_seconds=0.02)
    request(3)
    assert not modeltally.flush()
    assert modeltally.counters().dropped == {"export_failed": 3}


def seeded(numpy: Any) -> str:
    """Seed numpy's global generator and return its state."""
    numpy.random.seed(42)
    return repr(numpy.random.get_state())


@pytest.mark.parametrize("is_refused", [False, True])
def test_hosts_random_sequence_is_untouched(sink: Sink, *, is_refused: bool) -> None:
    """A host that seeds the global generator before each request draws what it would draw without us."""
    modeltally.configure(endpoint=refused_endpoint() if is_refused else sink.url, export_interval_seconds=0.02)
    random.seed(42)
    state = random.getstate()
    numpy: Any = importlib.import_module("numpy") if importlib.util.find_spec("numpy") else None
    numpy_state = None if numpy is None else seeded(numpy)
    for _ in range(20):
        random.seed(42)
        request()
        assert random.getstate() == state
    if is_refused:
        assert wait_until(lambda: modeltally.counters().problems.get("unreachable", 0) >= 2)
        assert not modeltally.flush(timeout_seconds=0.3)
    else:
        assert modeltally.flush()
        assert len({item.span_id for item in sink.operations}) == 20
        assert len({item.trace_id for item in sink.operations}) == 20
    assert random.getstate() == state
    assert numpy is None or repr(numpy.random.get_state()) == numpy_state
    counters = modeltally.counters()
    assert counters.started == 20 == counters.exported + counters.queued


def test_no_operation_is_lost_when_many_threads_record(exported: Sink) -> None:
    """Numbers are exact, however the threads interleave."""
    threads = [threading.Thread(target=request, args=(250,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert modeltally.flush()
    counters = modeltally.counters()
    assert (counters.started, counters.finished, counters.exported) == (2000, 2000, 2000)
    assert len({item.span_id for item in exported.operations}) == 2000


def test_answer_without_end_does_not_hold_the_service_up(exported: Sink) -> None:
    """Who answers with more than a receiver would is read no further."""
    exported.answers = [Answer(padding_bytes=50_000_000)]
    request()
    assert modeltally.flush()
    request()
    assert modeltally.flush()
    assert modeltally.counters().exported == 2


def test_header_is_sent_when_the_machine_has_other_credentials(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `.netrc` file does not replace what the service says."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    modeltally.configure(endpoint=sink.url, headers={"authorization": "Bearer t"})
    request()
    assert modeltally.flush()
    assert sink.headers[0]["authorization"] == "Bearer t"


def test_credentials_are_sent_when_the_address_names_them(sink: Sink) -> None:
    """As any client does."""
    modeltally.configure(endpoint=sink.url.replace("//", "//user:secret@"))
    request()
    assert modeltally.flush()
    assert sink.headers[0]["authorization"].startswith("Basic ")
