"""Metrics: what is counted, where it goes, and that the spans never wait or suffer for it."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import random
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    Sum,
)
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import modeltally
from instrument.services import PATIENT
from modeltally.instrument import _guard, _runtime, manual
from modeltally.instrument._destination import METRICS, find_destination, find_metrics
from modeltally.instrument.background import reporter
from modeltally.instrument.background.meters import MAX_SERIES
from support.sink import Answer, Sink
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

T0_NS = 1_760_000_000_000_000_000
NEVER_SECONDS = 3600.0  # only the last export, at the end
REQUEST_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600, 7200)
PATTERN_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a busy machine its time; how long one attempt takes at most is asked where the receiver hangs."""
    assert reporter.ATTEMPT_SECONDS == 1.0  # half of what the end of a process has
    monkeypatch.setattr(reporter, "ATTEMPT_SECONDS", 30.0)


def configure(sink: Sink, *, metrics_interval_seconds: float = NEVER_SECONDS, **settings: Any) -> None:
    """Export to the sink."""
    modeltally.configure(
        endpoint=sink.url,
        export_interval_seconds=0.02,
        metrics_interval_seconds=metrics_interval_seconds,
        **settings,
    )


def request(count: int = 1, model: str = "m") -> None:
    """Make requests."""
    for _ in range(count):
        with modeltally.model_request(model):
            pass


def over(seconds: float, operation: str = "model.request", **values: Any) -> None:
    """Record an operation that took so long."""
    modeltally.record(operation, started_at=T0_NS, ended_at=T0_NS + round(seconds * 1e9), **values)


def end() -> None:
    """Deliver everything, the metrics last."""
    assert modeltally.shutdown(timeout_seconds=60)


def buckets(bounds: Sequence[float], **counts: int) -> tuple[int, ...]:
    """Write bucket counts: ``at_3=2`` are two values in the fourth bucket."""
    return tuple(counts.get(f"at_{index}", 0) for index in range(len(bounds) + 1))


def test_durations_fall_into_the_buckets_of_the_conventions(sink: Sink) -> None:
    """Counts, sums, extremes and bounds are exact; a value on a bound belongs to the bucket that ends there."""
    configure(sink)
    for seconds in (0.05, 0.051, 40.0, 300.0, 7201.0):
        over(seconds, model="m", provider="p", output_type="image", operation_name="generate_content")
    over(1.0, model="m", outcome="failure", error_type="blurred")
    end()
    metric = sink.report["request.duration"]
    assert (metric.unit, metric.is_cumulative, metric.scope) == ("s", True, "modeltally")
    good, bad = metric.points
    assert good.attributes == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "p",
        "modeltally.model.id": "m",
        "gen_ai.output.type": "image",
        "modeltally.outcome": "success",
    }
    assert good.bounds == REQUEST_BOUNDS
    assert good.buckets == buckets(REQUEST_BOUNDS, at_0=1, at_1=1, at_9=1, at_14=1, at_20=1)
    assert (good.count, good.least, good.greatest) == (5, 0.05, 7201.0)
    assert good.sum == pytest.approx(7541.101)
    assert bad.attributes["modeltally.outcome"] == "failure"
    assert bad.buckets == buckets(REQUEST_BOUNDS, at_4=1)
    assert good.start_ns < good.at_ns
    assert good.exemplars == 0


def test_operations_are_counted_by_what_they_were(sink: Sink) -> None:
    """Operation, outcome, error type, provider and model; what is not known is no attribute."""
    configure(sink)
    over(1.0, model="m", provider="p")
    over(1.0, model="m", provider="p")
    over(1.0, model="m", outcome="error", error_type="ValueError")
    over(1.0, "model.load")
    over(1.0, "pattern.run", pattern_name="poster")
    end()
    metric = sink.report["operations"]
    assert (metric.unit, metric.is_cumulative, metric.is_monotonic) == ("{operation}", True, True)
    assert [(point.attributes, point.value) for point in metric.points] == [
        (
            {
                "modeltally.operation": "model.request",
                "modeltally.outcome": "success",
                "gen_ai.provider.name": "p",
                "modeltally.model.id": "m",
            },
            2,
        ),
        (
            {
                "modeltally.operation": "model.request",
                "modeltally.outcome": "error",
                "error.type": "ValueError",
                "modeltally.model.id": "m",
            },
            1,
        ),
        (
            {
                "modeltally.operation": "model.load",
                "modeltally.outcome": "success",
                "modeltally.model.id": "unknown",
            },
            1,
        ),
        ({"modeltally.operation": "pattern.run", "modeltally.outcome": "success"}, 1),
    ]


