"""What the host has stays as it is: its traces, its instrumentation, its imports."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span, use_span

import modeltally

if TYPE_CHECKING:
    import pytest

    from modeltally.testing import Captured
    from support.sink import Sink

INSTRUMENT = Path(modeltally.__file__).parent / "instrument"


def test_hosts_current_span_is_untouched(seen: Captured) -> None:
    """Inside an operation of ours the host's span is current, and its children are its own."""
    host = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(host))
    tracer = provider.get_tracer("host")
    with tracer.start_as_current_span("request") as span:
        context = otel_context.get_current()
        with modeltally.model_request("m"):
            assert get_current_span() is span
            assert otel_context.get_current() == context
            with tracer.start_as_current_span("child"):
                pass
        assert get_current_span() is span
    child, parent = host.get_finished_spans()
    assert parent.context is not None
    assert child.parent is not None
    assert child.parent.span_id == parent.context.span_id
    assert [item.name for item in host.get_finished_spans()] == ["child", "request"]
    (ours,) = seen.spans()
    assert ours.context is not None
    assert ours.parent is not None
    assert ours.context.trace_id == parent.context.trace_id
    assert ours.parent.span_id == parent.context.span_id
    assert ours.context.trace_flags.sampled


def test_operation_is_recorded_when_the_host_samples_it_out(seen: Captured) -> None:
    """Every operation is one record; the host's decision travels as the sampled flag."""
    tracer = TracerProvider(sampler=ALWAYS_OFF).get_tracer("host")
    with tracer.start_as_current_span("request") as span, modeltally.model_request("m"):
        pass
    (ours,) = seen.spans()
    assert ours.context is not None
    assert ours.context.trace_id == span.get_span_context().trace_id
    assert not ours.context.trace_flags.sampled


def test_remote_parent_is_the_parent(seen: Captured) -> None:
    """A trace that came from another service goes on."""
    remote = SpanContext(7, 9, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    with use_span(NonRecordingSpan(remote)), modeltally.model_request("m"):
        pass
    (ours,) = seen.spans()
    assert ours.context is not None
    assert ours.parent is not None
    assert (ours.context.trace_id, ours.parent.span_id) == (7, 9)


def test_operation_begins_a_trace_when_there_is_none(seen: Captured) -> None:
    """Without a host's span the trace is ours, another for each operation."""
    for _ in range(2):
        with modeltally.model_request("m"):
            pass
    first, second = seen.spans()
    assert first.context is not None
    assert second.context is not None
    assert first.parent is None
    assert first.context.trace_id != second.context.trace_id


def test_exports_are_hidden_from_the_hosts_instrumentation(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's own tracing of HTTP calls is told to look away while we send, and only then."""
    key = otel_context._SUPPRESS_INSTRUMENTATION_KEY
    seen_by_host: list[object] = []
    original = requests.adapters.HTTPAdapter.send

    def traced(self: requests.adapters.HTTPAdapter, *args: object, **kwargs: object) -> object:
        seen_by_host.append(otel_context.get_value(key))
        return original(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", traced)
    modeltally.configure(endpoint=sink.url)
    with modeltally.model_request("m"):
        assert otel_context.get_value(key) is None
    assert modeltally.flush()
    assert seen_by_host
    assert all(seen_by_host)


def test_exports_are_hidden_from_hosts_that_patch_sessions(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Datadog's tracing, for one, patches the client's sessions and knows nothing of OpenTelemetry's ways."""
    monkeypatch.setattr(requests.Session, "send", None)
    modeltally.configure(endpoint=sink.url)
    with modeltally.model_request("m"):
        pass
    assert modeltally.flush()
    assert len(sink.operations) == 1


def test_operations_are_recorded_where_metrics_cannot_be(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that metrics need is missing or of another version: that is said, and the spans go on."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.common.metrics_encoder", None)
    modeltally.configure(endpoint=sink.url)
    with modeltally.model_request("m"):
        pass
    assert modeltally.flush()
    assert len(sink.operations) == 1
    assert modeltally.counters().problems == {"metrics": 1}


def test_instrument_imports_only_opentelemetry_and_wrapt() -> None:
    """The part that runs inside a service depends on nothing else, and on no other part of ours."""
    allowed = {"opentelemetry", "wrapt", "requests", *sys.stdlib_module_names}
    for path in INSTRUMENT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                modules = [node.module or ""]
            else:
                continue
            for module in modules:
                is_ours = module == "modeltally.instrument" or module.startswith("modeltally.instrument.")
                assert is_ours or module.partition(".")[0] in allowed, (path.name, module)
                assert module.partition(".")[0] != "requests" or path.name == "http.py"


def test_background_is_imported_by_its_own_thread_alone() -> None:
    """Outside of its folder only the runtime names it, inside a function: no service waits for what it imports."""
    room = "modeltally.instrument.background"
    found = set()
    for path in INSTRUMENT.rglob("*.py"):
        if path.parent.name == "background":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # what only a type checker reads is imported by nobody
        lazy = {
            node
            for part in ast.walk(tree)
            if isinstance(part, ast.FunctionDef)
            or (isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING")
            for node in ast.walk(part)
        }
        for node in ast.walk(tree):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(f"{name}.".startswith(f"{room}.") for name in names):
                assert node in lazy, f"{path.name} imports it at once"
                found.add(path.name)
    assert found == {"_runtime.py"}


def test_import_is_light() -> None:
    """A service that imports us does not wait for the SDK, an HTTP client, or anything of the analytics."""
    code = "import json, sys, modeltally; modeltally.configure; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    modules = {*json.loads(output), *(name.partition(".")[0] for name in json.loads(output))}
    assert not modules & {
        "asyncio",
        "importlib.metadata",
        "wrapt",
        "torch",
        "pydantic",
        "pydantic_settings",
        "clickhouse_connect",
        "chdb",
        "requests",
        "urllib3",
        "google",
        "grpc",
        "typer",
        "rich",
        "platformdirs",
    }
    assert "opentelemetry.sdk.trace" not in json.loads(output)


IMPORTS = """
import json, sys, time
import opentelemetry.sdk.trace, opentelemetry.sdk.metrics
before, began = set(sys.modules), time.perf_counter()
import modeltally
seconds = time.perf_counter() - began
at_import = sorted(set(sys.modules) - before)
modeltally.configure(endpoint=sys.argv[1])
at_configure = sorted(set(sys.modules) - before - set(at_import))
with modeltally.model_request("m"):
    pass
assert modeltally.flush()
in_thread = sorted(set(sys.modules) - before - set(at_import) - set(at_configure))
print(json.dumps([seconds, at_import, at_configure, in_thread]))
"""


def test_exporter_is_imported_in_its_own_thread(sink: Sink) -> None:
    """Says what the import costs and brings beyond the SDK; HTTP client and encoders come with the first operation."""
    output = subprocess.run(
        [sys.executable, "-c", IMPORTS, sink.url], check=True, capture_output=True, text=True
    ).stdout
    seconds, at_import, at_configure, in_thread = json.loads(output)
    sys.stdout.write(  # pytest shows it with -rP
        f"import modeltally: {seconds * 1e3:.0f} ms beyond the SDK, {len(at_import)} modules: {', '.join(at_import)};"
        f" at configure: {len(at_configure)}; in the background thread: {len(in_thread)}\n"
    )
    heavy = {"requests", "urllib3", "torch", "pydantic", "clickhouse_connect", "chdb", "grpc"}
    assert not heavy & {*at_import, *at_configure}
    assert "modeltally.instrument.background.otlp" in in_thread
    assert "requests" in in_thread
