"""The queue, its bounds, what long operations leave behind, and the heartbeats that account for it all."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING
from unittest import mock

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import modeltally
from modeltally.instrument import _pipeline
from modeltally.instrument._pipeline import Pipeline
from support.sink import Answer, Sink
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest
    from opentelemetry.sdk.trace import ReadableSpan


class GatedExporter(SpanExporter):
    """Waits for a gate to open before it takes anything."""

    def __init__(self) -> None:
        """Begin with the gate closed."""
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.names: list[str] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Wait, then take them."""
        self.entered.set()
        self.gate.wait(60)
        self.names.extend(span.name for span in spans)
        return SpanExportResult.SUCCESS


def request(count: int = 1) -> None:
    """Make requests."""
    for _ in range(count):
        with modeltally.model_request("m"):
            pass


def test_new_operations_are_dropped_and_counted_when_queue_is_full() -> None:
    """What waits stays, what does not fit is counted; the call does not wait."""
    exporter = GatedExporter()
    modeltally.configure(exporter=exporter, export_interval_seconds=0.01, max_queue_items=10)
    request()
    assert exporter.entered.wait(60)
    request(15)
    counters = modeltally.counters()
    assert counters.dropped == {"queue_full": 5}
    assert counters.queued == 11
    exporter.gate.set()
    assert not modeltally.flush()
    counters = modeltally.counters()
    assert counters.started == 16 == counters.exported + counters.lost


def test_queue_is_bounded_in_bytes() -> None:
    """Few but large operations fill it as well."""
    exporter = GatedExporter()
    modeltally.configure(exporter=exporter, export_interval_seconds=0.01, max_queue_bytes=20_000)
    request()
    assert exporter.entered.wait(60)
    for index in range(10):
        with modeltally.model_request("m", task=f"{index:4000}"):
            pass
    assert modeltally.counters().dropped["queue_full"] == 6
    exporter.gate.set()


BURST = """
import sys, modeltally
from modeltally.instrument import _names as names

def resident_bytes():
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * 4096

examples = {str: "a value of it", int: 70_000, float: 0.5, bool: True}
values = {keyword: examples[kind] for keyword, (_, kind) in list(names.ATTRIBUTES.items())[:60]}
modeltally.configure(endpoint=sys.argv[1], user_key="key")
with modeltally.model_request("m"):
    pass
modeltally.flush(2)
before = resident_bytes()
for _ in range(50_000):
    with modeltally.model_request("m") as operation:
        operation.set(**values)
print(modeltally.counters().lost, (resident_bytes() - before) // 2**20)
modeltally.shutdown(0)
"""