def test_waits_runs_and_bytes_have_metrics_of_their_own(sink: Sink) -> None:
    """Time in a queue, duration of pattern runs, bytes that downloads moved."""
    configure(sink)
    over(1.0, model="m", provider="p", queue_seconds=0.25)
    over(1.0, model="m", provider="p", queue_seconds=-1.0)
    over(1.0, model="m", provider="p")
    over(0.5, "pattern.run", pattern_name="poster", pattern_kind="workflow")
    over(9.0, "model.download", model="m", download_bytes=700, download_protocol="xet")
    over(9.0, "model.download", model="m", download_bytes=50, download_protocol="xet")
    over(9.0, "model.download", model="m", download_bytes=0, download_cache_hit=True)
    end()
    waits = sink.report["request.queue.duration"].only
    assert waits.attributes == {"gen_ai.provider.name": "p", "modeltally.model.id": "m"}
    assert waits.buckets == buckets(REQUEST_BOUNDS, at_2=1)
    runs = sink.report["pattern.run.duration"].only
    assert runs.attributes == {
        "modeltally.pattern.name": "poster",
        "modeltally.pattern.kind": "workflow",
        "modeltally.outcome": "success",
    }
    assert runs.bounds == PATTERN_BOUNDS
    assert runs.buckets == buckets(PATTERN_BOUNDS, at_6=1)
    metric = sink.report["download.io"]
    assert (metric.unit, metric.is_monotonic) == ("By", True)
    assert metric.only.attributes == {"modeltally.model.id": "m", "modeltally.download.protocol": "xet"}
    assert metric.only.value == 750


def test_nested_operations_are_no_requests(sink: Sink) -> None:
    """They are counted under a name of their own, and no duration, wait or byte of theirs is counted twice."""
    configure(sink)
    with modeltally.model_request("outer"), modeltally.model_request("inner", queue_seconds=0.25):
        pass
    with modeltally.download("m", download_bytes=100), modeltally.download("m", download_bytes=100):
        pass
    end()
    operations = sink.report["operations"]
    assert operations.value(modeltally_operation="model.request") == 1
    assert operations.value(modeltally_operation="nested model.request", modeltally_model_id="inner") == 1
    assert sink.report["request.duration"].only.attributes["modeltally.model.id"] == "outer"
    assert "request.queue.duration" not in sink.report
    assert sink.report["download.io"].only.value == 100


def test_cancelled_operations_have_no_duration(sink: Sink) -> None:
    """They are counted, but how long they took says nothing of the model, as in the statistics."""
    configure(sink)
    over(1.0, model="m", outcome="cancelled", queue_seconds=1.0)
    over(1.0, "pattern.run", pattern_name="poster", outcome="cancelled")
    over(1.0, "model.download", model="m", outcome="cancelled", download_bytes=10)
    end()
    assert sink.report["operations"].value(modeltally_outcome="cancelled") == 3
    assert {"operations", "download.io"} <= set(sink.report)
    assert not {"request.duration", "request.queue.duration", "pattern.run.duration"} & set(sink.report)


