"""The sampler that records what the host's drops, and exports what the host's exports."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from modeltally.instrument import _guard
from modeltally.instrument.sampling import AlwaysRecord, always_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.util.types import AttributeValue

SPANS = 10_000
ATTRIBUTES: Mapping[str, AttributeValue] = {"http.route": "/images", "retries": 2, "ratio": 0.5, "names": ("a", "b")}


class SeededIds(IdGenerator):
    """The same ids in each run."""

    def __init__(self) -> None:
        """Begin."""
        self._random = random.Random(7)

    def generate_trace_id(self) -> int:
        """Return the next trace id."""
        return self._random.getrandbits(128)

    def generate_span_id(self) -> int:
        """Return the next span id."""
        return self._random.getrandbits(64)


class Watcher(SpanProcessor):
    """Keeps every span that ended."""

    def __init__(self) -> None:
        """Begin with none."""
        self.ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keep it."""
        self.ended.append(span)


class Vendor(Sampler):
    """A sampler of a vendor's: raises, returns nothing of use, or adds an attribute while it drops."""

    def __init__(self, behaviour: str) -> None:
        """Take what it does."""
        self._behaviour = behaviour

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        """Do it."""
        if self._behaviour == "raises":
            raise RuntimeError("the vendor's configuration is gone")
        if self._behaviour == "nothing":
            return None  # type: ignore[return-value]  # what the test is about
        return SamplingResult(Decision.DROP, {"vendor.rule": "r1"})

    def get_description(self) -> str:
        """Raise as well."""
        raise RuntimeError("no description")


