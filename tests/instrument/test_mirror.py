"""Operations as spans in the host's own traces."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

import modeltally
from modeltally.instrument.background import mirror
from modeltally.server import LocalServer
from support.servers import settings_for
from support.stores import stored

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from support.sink import Sink
    from support.stores import Template


class Host:
    """A service with traces of its own."""

    def __init__(self) -> None:
        """Begin with a provider whose exporter keeps everything."""
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=ParentBased(ALWAYS_OFF), shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def mirrors(self) -> list[ReadableSpan]:
        """Return the host's spans that are mirrors."""
        spans = self.exporter.get_finished_spans()
        return [span for span in spans if (span.attributes or {}).get("modeltally.mirror") is True]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """Make a service's provider the global one; the sampler exports what has a sampled parent."""
    service = Host()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", service.provider)
    return service


@pytest.fixture
def ours(sink: Sink) -> Sink:
    """Configure the library to mirror."""
    modeltally.configure(endpoint=sink.url, user_key="key", export_interval_seconds=0.02, mirror=True)
    return sink


def parent(*, is_sampled: bool) -> trace.Span:
    """Make a span of the host's, as one that came from elsewhere."""
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if is_sampled else trace.TraceFlags.DEFAULT)
    return trace.NonRecordingSpan(trace.SpanContext(7, 9, is_remote=False, trace_flags=flags))


def test_operation_is_a_span_of_the_hosts(host: Host, ours: Sink) -> None:
    """Times, kind and attributes are the record's, the parent is the host's span, ids and resource are the host's."""
    with trace.use_span(parent(is_sampled=True)), modeltally.download("m", project="p") as operation:
        operation.set_attribute("acme.team", "blue")
    assert modeltally.flush()
    (record,) = ours.operations
    (mirror,) = host.mirrors()
    assert mirror.context is not None
    assert mirror.parent is not None
    assert (mirror.name, mirror.kind) == ("download m", SpanKind.CLIENT)
    assert (mirror.start_time, mirror.end_time) == (record.start_ns, record.end_ns)
    assert (mirror.context.trace_id, mirror.parent.span_id) == (7, 9)
    assert f"{mirror.context.span_id:016x}" != record.span_id
    assert mirror.status.status_code is StatusCode.UNSET
    assert mirror.resource is host.provider.resource
    assert mirror.instrumentation_scope is not None
    assert mirror.instrumentation_scope.name == "modeltally.mirror"
    attributes = dict(mirror.attributes or {})
    assert attributes.pop("modeltally.mirror") is True
    assert attributes.pop("modeltally.mirrored_operation") == record.attributes["modeltally.operation"]
    del record.attributes["modeltally.operation"]
    assert set(attributes) == set(record.attributes)
    assert (attributes["acme.team"], attributes["modeltally.project"]) == ("blue", "p")


def test_mirror_has_the_records_status(host: Host, ours: Sink) -> None:
    """A failed operation is a failed span; what it raised is named by its class."""
    with (
        trace.use_span(parent(is_sampled=True), record_exception=False),
        pytest.raises(ValueError, match="quote"),
        modeltally.model_request("m"),
    ):
        raise ValueError("a quote of somebody's prompt")
    assert modeltally.flush()
    assert len(ours.operations) == 1
    (mirror,) = host.mirrors()
    assert (mirror.status.status_code, mirror.status.description) == (StatusCode.ERROR, "ValueError")
    assert "quote" not in mirror.to_json()


def test_hosts_sampler_decides(host: Host, ours: Sink) -> None:
    """Only children of sampled spans are exported by a sampler that goes by the parent; every record arrives."""
    for index in range(10):
        with trace.use_span(parent(is_sampled=index < 3)), modeltally.model_request("m"):
            pass
    with modeltally.model_request("m"):
        pass
    assert modeltally.flush()
    assert len(ours.operations) == 11
    assert len(host.mirrors()) == 3


def test_nested_operation_is_a_child_of_the_hosts_span(host: Host, ours: Sink) -> None:
    """Our own operations are no spans of the host's: both are mirrored under its span."""
    with trace.use_span(parent(is_sampled=True)), modeltally.pattern_run("p"), modeltally.model_request("m"):
        pass
    assert modeltally.flush()
    assert len(ours.operations) == 2
    assert [span.parent.span_id for span in host.mirrors() if span.parent is not None] == [9, 9]


def test_nothing_is_mirrored_unless_asked(host: Host, exported: Sink) -> None:
    """Without the argument the host's traces stay as they were."""
    with trace.use_span(parent(is_sampled=True)), modeltally.model_request("m"):
        pass
    assert modeltally.flush()
    assert len(exported.operations) == 1
    assert host.exporter.get_finished_spans() == ()