def test_burst_is_kept_when_nobody_takes_it() -> None:
    """50,000 large operations in a tight loop: none is lost, and they take 64 MB at most."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{probe.getsockname()[1]}"
    ended = subprocess.run([sys.executable, "-c", BURST, refused], check=True, capture_output=True, text=True)
    lost, added_megabytes = map(int, ended.stdout.split())
    assert lost == 0
    assert added_megabytes <= 64


def test_values_that_all_operations_share_count_once() -> None:
    """The bound is on memory, not on what will travel."""
    exporter = GatedExporter()
    modeltally.configure(exporter=exporter, export_interval_seconds=0.01, max_queue_bytes=20_000)
    request()
    assert exporter.entered.wait(60)
    task = "x" * 4000
    for _ in range(20):
        with modeltally.model_request("m", task=task):
            pass
    assert modeltally.counters().lost == 0
    exporter.gate.set()


def test_record_waits_for_room_when_asked_to() -> None:
    """An importer that waits loses nothing however small the queue is."""
    exporter = InMemorySpanExporter()
    modeltally.configure(exporter=exporter, export_interval_seconds=0.01, max_queue_items=10)
    for index in range(2000):
        assert modeltally.record("model.load", started_at=index, ended_at=index, model="m", wait=True)
    assert modeltally.flush()
    counters = modeltally.counters()
    assert (counters.exported, counters.lost) == (2000, 0)


def test_waiting_record_is_released_by_shutdown() -> None:
    """Ending the process does not hang on an importer."""
    exporter = GatedExporter()
    modeltally.configure(exporter=exporter, export_interval_seconds=0.01, max_queue_items=1)
    request()
    assert exporter.entered.wait(60)
    request()
    results: list[object] = []
    waiting = threading.Thread(
        target=lambda: results.append(modeltally.record("model.load", started_at=1, ended_at=1, wait=True))
    )
    waiting.start()
    assert not modeltally.shutdown(timeout_seconds=0.1)
    waiting.join(60)
    assert results == [None]
    exporter.gate.set()


def test_long_operation_leaves_one_unfinished_copy(sink: Sink) -> None:
    """The copy has the same ids and start, zero length, and what was known by then; the finished span follows."""
    modeltally.configure(endpoint=sink.url, export_interval_seconds=0.02, unfinished_after_seconds=0.05)
    with modeltally.model_request("m", task="slow") as operation:
        assert sink.wait_for(lambda: len(sink.operations) == 1)
        operation.set(output_tokens=5)
    assert modeltally.flush()
    copy, finished = sink.operations
    assert (copy.trace_id, copy.span_id, copy.start_ns) == (finished.trace_id, finished.span_id, finished.start_ns)
    assert copy.start_ns == copy.end_ns < finished.end_ns
    assert copy.attributes["modeltally.unfinished"] is True
    assert copy.attributes["modeltally.task"] == "slow"
    assert "modeltally.outcome" not in copy.attributes
    assert "modeltally.unfinished" not in finished.attributes
    assert finished.attributes["gen_ai.usage.output_tokens"] == 5
    counters = modeltally.counters()
    assert (counters.started, counters.finished, counters.exported) == (1, 1, 1)


def test_short_operation_leaves_no_copy(sink: Sink) -> None:
    """Only what runs long is announced."""
    modeltally.configure(endpoint=sink.url, export_interval_seconds=0.01, unfinished_after_seconds=60)
    with modeltally.model_request("long"):
        request(3)
        assert modeltally.flush()
    assert modeltally.flush()
    assert len(sink.operations) == 4


def test_running_operation_leaves_a_copy_when_the_process_says_goodbye(sink: Sink) -> None:
    """What an orderly end cuts off is known to have begun."""
    modeltally.configure(endpoint=sink.url, export_interval_seconds=0.02)
    with modeltally.model_request("m"):
        assert modeltally.shutdown(timeout_seconds=60)
    (copy,) = sink.operations
    assert copy.attributes["modeltally.unfinished"] is True
    assert sink.heartbeats[-1]["in_flight"] == 1


def test_heartbeats_add_up(sink: Sink) -> None:
    """What was started is what was stored, what was counted as dropped, and what is in flight."""
    modeltally.configure(
        endpoint=sink.url,
        export_interval_seconds=0.01,
        heartbeat_interval_seconds=0.05,
        service_name="painter",
    )
    request(100)
    assert modeltally.flush()
    assert sink.wait_for(lambda: len(sink.heartbeats) >= 3)
    sink.answer = Answer(status=400)
    request(7)
    modeltally.flush()
    sink.answer = Answer()
    modeltally.record("model.request", started_at=1, model="never ended")
    assert modeltally.shutdown(timeout_seconds=60) is False
    last = sink.heartbeats[-1]
    dropped = last["dropped"]
    assert isinstance(dropped, int)
    assert last["goodbye"] is True
    assert [beat["goodbye"] for beat in sink.heartbeats[:-1]] == [False] * (len(sink.heartbeats) - 1)
    sequence = [beat["sequence"] for beat in sink.heartbeats]
    assert sequence == sorted({int(str(number)) for number in sequence})
    assert last["started"] == 108
    assert last["finished"] == 107
    assert last["in_flight"] == 0
    assert last["dropped.rejected"] == dropped
    assert len({item.span_id for item in sink.operations}) + dropped == 108
    assert {item.resource["service.name"] for item in sink.spans} == {"painter"}
    assert len({item.resource["service.instance.id"] for item in sink.spans}) == 1


def test_operations_after_shutdown_are_counted_as_lost(sink: Sink) -> None:
    """They cannot be delivered any more, and do no harm."""
    modeltally.configure(endpoint=sink.url)
    request()
    assert modeltally.shutdown(timeout_seconds=60)
    request(2)
    assert modeltally.record("model.load", started_at=1, ended_at=1) is None
    counters = modeltally.counters()
    assert counters.dropped == {"shut_down": 3}
    assert counters.started == 4 == counters.exported + counters.lost


def test_flush_says_once_that_something_was_lost(sink: Sink) -> None:
    """A later flush tells about what came later."""
    modeltally.configure(endpoint=sink.url, export_interval_seconds=0.01)
    sink.answers = [Answer(status=400)]
    request()
    assert not modeltally.flush()
    request()
    assert modeltally.flush()


def test_thread_is_started_by_the_first_operation_only(sink: Sink) -> None:
    """Configuring costs nothing until something happens, then it is one thread."""
    modeltally.configure(endpoint=sink.url)

    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "modeltally"]

    assert wait_until(lambda: threads() == [])
    request(5)
    assert threads() == ["modeltally"]
    assert modeltally.shutdown(timeout_seconds=60)
    assert wait_until(lambda: threads() == [])
    assert len(sink.operations) == 5


def test_losses_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """A full queue does not fill the log."""
    exporter = GatedExporter()
    modeltally.configure(exporter=exporter, export_interval_seconds=0.01, max_queue_items=1)
    request()
    assert exporter.entered.wait(60)
    request(500)
    assert sum("queue_full" in message for message in caplog.messages) == 1
    exporter.gate.set()


def test_second_shutdown_ends_sooner_than_the_first_would(sink: Sink) -> None:
    """Someone waits long for a receiver that hangs; the process's own end does not."""
    sink.answer = Answer(is_hanging=True)
    modeltally.configure(endpoint=sink.url, export_interval_seconds=0.01)
    request()
    patient = threading.Thread(target=modeltally.shutdown, args=(float("inf"),))
    patient.start()
    assert sink.wait_for(lambda: len(sink.paths) == 1)
    assert not modeltally.shutdown(timeout_seconds=0.1)
    sink.released.set()
    patient.join(60)
    assert not patient.is_alive()
    assert modeltally.counters().dropped == {"export_failed": 1}


