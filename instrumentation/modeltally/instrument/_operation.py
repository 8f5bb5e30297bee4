"""The one lifecycle of an operation: start, set, then finish, fail or cancel. Nothing else emits.

Nesting is kept in a context variable of our own. The host's current span is read, for its ids, and never changed;
an operation of ours is never the host's current span.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeVar

from opentelemetry.trace import INVALID_SPAN, get_current_span

from modeltally.instrument import _ids, _runtime
from modeltally.instrument import _names as names
from modeltally.instrument._errors import MAX_NAME, error_message, error_site, error_type, is_called_off
from modeltally.instrument._guard import guarded, problem, swallow
from modeltally.instrument._received import message
from modeltally.instrument._record import Record
from modeltally.instrument._redaction import redact
from modeltally.instrument._switch import is_disabled
from modeltally.instrument._values import MAX_SPAN_BYTES, MAX_TEXT, Stored, Values, copy_values, plain, size_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from modeltally.instrument._pipeline import Pipeline

__all__ = [
    "IGNORED",
    "Operation",
    "attach",
    "current_operation",
    "detach",
    "enclosing_of_kind",
    "open_operation",
    "surroundings",
]

MAX_CUSTOM: Final = 256
RUNNING: Final = 0
ENDED: Final = 1

_current: ContextVar[Operation | None] = ContextVar("modeltally_operation", default=None)


class Operation(Record):
    """An operation that is running; told more with :meth:`set`, ended by what opened it.

    :func:`new_operation` makes one, and sets what a record has not: a second ``__init__`` is one more function that
    every call would have to fetch into the processor's caches. One by :func:`ignoring` never runs and has no pipeline.
    """

    __slots__ = ("__weakref__", "_clock_ns", "_has_copy", "_outer", "_pipeline", "_state")

    _clock_ns: int
    _has_copy: bool
    _outer: Operation | None
    _pipeline: Pipeline
    _state: int

    def set(self, **values: Unpack[Values]) -> None:
        """Tell more about the operation; a later value replaces an earlier one, None changes nothing.

        Args:
            **values: Any of the keywords of :class:`Values`. Durations are in seconds, sizes in bytes. ``user``,
                ``prompt`` and ``negative_prompt`` leave the process only as keyed hashes.
        """
        try:
            if self._state == RUNNING:
                added = copy_values(self.values, values, self._room())
                if self._state == RUNNING:  # another thread may have ended it meanwhile: what is queued keeps its size
                    self.size += added
        except Exception as error:  # noqa: BLE001 - see `_guard`
            swallow("Operation.set", error)

    @guarded(None)
    def set_attribute(self, name: str, value: object) -> None:
        """Set an attribute of your own, under the name you give it.

        Args:
            name: Its full name with your prefix, for example ``acme.team``; at most 256 characters. Names of ours are
                refused: their keywords are in :meth:`set`.
            value: A string, number or truth value.
        """
        if self._state != RUNNING:
            return
        key = str.__str__(name)[:MAX_NAME]
        if key in names.OWN or key.startswith(names.PREFIX):
            problem("reserved_name", "set_attribute(%.64r): the name is ours; it is left out, use set()", key)
            return
        scalar = plain(key, value)
        if not isinstance(scalar, str | int | float):
            return
        if self.custom is None:
            self.custom = {}
        size = len(key) + (len(scalar) if isinstance(scalar, str) else 8)
        is_full = len(self.custom) >= MAX_CUSTOM and key not in self.custom
        if is_full or size > self._room():
            problem("span_full", "an operation carries more than %d bytes; the rest is left out", MAX_SPAN_BYTES)
            return
        self.custom[key] = scalar
        self.size += size

    @guarded(None)
    def failed(self, reason: str) -> None:
        """Say that it ran and the result is not acceptable.

        Args:
            reason: A short constant, recorded as ``error.type``; never a message with the user's data.
        """
        self._settle(names.FAILURE, reason)

    @guarded(None)
    def partial(self) -> None:
        """Say that only a part of the result was made."""
        self._settle(names.PARTIAL_SUCCESS, None)

    @guarded(None)
    def cancel(self) -> None:
        """Say that it was called off."""
        self._settle(names.CANCELLED, None)

    def _settle(self, outcome: str, error_type: str | None) -> None:
        if self._state == RUNNING:
            self.outcome = outcome
            self.error_type = None if error_type is None else str.__str__(error_type)[:MAX_NAME]

    def _room(self) -> int:
        """Tell how many bytes may still be added."""
        if MAX_SPAN_BYTES - self.size < 2 * MAX_TEXT:
            # values set again and again were added up each time: count what is really there
            self.size = size_of(self.values) + size_of(self.custom or {})
        return MAX_SPAN_BYTES - self.size

    def end(self, error: BaseException | None = None) -> None:
        """End the operation, once; later calls change nothing.

        Args:
            error: What the watched code raised; None when it returned.
        """
        try:
            clock_ns = time.perf_counter_ns()
            if self._state != RUNNING:
                return
            self._state = ENDED  # no call in between: two threads may end it
            self.end_ns = self.start_ns + clock_ns - self._clock_ns
            pipeline = self._pipeline
            try:
                if error is not None:
                    self._judge(error)
                elif "quality_gate_failed" in self.values:
                    self._heed_gate()
                if self._outer is not None:
                    if self.nested:
                        self._hand_facts()
                    # a task that outlives its operation starts the next one inside it, and so on: keep no chain of
                    # ended ones
                    self._outer = _running_from(self._outer)
                if pipeline.config.redact is not None:
                    redact(self, pipeline.config.redact)
            finally:
                pipeline.finish(self)
        except Exception as problem_of_ours:  # noqa: BLE001 - see `_guard`
            swallow("Operation.end", problem_of_ours)

    def end_cancelled(self) -> None:
        """End an operation whose stream was given up before its end."""
        self.cancel()
        self.end()

    def _judge(self, error: BaseException) -> None:
        self.outcome, self.error_type = names.ERROR, None
        kind = type(error)  # `isinstance` would ask the error for its `__class__`, which is the caller's code
        if is_called_off(kind):
            self.outcome = names.CANCELLED
            return
        self.error_type = error_type(kind)
        self.error_site = error_site(error)
        if self._pipeline.config.record_error_messages:
            self.error_message = error_message(error)

    def _heed_gate(self) -> None:
        if self.outcome == names.SUCCESS and self.values["quality_gate_failed"] is True:
            self.outcome, self.error_type = names.FAILURE, names.QUALITY_GATE

    def _hand_facts(self) -> None:
        outer = enclosing_of_kind(self.operation, self._outer)
        if outer is None:
            return
        for fact in names.HANDED_FACTS:
            value = self.values.get(fact)
            if value is not None:
                outer.values.setdefault(fact, value)

    def needs_copy(self, started_before_ns: int) -> bool:
        """Tell, once, that it runs since before a reading of the performance counter."""
        if self._has_copy or self._state != RUNNING or self._clock_ns > started_before_ns:
            return False
        self._has_copy = True
        return True

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._state == RUNNING

    @property
    def outer(self) -> Operation | None:
        """The operation of ours around it."""
        return self._outer

    def __del__(self) -> None:
        """A stream nobody holds any more can never end by itself: it was given up."""
        if getattr(self, "_state", ENDED) == RUNNING:  # without one, it failed before it began
            self.end_cancelled()


Kind = TypeVar("Kind", bound=Operation)


def ignoring(kind: type[Kind]) -> Kind:
    """Make an operation of a class that ignores whatever it is told."""
    made = kind("ignored", 0, 0, 0, False, 0)  # noqa: FBT003 - see `Record`
    made._outer, made._clock_ns, made._has_copy, made._state = None, 0, True, ENDED  # noqa: SLF001 - see `Operation`
    return made


IGNORED: Final = ignoring(Operation)


def current_operation() -> Operation:
    """Return the innermost operation running here; outside of any, one that ignores whatever it is told."""
    return _current.get() or IGNORED


def open_operation(operation: str, values: Mapping[str, Stored], size: int) -> Operation:
    """Start an operation where the caller is.

    Args:
        operation: Its kind, one of the names in ``_names`` or the host's own; empty for one whose name was refused.
        values: What is known from the start, bounded by :func:`copy_values`; copied again for each operation.
        size: What that returned.

    Returns:
        The running operation; one that ignores everything when telemetry is off.
    """
    try:
        return new_operation(Operation, operation, values, size) or IGNORED
    except Exception as error:  # noqa: BLE001 - see `_guard`
        swallow("open_operation", error)
        return IGNORED


def new_operation(kind: type[Kind], operation: str, values: Mapping[str, Stored], size: int) -> Kind | None:
    """Make and register an operation of a class; None when telemetry is off."""
    if not operation or is_disabled():
        return None
    pipeline = _runtime.active()
    if pipeline is None:
        return None
    outer, trace_id, parent_id, sampled, host_id = surroundings()
    started = kind(operation, trace_id, _ids.new_span_id(), parent_id, sampled, time.time_ns())
    started.host_id = host_id
    if outer is not None and operation in names.MODEL_OPERATIONS:
        started.nested = enclosing_of_kind(operation, outer) is not None
    started.values = dict(values)
    started.size = size
    delivered = message.get()
    if delivered is not None:
        delivered.hand_to(started)
    started._outer, started._pipeline, started._has_copy = outer, pipeline, False  # noqa: SLF001 - see `Operation`
    started._clock_ns = time.perf_counter_ns()  # noqa: SLF001
    started._state = RUNNING  # noqa: SLF001 - last: where anything above failed there is nothing to end
    pipeline.start(started)
    return started


def enclosing_of_kind(operation: str, outer: Operation | None) -> Operation | None:
    """Return the nearest running operation of that kind, from one outwards."""
    while outer is not None and not (outer.operation == operation and outer.is_running):
        outer = outer.outer
    return outer


def surroundings() -> tuple[Operation | None, int, int, bool, int]:
    """Look around: the nearest operation of ours still running, trace id, parent span id, sampled flag, host's span id.

    Ids come from the enclosing operation of ours, else from the host's current span, else from the message that is
    being worked on, else they are new.
    """
    enclosing, span = _current.get(), get_current_span()
    host = None if span is INVALID_SPAN else span.get_span_context()
    if enclosing is not None:
        is_same_trace = host is not None and host.trace_id == enclosing.trace_id
        host_id = host.span_id if host is not None and is_same_trace else enclosing.host_id
        # a finished one stays in the contexts of the tasks it started
        return _running_from(enclosing), enclosing.trace_id, enclosing.span_id, enclosing.sampled, host_id
    if host is not None and host.is_valid:
        return None, host.trace_id, host.span_id, host.trace_flags.sampled, host.span_id
    delivered = message.get()
    if delivered is not None and delivered.trace_id:
        return None, delivered.trace_id, delivered.span_id, delivered.sampled, 0
    return None, _ids.new_trace_id(), 0, True, 0


def _running_from(operation: Operation | None) -> Operation | None:
    while operation is not None and not operation.is_running:
        operation = operation.outer
    return operation


def attach(operation: Operation) -> Operation | None:
    """Make an operation the current one here; returns the former one, which :func:`detach` needs."""
    former = _current.get()
    if operation is not IGNORED:
        _current.set(operation)
    return former


def detach(operation: Operation, former: Operation | None) -> None:
    """Undo :func:`attach`, with whatever was left open inside; elsewhere than inside the operation change nothing.

    Not by the context variable's own tokens: they bring back what was current when they were made, even if it has
    ended, which is what happens when generators end in another order than they began.
    """
    inner = _current.get()
    while inner is not None and inner is not operation:
        inner = inner.outer
    if inner is not None:
        _current.set(former)