def test_heartbeats_copies_and_judgements_are_not_mirrored(host: Host, sink: Sink) -> None:
    """A mirror is an operation that ended, once."""
    modeltally.configure(
        endpoint=sink.url, export_interval_seconds=0.01, unfinished_after_seconds=0.01, mirror=True, user_key="key"
    )
    with trace.use_span(parent(is_sampled=True)), modeltally.model_request("m") as operation:
        assert sink.wait_for(lambda: bool(sink.operations) and bool(sink.heartbeats))
        assert host.mirrors() == []
    modeltally.evaluate(operation.ref, name="helpfulness", score=1)
    assert modeltally.flush()
    assert len(sink.operations) == 3
    assert len(host.mirrors()) == 1


def test_no_provider_is_no_mirror() -> None:
    """A service without tracing records as it does without the argument."""
    code = """
import modeltally
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
modeltally.configure(exporter=exporter, mirror=True, export_interval_seconds=0.02)
with modeltally.model_request("m"):
    pass
assert modeltally.flush()
assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
print(len([span for span in exporter.get_finished_spans() if span.name != "heartbeat"]), modeltally.counters().problems)
"""
    ended = subprocess.run([sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("1 {}\n", "")


class Odd(SpanProcessor):
    """A processor of the host's that raises, or takes its time, and looks at the context it runs in."""

    def __init__(self) -> None:
        """Begin well-behaved."""
        self.is_raising = False
        self.sleeps_seconds = 0.0
        self.suppressed: list[object] = []
        self.threads: set[int] = set()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the interface
        """Look at the context; raise where asked."""
        self.threads.add(threading.get_ident())
        self.suppressed.append(otel_context.get_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY))
        time.sleep(self.sleeps_seconds)
        if self.is_raising:
            raise RuntimeError("a processor of the host's")


def test_failures_of_the_host_are_counted_and_no_record_is_lost(host: Host, ours: Sink) -> None:
    """A processor that raises costs its mirror alone."""
    odd = Odd()
    odd.is_raising = True
    host.provider.add_span_processor(odd)
    for _ in range(5):
        with trace.use_span(parent(is_sampled=True)), modeltally.model_request("m"):
            pass
    assert modeltally.flush()
    assert len(ours.operations) == 5
    assert modeltally.counters().problems == {"mirror": 5}


def test_slow_host_is_left_alone_for_a_while(host: Host, ours: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that takes too long is not asked again: our own records go first."""
    monkeypatch.setattr(mirror, "BATCH_SECONDS", 0.01)
    odd = Odd()
    odd.sleeps_seconds = 0.05
    host.provider.add_span_processor(odd)
    for _ in range(20):
        with trace.use_span(parent(is_sampled=True)), modeltally.model_request("m"):
            pass
    assert modeltally.flush()
    assert len(ours.operations) == 20
    assert modeltally.counters().problems == {"mirror_slow": 20 - len(host.mirrors())}
    assert len(host.mirrors()) == 1


def test_mirrors_are_made_in_our_thread_outside_of_its_context(host: Host, ours: Sink) -> None:
    """The call does not wait for the host's processors, and they are not told to look away as our exports are."""
    odd = Odd()
    host.provider.add_span_processor(odd)
    with trace.use_span(parent(is_sampled=True)), modeltally.model_request("m"):
        pass
    assert modeltally.flush()
    assert len(ours.operations) == 1
    assert odd.suppressed == [None]
    assert threading.get_ident() not in odd.threads


def test_mirrors_count_nowhere(host: Host, template: Template, tmp_path: Path) -> None:
    """A host whose traces come to our own server has each operation counted once."""
    directory = template.copy(tmp_path / "data")
    with LocalServer(settings_for(directory)) as server:
        exporter = OTLPSpanExporter(f"{server.address.otlp_url}/v1/traces")
        host.provider.add_span_processor(SimpleSpanProcessor(exporter))
        modeltally.configure(endpoint=server.address.otlp_url, mirror=True, export_interval_seconds=0.02)
        for _ in range(4):
            with trace.use_span(parent(is_sampled=True)), modeltally.model_request("m"):
                pass
        assert modeltally.shutdown(timeout_seconds=60)
        host.provider.shutdown()
        assert len(host.mirrors()) == 4
    question = """
        SELECT
            (SELECT count() FROM otel_traces WHERE ScopeName = 'modeltally.mirror') AS mirrors,
            (SELECT count() FROM usage_events) AS events,
            (SELECT count() FROM usage_quarantine) AS refused
    """
    assert stored(directory, question) == [{"mirrors": 4, "events": 4, "refused": 0}]