def test_process_is_heard_while_its_queue_is_never_empty() -> None:
    """Heartbeats and copies of long operations leave between two batches as well."""
    seen: list[str] = []
    is_enough = threading.Event()

    class Feeding(SpanExporter):
        """Has another operation ready whenever it took one."""

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            seen.extend(span.name for span in spans)
            if seen.count("heartbeat") >= 3 or len(seen) > 5000:
                is_enough.set()
            else:
                request()
            return SpanExportResult.SUCCESS

    modeltally.configure(
        exporter=Feeding(),
        export_interval_seconds=0.01,
        heartbeat_interval_seconds=0.001,
        unfinished_after_seconds=0.001,
    )
    with modeltally.load("slow"):
        request()
        assert is_enough.wait(60)
    assert seen.count("heartbeat") >= 3
    assert seen.count("load slow") == 1


def test_thread_is_tried_again_when_the_system_has_none(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service at its limit of threads is not without telemetry for ever."""

    def exhausted(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_pipeline, "NO_THREAD_SECONDS", 0.0)
    modeltally.configure(endpoint=sink.url, export_interval_seconds=0.01)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", exhausted)
        request()
    assert modeltally.counters().queued == 1
    request()
    assert modeltally.flush()
    assert modeltally.counters().exported == 2


def test_flush_starts_the_thread_that_could_not_be_started(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is recorded any more: who waits for delivery does not wait in vain."""
    monkeypatch.setattr(_pipeline, "NO_THREAD_SECONDS", 0.0)
    modeltally.configure(endpoint=sink.url, export_interval_seconds=0.01)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", mock.Mock(side_effect=RuntimeError("can't start new thread")))
        request()
    assert modeltally.flush(20)
    assert len(sink.operations) == 1


def test_thread_ends_with_its_pipeline_even_when_the_clock_fails() -> None:
    """Configured anew while `time.monotonic` raises, the former thread does not live on without an owner."""
    modeltally.configure(exporter=InMemorySpanExporter(), export_interval_seconds=0.01)
    request()
    (former,) = [thread for thread in threading.enumerate() if thread.name == "modeltally"]
    with mock.patch.object(Pipeline, "shut_down", side_effect=OSError("no clock")):
        modeltally.configure(exporter=InMemorySpanExporter(), export_interval_seconds=0.01)
    former.join(60)
    assert not former.is_alive()


def test_an_operation_ends_while_the_thread_is_being_started(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Garbage collected in the new thread before it says that it runs may be an operation: it must not wait for us."""
    start = threading.Thread.start
    monkeypatch.setattr(_pipeline, "NO_THREAD_SECONDS", 0.0)
    modeltally.configure(endpoint=sink.url, export_interval_seconds=0.01)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", mock.Mock(side_effect=RuntimeError("can't start new thread")))
        lost = modeltally.begin("model.request", "m")
    ended: list[bool] = []

    def slow_start(thread: threading.Thread) -> None:
        ender = threading.Thread(target=lost.end_cancelled)
        start(ender)
        ender.join(60)
        ended.append(not ender.is_alive())
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", slow_start)
        request()
    assert ended == [True]
    assert modeltally.flush()
    assert modeltally.counters().exported == 2