def test_totals_of_spans_metrics_and_heartbeats_are_the_same(sink: Sink) -> None:
    """Copies, heartbeats, judgements and what has not ended are no operations that ended."""
    configure(sink, unfinished_after_seconds=0.01)
    with modeltally.model_request("slow") as operation:
        assert sink.wait_for(lambda: any("modeltally.unfinished" in span.attributes for span in sink.spans))
        request(20)
    modeltally.record("model.request", started_at=T0_NS, model="never ended")
    assert modeltally.flush()
    spans = [span for span in sink.operations if "modeltally.unfinished" not in span.attributes]
    modeltally.evaluate(operation.ref, name="helpful", score=1.0)
    end()
    assert sink.report["operations"].value() == len(spans) == 21
    # the judgement is a record of its own, and one of the operations never ended
    assert sink.heartbeats[-1]["finished"] == len(spans) + 1


def test_metrics_belong_to_the_process_that_sent_the_spans(sink: Sink) -> None:
    """One resource, one scope: what is joined by instance fits."""
    configure(sink, service_name="painter")
    request()
    end()
    metric = sink.report["operations"]
    assert metric.resource == sink.operations[0].resource
    assert metric.resource["service.name"] == "painter"


def test_running_requests_go_up_and_down(sink: Sink) -> None:
    """Each model's are shown while they run and are zero afterwards; nested and waiting ones are not running."""
    configure(sink, metrics_interval_seconds=0.01)

    def active(model: str) -> int:
        metric = sink.report.get("request.active")
        return -1 if metric is None else metric.value(modeltally_model_id=model)

    waiting = manual.begin("model.request", "queued", queued=True)
    with modeltally.model_request("a"), modeltally.model_request("a"), modeltally.load("a"):
        inner = modeltally.model_request("b")
        assert sink.wait_for(lambda: active("a") == 1)
        with inner:
            pass
        assert active("queued") == 0
        waiting.start()
        assert sink.wait_for(lambda: active("queued") == 1)
    waiting.finish()
    assert sink.wait_for(lambda: active("a") == 0 and active("queued") == 0)
    metric = sink.report["request.active"]
    assert (metric.unit, metric.is_monotonic, metric.is_cumulative) == ("{request}", False, True)
    end()


def test_running_requests_name_no_model_when_the_host_redacts(sink: Sink) -> None:
    """What may leave is decided when an operation ends: until then only the total is shown."""
    configure(sink, metrics_interval_seconds=0.01, redact=lambda _, values: {**values, "model": "hidden"})
    with modeltally.model_request("secret"):
        assert sink.wait_for(lambda: "request.active" in sink.report)
        assert sink.report["request.active"].only.attributes == {}
        assert sink.report["request.active"].only.value == 1
    end()
    assert "secret" not in repr(sink.reports)
    assert sink.report["request.duration"].only.attributes["modeltally.model.id"] == "hidden"