def run(sampler: Sampler) -> tuple[list[ReadableSpan], list[str]]:
    """Make spans, half of them children; return what processors saw end, and what was exported."""
    watcher, exporter = Watcher(), InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler, id_generator=SeededIds(), shutdown_on_exit=False)
    provider.add_span_processor(watcher)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("library")
    for index in range(SPANS // 2):
        with tracer.start_as_current_span("root", attributes={**ATTRIBUTES, "index": index}):
            tracer.start_span("child", attributes={**ATTRIBUTES, "index": -index}).end()
    return watcher.ended, [identity(span) for span in exporter.get_finished_spans()]


def identity(span: ReadableSpan) -> str:
    """Write down everything about an exported span but its times."""
    assert span.context is not None
    parent = None if span.parent is None else (span.parent.span_id, span.parent.trace_flags)
    return repr((span.name, span.context, parent, dict(span.attributes or {}), span.kind))


@pytest.mark.slow(seconds=6, why="ten thousand spans four ways, twice")
@pytest.mark.parametrize("root", [TraceIdRatioBased(0.1), ParentBasedTraceIdRatio(0.1), ALWAYS_OFF, ALWAYS_ON])
def test_processors_see_every_span_and_the_same_are_exported(root: Sampler) -> None:
    """Ten thousand spans end with all their start attributes; what is exported is byte for byte what it was."""
    _, exported_without = run(root)
    ended, exported = run(AlwaysRecord(root))
    assert len(ended) == SPANS
    for span in ended:
        kept = dict(span.attributes or {})
        assert kept.pop("index", None) is not None
        assert kept == ATTRIBUTES
    assert exported == exported_without
    assert len(exported) < SPANS or root is ALWAYS_ON


def test_trace_state_of_the_parent_is_kept() -> None:
    """A vendor's entry that came with a remote parent goes on, whatever is decided."""
    state = TraceState([("vendor", "v1")])
    parent = SpanContext(7, 9, is_remote=True, trace_flags=TraceFlags(0), trace_state=state)
    context = set_span_in_context(NonRecordingSpan(parent))
    for root in (ALWAYS_OFF, Vendor("raises")):
        result = AlwaysRecord(root).should_sample(context, 7, "name", attributes=ATTRIBUTES)
        assert result.decision is Decision.RECORD_ONLY
        assert result.trace_state == state
        assert dict(result.attributes or {}) == ATTRIBUTES


def test_attributes_added_by_the_wrapped_sampler_stay() -> None:
    """What it says about a span that it drops is added to what the span starts with."""
    result = AlwaysRecord(Vendor("adds")).should_sample(None, 7, "name", attributes=ATTRIBUTES)
    assert dict(result.attributes or {}) == {**ATTRIBUTES, "vendor.rule": "r1"}


@pytest.mark.parametrize("behaviour", ["raises", "nothing"])
def test_call_goes_on_when_the_wrapped_sampler_is_broken(behaviour: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is counted at each span and logged once; the span is recorded and not exported."""
    sampler = AlwaysRecord(Vendor(behaviour))
    with caplog.at_level(logging.WARNING, "modeltally"):
        for _ in range(3):
            result = sampler.should_sample(None, 7, "name", attributes=ATTRIBUTES)
            assert result.decision is Decision.RECORD_ONLY
            assert dict(result.attributes or {}) == ATTRIBUTES
    assert _guard.problems()["sampler"] == 3
    assert len(caplog.records) == 1


def test_attributes_that_are_none_do_not_raise() -> None:
    """What is no mapping is left out: the host's call goes on."""
    odd: Any = ["no", "mapping"]
    result = AlwaysRecord(ALWAYS_OFF).should_sample(None, 7, "name", attributes=odd)
    assert result.decision is Decision.RECORD_ONLY
    assert dict(result.attributes or {}) == {}


def test_description_is_the_wrapped_ones_in_ours() -> None:
    """Who logs the sampler's description sees what decides; a broken one is named by its class."""
    assert AlwaysRecord(TraceIdRatioBased(0.25)).get_description() == "AlwaysRecord{TraceIdRatioBased{0.25}}"
    assert AlwaysRecord(Vendor("raises")).get_description() == "AlwaysRecord{Vendor}"


@pytest.mark.parametrize(
    ("argument", "description"),
    [
        (None, "ParentBased{root:AlwaysOnSampler"),
        ("  ", "ParentBased{root:AlwaysOnSampler"),
        ("always_off", "AlwaysOffSampler"),
        ("traceidratio:0.1", "TraceIdRatioBased{0.1}"),
        (" ParentBased_TraceIdRatio : 0.25 ", "ParentBased{root:TraceIdRatioBased{0.25}"),
    ],
)
def test_argument_names_the_wrapped_sampler(argument: str | None, description: str) -> None:
    """The name and argument are those of OpenTelemetry's own variables, joined by a colon."""
    assert always_record(argument).get_description().startswith(f"AlwaysRecord{{{description}")
    assert _guard.problems() == {}


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("0.1", "no sampler has that name"),
        ("nobody", "no sampler has that name"),
        ("traceidratio", "the ratio is no number from 0 to 1"),
        ("traceidratio:2", "the ratio is no number from 0 to 1"),
        ("traceidratio:nan", "the ratio is no number from 0 to 1"),
        ("modeltally_always_record:x", "it names this sampler itself"),
    ],
)
def test_unusable_argument_is_one_warning(argument: str, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """The service starts with the default sampler, and the log says what was wrong and what to write."""
    with caplog.at_level(logging.WARNING):
        description = always_record(argument).get_description()
    assert description.startswith("AlwaysRecord{ParentBased{root:AlwaysOnSampler")
    (logged,) = caplog.messages
    assert repr(argument) in logged
    assert reason in logged
    assert "parentbased_traceidratio:0.1" in logged


SERVICE = """
from opentelemetry import trace
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
_OTelSDKConfigurator().configure()
print(trace.get_tracer_provider().sampler.get_description())
with trace.get_tracer("t").start_as_current_span("s", attributes={"a": 1}) as span:
    print(span.is_recording(), span.get_span_context().trace_flags.sampled, dict(span.attributes))
"""


@pytest.mark.parametrize(
    ("argument", "expected", "is_sampled"),
    [
        ("parentbased_traceidratio:0", "AlwaysRecord{ParentBased{root:TraceIdRatioBased{0.0}", False),
        ("oops:1", "AlwaysRecord{ParentBased{root:AlwaysOnSampler", True),
    ],
)
def test_sampler_is_found_by_its_name(argument: str, expected: str, *, is_sampled: bool) -> None:
    """OpenTelemetry's own configuration finds it by its entry point, whatever the argument."""
    environment = {
        **os.environ,
        "OTEL_TRACES_SAMPLER": "modeltally_always_record",
        "OTEL_TRACES_SAMPLER_ARG": argument,
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    ended = subprocess.run(
        [sys.executable, "-c", SERVICE], check=False, capture_output=True, text=True, env=environment, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    description, span = ended.stdout.splitlines()
    assert description.startswith(expected)
    assert span.startswith(f"True {is_sampled} {{'a': 1")
    warnings = [line for line in ended.stderr.splitlines() if line]
    assert len(warnings) == is_sampled  # the unusable argument is also the one whose default samples
