"""The background thread's work: batches, retries, copies of long operations, heartbeats, goodbye."""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry.sdk.resources import OTELResourceDetector
from opentelemetry.sdk.version import __version__ as sdk_version

from modeltally.instrument import _ids, _late
from modeltally.instrument._guard import internal_error
from modeltally.instrument._version import package_version
from modeltally.instrument.background.convert import Converter, clean_text
from modeltally.instrument.background.heartbeat import heartbeat
from modeltally.instrument.background.mirror import Mirror
from modeltally.instrument.background.otlp import Batch, ExportResult, OtlpSender, Sender

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.instrument._pipeline import Pipeline
    from modeltally.instrument._record import Record
    from modeltally.instrument._scalars import Scalar
    from modeltally.instrument.background.reporter import Reporter

__all__ = ["Worker"]

FIRST_RETRY_SECONDS: Final = 0.5
LAST_RETRY_SECONDS: Final = 30.0
LAST_REFUSED_SECONDS: Final = 3.0
LAST_RETRY_AFTER_SECONDS: Final = 60.0
HURRIED_RETRY_SECONDS: Final = 0.1
ATTEMPTS_WHEN_FULL: Final = 8
REST_SECONDS: Final = 1.0  # after an error of ours
MAX_TEXT: Final = 4096


class Worker:
    """Turns the records of one pipeline into spans and sends them."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Prepare resource, key and sender."""
        self._pipeline = pipeline
        self._sender = _sender(pipeline)
        self._converter = Converter(pipeline.hasher())
        self._mirror = Mirror() if pipeline.config.mirror else None
        self._reporter = _reporter(pipeline)
        self._unsettled = 0  # of the batch on its way
        self._next_copies = 0.0  # monotonic, as the next
        self._next_beat = 0.0
        self._beats = 0

    def run(self) -> None:
        """Work until the pipeline closes."""
        _suppress_instrumentation()
        pipeline = self._pipeline
        while pipeline.closes_at is None:
            pipeline.wake.wait(pipeline.config.export_interval_seconds)
            pipeline.wake.clear()
            try:
                self._leave_copies()
                for record in _late.take():
                    pipeline.add(record, wait=False)
                self._drain()
                self._beat()
                self._report()
            except Exception as error:  # noqa: BLE001 - a clock that fails, say: what comes next is sent all the same
                internal_error("background step", error)
                pipeline.closing.wait(REST_SECONDS)
        pipeline.leave_copies(older_than_seconds=0.0)
        self._drain()
        self._send_heartbeat(goodbye=True)
        if self._reporter is not None:
            self._reporter.report_last(pipeline.closes_at)
        self._sender.close()

    def _drain(self) -> None:
        while records := self._pipeline.take():
            self._unsettled = sum(record.is_counted for record in records)
            try:
                self._deliver(records)
            finally:
                self._resolve(delivered=0, dropped=self._unsettled, reason="internal_error")
                self._pipeline.settled(len(records))
            if self._pipeline.closes_at is None:  # a busy service's queue may never be empty
                self._leave_copies()
                self._beat()
                self._report()

    def _leave_copies(self) -> None:
        now, config = time.monotonic(), self._pipeline.config
        if now >= self._next_copies:
            self._next_copies = now + config.export_interval_seconds
            self._pipeline.leave_copies(older_than_seconds=config.unfinished_after_seconds)

    def _beat(self) -> None:
        now = time.monotonic()
        if now >= self._next_beat and self._pipeline.closes_at is None:
            self._next_beat = now + self._pipeline.config.heartbeat_interval_seconds
            self._send_heartbeat(goodbye=False)

    def _send_heartbeat(self, *, goodbye: bool) -> None:
        counters = self._pipeline.counters()
        beat = heartbeat(counters, sequence=self._beats, goodbye=goodbye)
        self._beats += 1
        if self._deliver([beat]):
            self._pipeline.tell(counters.dropped)

    def _report(self) -> None:
        if self._reporter is not None and self._pipeline.closes_at is None:
            self._reporter.report_if_due()

    def _deliver(self, records: list[Record]) -> bool:
        """Send records; return whether all of them were taken."""
        spans: list[tuple[Any, bool]] = []
        lost = 0
        for record in records:
            try:
                span = self._converter.span(record)
                encoded = self._sender.encode(span)
            except Exception as error:  # noqa: BLE001 - one odd record must not take its batch with it
                internal_error("span of a record", error)
                lost += record.is_counted
                continue
            spans.append((encoded, record.is_counted))
            if self._reporter is not None:
                self._reporter.count(span)
            if self._mirror is not None:
                self._mirror.add(span)
        if lost:
            self._resolve(delivered=0, dropped=lost, reason="unencodable")
        is_taken = self._send(self._sender.pack(spans)) and len(spans) == len(records)
        if self._mirror is not None:
            self._mirror.make()
        return is_taken

    def _send(self, batch: Batch) -> bool:
        """Send until the result is final; while the queue has room, there is time to wait for the receiver.

        Returns:
            Whether all of it was taken at once.
        """
        attempts = 0
        while True:
            result = self._attempt(batch)
            if result.is_too_large:
                middle = len(batch.spans) // 2
                for half in (batch.spans[:middle], batch.spans[middle:]):
                    self._send(self._sender.pack(half))
                return False
            if result.retry_after_seconds is None:
                break
            attempts += 1
            is_given_up = self._pipeline.is_full() and attempts >= ATTEMPTS_WHEN_FULL
            if is_given_up or not self._pause(attempts, result):
                result = ExportResult(dropped_as="export_failed")
                break
        self._resolve(
            delivered=result.delivered,
            dropped=batch.counted - result.delivered,
            reason=result.dropped_as,
        )
        return result.dropped_as is None

    def _resolve(self, *, delivered: int, dropped: int, reason: str | None) -> None:
        if delivered or dropped:
            self._unsettled -= delivered + dropped
            self._pipeline.settle(delivered=delivered, dropped=dropped, reason=reason)

    def _attempt(self, batch: Batch) -> ExportResult:
        closes_at = self._pipeline.closes_at
        remaining = float("inf") if closes_at is None else closes_at - time.monotonic()
        if remaining <= 0:
            return ExportResult(dropped_as="export_failed")
        try:
            return self._sender.send(batch, timeout_seconds=remaining)
        except Exception as error:  # noqa: BLE001 - a header or address the client library refuses: no retry helps
            internal_error("export", error)
            return ExportResult(dropped_as="export_failed")

    def _pause(self, attempts: int, result: ExportResult) -> bool:
        """Wait before the next attempt; return False when the pipeline closes first."""
        pipeline, retry_after_seconds = self._pipeline, result.retry_after_seconds or 0.0
        last = LAST_REFUSED_SECONDS if result.is_refused else LAST_RETRY_SECONDS
        backoff = min(last, FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 10)) * _ids.jitter()
        until = time.monotonic() + (min(retry_after_seconds, LAST_RETRY_AFTER_SECONDS) or backoff)
        if not retry_after_seconds and pipeline.hurry.wait(backoff):
            # somebody waits with a deadline of their own: try again soon, but do not spin
            until = time.monotonic() + HURRIED_RETRY_SECONDS * 2 ** min(attempts - 1, 4) * _ids.jitter()
        pipeline.closing.wait(max(0.0, until - time.monotonic()))
        if pipeline.closes_at is None:
            return True
        if until >= pipeline.closes_at:
            return False
        time.sleep(max(0.0, until - time.monotonic()))
        return True