class Collecting(MetricExporter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.taken: list[MetricsData] = []

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Keep it."""
        assert 0 < timeout_millis <= reporter.ATTEMPT_SECONDS * 1000
        assert not kwargs
        self.taken.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing waits."""
        del timeout_millis
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Fail: it is the host's to shut down."""
        raise AssertionError((timeout_millis, kwargs))

    def newest(self) -> dict[str, Sum | Histogram]:
        """Return the newest metrics by name."""
        (resource_metrics,) = self.taken[-1].resource_metrics
        (scope_metrics,) = resource_metrics.scope_metrics
        assert scope_metrics.scope.name == "modeltally"
        return {metric.name: metric.data for metric in scope_metrics.metrics}  # type: ignore[misc]  # no other kinds


class Gated(SpanExporter):
    """Waits for a gate to open before it takes anything."""

    def __init__(self) -> None:
        """Begin with the gate closed."""
        self.entered = threading.Event()
        self.gate = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Wait, then take them."""
        del spans
        self.entered.set()
        self.gate.wait(60)
        return SpanExportResult.SUCCESS


def test_what_was_dropped_is_told_by_reason() -> None:
    """Losses and problems are metrics too, the same numbers as the counters'."""
    exporter, metrics = Gated(), Collecting()
    modeltally.configure(exporter=exporter, metric_exporter=metrics, export_interval_seconds=0.01, max_queue_items=10)
    request()
    assert exporter.entered.wait(60)
    with modeltally.model_request("m") as operation:
        operation.set_attribute("modeltally.mine", 1)
    request(14)
    exporter.gate.set()
    assert not modeltally.shutdown(timeout_seconds=10)
    newest = metrics.newest()
    dropped, problems = newest["modeltally.telemetry.dropped"], newest["modeltally.telemetry.problems"]
    assert [(point.attributes, getattr(point, "value", None)) for point in dropped.data_points] == [
        ({"reason": "queue_full"}, 5)
    ]
    assert {
        str((point.attributes or {})["reason"]): getattr(point, "value", None) for point in problems.data_points
    } == {
        "queue_full": 5,
        "reserved_name": 1,
    }
    (counted,) = newest["modeltally.operations"].data_points
    assert getattr(counted, "value", None) == 11


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child_counts_its_own(sink: Sink) -> None:
    """What the parent counted before the fork is not in the child's numbers: the sum over both is exact."""
    configure(sink)
    request(100)
    with modeltally.model_request("m") as operation:
        operation.set_attribute("modeltally.mine", 1)
    assert modeltally.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            request(5)
            status = 0 if modeltally.shutdown(timeout_seconds=60) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    request(7)
    end()
    of_child, of_parent = sink.reports
    assert of_child["operations"].value() == 5
    assert of_parent["operations"].value() == 108
    assert len(sink.operations) == 113
    assert of_child["request.duration"].only.count == 5
    assert "telemetry.problems" not in of_child
    assert of_parent["telemetry.problems"].value(reason="reserved_name") == 1
    assert (
        of_child["operations"].resource["service.instance.id"]
        != of_parent["operations"].resource["service.instance.id"]
    )


OURS = "MODELTALLY_OTLP_ENDPOINT"
SPECIFIC = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
STANDARD = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("argument", "environment", "url", "reason"),
    [
        (None, {}, "http://127.0.0.1:4318/v1/metrics", "the default"),
        (None, {TRACES: "http://t:1/x"}, "http://127.0.0.1:4318/v1/metrics", "the default"),
        (None, {STANDARD: "http://c:1/"}, "http://c:1/v1/metrics", STANDARD),
        (None, {STANDARD: "http://c:1", SPECIFIC: "http://m:2/x"}, "http://m:2/x", SPECIFIC),
        (None, {SPECIFIC: "http://m:2/x", OURS: "http://o:3"}, "http://o:3/v1/metrics", OURS),
        (None, {OURS: "http://o:3/v1/traces"}, "http://o:3/v1/metrics", OURS),
        ("https://a:4/otlp", {OURS: "http://o:3"}, "https://a:4/otlp/v1/metrics", "argument endpoint"),
        ("http://a:4/v1/traces/", {}, "http://a:4/v1/metrics", "argument endpoint"),
    ],
)
def test_metrics_go_where_the_most_specific_setting_says(
    monkeypatch: pytest.MonkeyPatch, argument: str | None, environment: dict[str, str], url: str, reason: str
) -> None:
    """As for spans, with the variables for metrics before the general ones."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    destination = find_destination(argument, None, signal=METRICS)
    assert (destination.url, destination.reason) == (url, reason)


def test_headers_of_metrics_come_before_the_general_ones(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector may ask for another key for them; the spans keep theirs, and gzip holds for both."""
    monkeypatch.setenv(STANDARD, sink.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=general")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "api-key=metrics")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    modeltally.configure(headers={"x-tenant": "blue"}, export_interval_seconds=0.02)
    request()
    end()
    assert sink.metric_paths == ["/v1/metrics"]
    assert set(sink.paths) == {"/v1/traces"}
    assert sink.metric_headers[0]["content-type"] == "application/x-protobuf"
    assert sink.metric_headers[0]["content-encoding"] == "gzip"
    assert sink.metric_headers[0]["api-key"] == "metrics"
    assert sink.metric_headers[0]["x-tenant"] == "blue"
    assert sink.headers[0]["api-key"] == "general"
    assert sink.report["operations"].value() == 1


def test_metrics_are_not_sent_where_nobody_was_named(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that names a place for traces alone has not asked for metrics on this machine's own port."""
    monkeypatch.setenv(TRACES, f"{sink.url}/v1/traces")
    assert find_metrics(None, None, exporter=None) is None
    modeltally.configure(export_interval_seconds=0.02)
    request()
    end()
    assert len(sink.operations) == 1
    assert "metrics" not in " ".join(_guard.problems())


@pytest.mark.parametrize(
    ("settings", "environment"),
    [({"metrics": False}, {}), ({}, {"OTEL_METRICS_EXPORTER": "none"}), ({}, {"OTEL_METRICS_EXPORTER": " None "})],
)
def test_no_metrics_are_sent_when_switched_off(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], environment: dict[str, str]
) -> None:
    """By argument, or by the standard variable; the spans go on."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    configure(sink, **settings)
    request()
    end()
    assert len(sink.operations) == 1
    assert sink.metric_paths == []


def test_no_metrics_are_sent_when_only_the_spans_have_an_exporter(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes the spans elsewhere did not ask for metrics at the default address."""
    monkeypatch.setenv(OURS, sink.url)
    modeltally.configure(exporter=InMemorySpanExporter())
    request()
    end()
    assert sink.metric_paths == []


def test_spans_are_recorded_when_the_metrics_address_is_unusable(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A variable for metrics that is no address switches off only them, and is named."""
    monkeypatch.setenv(TRACES, f"{sink.url}/v1/traces")
    monkeypatch.setenv(SPECIFIC, "collector:4318")
    modeltally.configure(export_interval_seconds=0.02)
    request()
    end()
    assert len(sink.operations) == 1
    assert f"{SPECIFIC} is 'collector:4318'" in caplog.text
    assert "metrics are off" in caplog.text


def test_log_says_where_metrics_go_when_elsewhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line more, only when the spans go elsewhere."""
    monkeypatch.setenv(STANDARD, "http://general:1")
    monkeypatch.setenv(SPECIFIC, "http://user:secret@special:2/x")
    with caplog.at_level("INFO", logger="modeltally"):
        modeltally.configure()
    assert caplog.messages == [
        f"exporting to http://general:1/v1/traces (from {STANDARD})",
        f"exporting metrics to http://special:2/x (from {SPECIFIC})",
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"metrics": "no"}, "configure(metrics=...) is of type str"),
        ({"metrics_interval_seconds": 0}, "configure(metrics_interval_seconds=...) is 0"),
        ({"metric_exporter": object()}, "configure(metric_exporter=...) is of type object; give a metric exporter"),
    ],
)
def test_unusable_setting_is_named(caplog: pytest.LogCaptureFixture, settings: dict[str, Any], said: str) -> None:
    """As any other setting: one warning, and telemetry is off."""
    modeltally.configure(**settings)
    assert said in caplog.text
    assert "telemetry is off" in caplog.text


