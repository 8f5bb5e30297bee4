"""Operations as spans in the host's own traces, for hosts that ask for it.

The record sent to us stays the fact; this is a second copy for whoever reads the host's traces, made by the
background thread after the record is on its way. It follows the host's sampler, and it does not say
``modeltally.operation``, so that it counts nowhere even where both arrive at one store.
"""

from __future__ import annotations

import contextvars
import time
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.context import Context

from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded, internal_error, problem
from modeltally.instrument._version import package_version

if TYPE_CHECKING:
    from modeltally.instrument.background.convert import Span

__all__ = ["Mirror"]

SCOPE: Final = "modeltally.mirror"
IS_MIRROR: Final = "modeltally.mirror"
OPERATION: Final = "modeltally.mirrored_operation"
# The host's span processors run in our thread, and a slow one must not hold up our records: so long may the mirrors of
# a batch take, and after one that took longer there are none for a while.
BATCH_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 30.0


class Mirror:
    """Makes the host's spans of operations that ended."""

    def __init__(self) -> None:
        """Start empty; the host's provider is looked up each time, since it may be set later."""
        self._waiting: list[Span] = []
        self._paused_until = 0.0  # monotonic
        self._version = package_version()

    def add(self, span: Span) -> None:
        """Remember the span of an operation that ended for :meth:`make`."""
        record = span.record
        if record.is_counted and not record.unfinished and record.operation not in (names.EVALUATION, names.INVENTORY):
            self._waiting.append(span)

    @guarded(None)
    def make(self) -> None:
        """Create the host's spans for everything added, if the host has a tracer provider."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        provider = trace.get_tracer_provider()
        if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
            return
        # a context of their own: in this thread's the host's instrumentation is told to look away
        contextvars.Context().run(self._make, provider.get_tracer(SCOPE, self._version), waiting)

    def _make(self, tracer: trace.Tracer, waiting: list[Span]) -> None:
        ends_at = time.monotonic() + BATCH_SECONDS
        for index, span in enumerate(waiting):
            if time.monotonic() < self._paused_until:
                _leave_out(len(waiting) - index)
                return
            try:
                _mirror(tracer, span)
            except Exception as error:  # noqa: BLE001 - the host's sampler, processors and exporters are not ours
                internal_error("mirror", error)
            now = time.monotonic()
            if now > ends_at:
                self._paused_until = now + PAUSE_SECONDS


def _leave_out(count: int) -> None:
    for _ in range(count):  # each is counted, and the log says it once
        problem("mirror_slow", "the host's tracing takes too long; operations are not mirrored for %d s", PAUSE_SECONDS)


def _mirror(tracer: trace.Tracer, span: Span) -> None:
    record = span.record
    attributes = {name: value for name, value in span.attributes.items() if name != names.OPERATION}
    attributes[OPERATION] = record.operation
    attributes[IS_MIRROR] = True
    context = Context()
    if record.host_id:
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if record.sampled else trace.TraceFlags.DEFAULT)
        parent = trace.SpanContext(record.trace_id, record.host_id, is_remote=False, trace_flags=flags)
        context = trace.set_span_in_context(trace.NonRecordingSpan(parent), context)
    mirrored = tracer.start_span(
        span.name,
        context,
        kind=trace.SpanKind.CLIENT if span.is_client else trace.SpanKind.INTERNAL,
        attributes=attributes,
        start_time=record.start_ns,
    )
    error_type = span.attributes.get(names.ERROR_TYPE)
    if error_type is not None:
        mirrored.set_status(trace.Status(trace.StatusCode.ERROR, str(error_type)))
    mirrored.end(record.end_ns)