def _sender(pipeline: Pipeline) -> Sender:
    config = pipeline.config
    resource, version = _resource(config.resource, pipeline.instance_id), package_version()
    if config.exporter is None:
        return OtlpSender(config.destination, resource=resource, version=version)
    from modeltally.instrument.background.exporter import ExporterSender  # noqa: PLC0415 - only this needs the tracing SDK

    return ExporterSender(config.exporter, resource=resource, version=version)


def _reporter(pipeline: Pipeline) -> Reporter | None:
    target = pipeline.config.metric_target
    if target is None:
        return None
    resource = _resource(pipeline.config.resource, pipeline.instance_id)
    try:
        from modeltally.instrument.background.reporter import Reporter  # noqa: PLC0415 - only this needs the metrics SDK

        return Reporter(pipeline, target, resource=resource, version=package_version())
    except Exception as error:  # noqa: BLE001 - a package is missing or too old: operations are recorded all the same
        internal_error("metrics", error)
        return None


def _resource(given: Mapping[str, str], instance_id: str) -> dict[str, Scalar]:
    """Describe this process; OpenTelemetry's variables apply where no argument overrides them."""
    attributes = {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk_version,
        "service.name": "unknown_service:python",
        "host.name": platform.node(),
        **{key: str(value) for key, value in OTELResourceDetector().detect().attributes.items()},
        **given,
        # one per process even where the host names one for all its workers: heartbeats are told apart by it
        "service.instance.id": instance_id,
    }
    cleaned = {clean_text(key, 256): clean_text(value, MAX_TEXT) for key, value in attributes.items()}
    return {**cleaned, "process.pid": os.getpid()}


def _suppress_instrumentation() -> None:
    """Keep the host's own instrumentation of HTTP clients from tracing our exports."""
    context = otel_context.get_current()
    for name in ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY"):
        key = getattr(otel_context, name, None)
        if key is not None:
            context = otel_context.set_value(key, value=True, context=context)
    otel_context.attach(context)