@pytest.mark.parametrize("status", [307, 400, 404, 500])
def test_spans_go_on_when_metrics_are_refused(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """One warning, and the receiver is left alone, at the end as well; nothing counts as lost."""
    monkeypatch.setattr(reporter, "REST_FACTOR", 0)
    sink.metric_answer = Answer(status=status, headers={"Location": f"{sink.url}/v1/metrics"})
    configure(sink, metrics_interval_seconds=1e-9)
    request()
    assert sink.wait_for(lambda: len(sink.metric_paths) == 1)
    for _ in range(5):
        request(20)
        assert modeltally.flush()
    end()
    assert len(sink.metric_paths) == 1
    assert len(sink.operations) == 101
    counters = modeltally.counters()
    assert (counters.exported, counters.lost) == (101, 0)
    assert counters.problems == {"metrics_refused": 1}
    assert sum(f"answered {status}" in message for message in caplog.messages) == 1


@pytest.mark.parametrize(
    "answer", [Answer(status=429), Answer(status=503), Answer(is_resetting=True)], ids=["429", "503", "reset"]
)
def test_next_export_brings_what_a_failed_one_did_not(sink: Sink, answer: Answer) -> None:
    """Values are totals: a missed one leaves no gap."""
    sink.metric_answers = [answer, answer]
    configure(sink, metrics_interval_seconds=0.01)
    request(3)
    assert sink.wait_for(lambda: len(sink.reports) >= 1)
    end()
    assert sink.reports[0]["operations"].value() == 3
    assert modeltally.counters().lost == 0
    assert modeltally.counters().problems["metrics_unreachable"] == 2


def test_receiver_is_left_alone_for_as_long_as_it_asks(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry-After holds for metrics too."""
    monkeypatch.setattr(reporter, "REST_FACTOR", 0)
    sink.metric_answers = [Answer(status=503, headers={"Retry-After": "30"})]
    configure(sink, metrics_interval_seconds=1e-9)
    request()
    assert sink.wait_for(lambda: len(sink.metric_paths) == 1)
    for _ in range(5):
        request()
        assert modeltally.flush()
    end()
    assert len(sink.metric_paths) == 1


def test_spans_are_delivered_when_the_metrics_endpoint_hangs(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given one second, then the spans go on and it is asked less often; the last export is tried anyway."""
    monkeypatch.setattr(reporter, "ATTEMPT_SECONDS", 1.0)
    monkeypatch.setattr(reporter, "REST_FACTOR", 1000)
    sink.metric_answer = Answer(is_hanging=True)
    configure(sink, metrics_interval_seconds=0.01)
    request()
    assert sink.wait_for(lambda: len(sink.metric_paths) == 1)
    request(500)
    assert modeltally.flush()
    request(10)
    assert modeltally.flush()
    assert len(sink.metric_paths) == 1
    end()
    assert len(sink.metric_paths) == 2
    assert len(sink.operations) == 511
    assert modeltally.counters().lost == 0


def test_rejected_points_are_told(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    """The answer 200 may say that some were not taken; the next export is not held back."""
    sink.metric_answers = [Answer(rejected=3)]
    configure(sink, metrics_interval_seconds=0.01)
    request()
    assert sink.wait_for(lambda: len(sink.reports) >= 2)
    end()
    assert "rejected 3 points" in caplog.text
    assert modeltally.counters().problems["metrics_rejected"] == 1


def test_number_of_series_is_bounded(sink: Sink) -> None:
    """What is beyond the bound is one series, marked as the SDK marks it; no operation is missing in the sum."""
    configure(sink)
    early = ("m0", "long" * 1000)
    for model in (*early, *(f"m{index}" for index in range(1, MAX_SERIES + 49)), *early):
        over(1.0, model=model, queue_seconds=0.5)
    end()
    for name in ("operations", "request.duration", "request.queue.duration"):
        points = sink.report[name].points
        assert len(points) == MAX_SERIES + 1
        (beyond,) = [point for point in points if point.attributes == {"otel.metric.overflow": True}]
        assert beyond.value + beyond.count == 50
        assert sum(point.value + point.count for point in points) == MAX_SERIES + 52


def test_long_names_are_cut_to_a_label(sink: Sink) -> None:
    """A name as long as a text is no reason for points as long; sums beyond what can be written stop there."""
    configure(sink)
    over(1.0, model="x" * 4000)
    for _ in range(2):
        over(1.0, "model.download", model="m", download_bytes=2**63 - 1)
    end()
    assert sink.report["request.duration"].only.attributes["modeltally.model.id"] == "x" * 256
    assert sink.report["download.io"].only.value == 2**63 - 1


def test_end_of_the_process_exports_everything(sink: Sink) -> None:
    """A short program has its metrics as well, without a call of its own."""
    code = (
        f"{PATIENT}from modeltally.instrument.background import reporter\n"
        "reporter.ATTEMPT_SECONDS = 30\n"
        "import sys, modeltally\n"
        "modeltally.configure(endpoint=sys.argv[1])\n"
        "for _ in range(1000):\n"
        "    with modeltally.model_request('m'):\n"
        "        pass\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, sink.url], check=False, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    (report,) = sink.reports
    assert report["operations"].value() == 1000 == len(sink.operations)
    assert report["request.duration"].only.count == 1000


def test_process_ends_when_nobody_takes_its_metrics(sink: Sink) -> None:
    """A receiver that takes spans and hangs on metrics delays the end; everything else is delivered."""
    sink.metric_answer = Answer(is_hanging=True)
    code = (  # on a busy machine the end has time for what is to be delivered; of metrics it waits for one attempt
        f"{PATIENT}import sys, modeltally\n"
        "modeltally.configure(endpoint=sys.argv[1])\n"
        "modeltally.model_request('m').__enter__()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, sink.url], check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr
    assert "not delivered" not in ended.stderr
    assert sink.heartbeats[-1]["goodbye"] is True


class Raising(Collecting):
    """Raises, then takes."""

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Raise the first time."""
        super().export(metrics_data, timeout_millis, **kwargs)
        if len(self.taken) == 1:
            raise RuntimeError(self)
        return MetricExportResult.SUCCESS


class Refusing(Collecting):
    """Fails, then takes."""

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Fail the first time."""
        super().export(metrics_data, timeout_millis, **kwargs)
        return MetricExportResult.FAILURE if len(self.taken) == 1 else MetricExportResult.SUCCESS


@pytest.mark.parametrize("kind", [Raising, Refusing])
def test_calls_and_spans_go_on_when_the_metric_exporter_fails(sink: Sink, kind: type[Collecting]) -> None:
    """Whatever it does, it is asked again later, and the spans are delivered."""
    exporter = kind()
    configure(sink, metric_exporter=exporter, metrics_interval_seconds=0.01)
    request(3)
    assert wait_until(lambda: len(exporter.taken) >= 2)
    end()
    assert len(sink.operations) == 3
    assert sink.metric_paths == []
    assert modeltally.counters().problems == {"metric_exporter": 1}


def test_metric_exporter_gets_the_sdks_data() -> None:
    """Any exporter of metrics works: classes, temporality and resource are the SDK's; it is not shut down."""
    metrics = Collecting()
    modeltally.configure(exporter=InMemorySpanExporter(), metric_exporter=metrics, service_name="painter")
    over(1.0, model="m")
    end()
    newest = metrics.newest()
    assert metrics.taken[-1].resource_metrics[0].resource.attributes["service.name"] == "painter"
    assert isinstance(newest["modeltally.operations"], Sum)
    assert isinstance(newest["modeltally.request.duration"], Histogram)
    assert {data.aggregation_temporality for data in newest.values()} == {AggregationTemporality.CUMULATIVE}
    assert json.loads(metrics.taken[-1].to_json())


def test_hosts_variables_for_the_sdk_change_nothing(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporality, buckets, exemplars and intervals are part of what the metrics mean."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram")
    monkeypatch.setenv("OTEL_METRICS_EXEMPLAR_FILTER", "always_on")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "1")
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    configure(sink)
    request(2)
    assert modeltally.flush()
    request()
    end()
    (report,) = sink.reports
    assert all(metric.is_cumulative for metric in report.values())
    assert report["request.duration"].only.bounds == REQUEST_BOUNDS
    assert report["request.duration"].only.exemplars == 0
    assert all(name in {"operations", "request.duration"} for name in report)


def test_hosts_random_sequence_is_untouched_by_metrics(sink: Sink) -> None:
    """Counting, exporting and failing to draw nothing from the generators that a host may have seeded."""
    sink.metric_answers = [Answer(status=503), Answer(is_resetting=True)]
    numpy: Any = importlib.import_module("numpy") if importlib.util.find_spec("numpy") else None
    random.seed(42)
    state = random.getstate()
    if numpy is not None:
        numpy.random.seed(42)
    numpy_state = None if numpy is None else repr(numpy.random.get_state())
    configure(sink, metrics_interval_seconds=0.01)
    request(50)
    assert sink.wait_for(lambda: len(sink.reports) >= 5)
    end()
    assert random.getstate() == state
    assert numpy is None or repr(numpy.random.get_state()) == numpy_state


def test_metrics_need_no_thread_of_their_own(sink: Sink) -> None:
    """One background thread does everything, and is gone at the end."""
    before = set(threading.enumerate())
    configure(sink, metrics_interval_seconds=0.01)
    request()
    assert sink.wait_for(lambda: len(sink.reports) >= 2)
    ours = {thread.name for thread in set(threading.enumerate()) - before if "process_request" not in thread.name}
    assert ours == {"modeltally"}
    end()
    assert wait_until(lambda: not any(thread.name == "modeltally" for thread in threading.enumerate()))


IMPORTS = """
import json, sys, modeltally
before = sorted(sys.modules)
modeltally.configure(endpoint=sys.argv[1], metrics=sys.argv[2] == "on")
configured = sorted(sys.modules)
with modeltally.model_request("m"):
    pass
modeltally.shutdown(10)
print(json.dumps([before, configured, sorted(sys.modules)]))
"""


@pytest.mark.parametrize("switch", ["on", "off"])
def test_metrics_sdk_is_imported_in_the_background_only(sink: Sink, switch: str) -> None:
    """A service does not wait for it, and one without metrics never has it."""
    ended = subprocess.run(
        [sys.executable, "-c", IMPORTS, sink.url, switch], check=True, capture_output=True, text=True, timeout=60
    )
    before, configured, after = (set(modules) for modules in json.loads(ended.stdout))
    heavy = {
        "opentelemetry.sdk.metrics",
        "opentelemetry.exporter.otlp.proto.common.metrics_encoder",
        "opentelemetry.proto.metrics.v1.metrics_pb2",
        "modeltally.instrument.background.meters",
    }
    assert not heavy & (before | configured)
    assert heavy & after == (heavy if switch == "on" else set())


def test_metrics_are_not_delayed_by_a_queue_that_is_never_empty() -> None:
    """Between two batches of a busy service as well."""
    metrics = Collecting()
    seen: list[int] = []
    is_over = threading.Event()

    class Feeding(SpanExporter):
        """Has another operation ready whenever it took one."""

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            seen.append(len(spans))
            if len(metrics.taken) >= 3 or len(seen) > 5000:
                is_over.set()
            else:
                request()
            return SpanExportResult.SUCCESS

    modeltally.configure(
        exporter=Feeding(), metric_exporter=metrics, export_interval_seconds=0.01, metrics_interval_seconds=0.001
    )
    request()
    assert is_over.wait(60)
    assert len(metrics.taken) >= 3


def test_operation_that_cannot_be_counted_is_delivered(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours in the metrics takes no span with it."""

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("modeltally.instrument.background.meters.Meters.count", broken)
    configure(sink)
    request(3)
    end()
    assert len(sink.operations) == 3
    assert set(modeltally.counters().problems) == {"metrics of a record"}


def test_address_nobody_listens_at_delays_no_spans(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead collector for metrics is said and counted, no operation is lost."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv(SPECIFIC, f"http://127.0.0.1:{probe.getsockname()[1]}/v1/metrics")
    monkeypatch.setenv(TRACES, f"{sink.url}/v1/traces")
    modeltally.configure(export_interval_seconds=0.02, metrics_interval_seconds=0.01)
    request(5)
    assert wait_until(lambda: modeltally.counters().problems.get("metrics_unreachable", 0) >= 3)
    end()
    assert len(sink.operations) == 5
    assert modeltally.counters().lost == 0


def test_pipeline_without_operations_exports_no_metrics(sink: Sink) -> None:
    """A process that did nothing says nothing."""
    configure(sink)
    assert _runtime._state.pipeline is not None
    end()
    assert sink.metric_paths == []
