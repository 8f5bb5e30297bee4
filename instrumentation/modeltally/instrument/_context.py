"""Where the caller is: the current operation, the parent of a new one, and how one is opened.

Nesting is kept in a context variable of our own. The host's current span is read, for its ids, and never changed;
an operation of ours is never the host's current span.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from opentelemetry.trace import INVALID_SPAN, get_current_span

from modeltally.instrument import _clock, _ids, _runtime
from modeltally.instrument import _names as names
from modeltally.instrument._guard import swallow
from modeltally.instrument._inbound import inbound
from modeltally.instrument._operation import IGNORED, Operation
from modeltally.instrument._record import RUNNING, Running, enclosing_of_kind, running_from
from modeltally.instrument._switch import is_disabled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.instrument._scalars import Stored

__all__ = ["attach", "current", "current_operation", "detach", "new_operation", "open_operation", "parent_context"]

_current: ContextVar[Operation | None] = ContextVar("modeltally_operation", default=None)
current = _current.get  # what :func:`detach` brings back

Kind = TypeVar("Kind", bound=Operation)


def current_operation() -> Operation:
    """Return the innermost operation running here; outside of any, one that ignores every call."""
    operation = _current.get()
    return IGNORED if operation is None or operation.is_left_behind else operation


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
    """Create and register an operation of a class; return None when telemetry is off."""
    if not operation or is_disabled():
        return None
    pipeline = _runtime.active()
    if pipeline is None:
        return None
    outer, trace_id, parent_id, sampled, host_id = parent_context()
    started = kind(operation, trace_id, _ids.new_span_id(), parent_id, sampled, _clock.time_ns())
    started.host_id = host_id
    if outer is not None and operation in names.MODEL_OPERATIONS:
        started.nested = enclosing_of_kind(operation, outer) is not None
    started.values = dict(values)
    started.size = size
    delivered = inbound.get()
    if delivered is not None:
        delivered.apply_to(started)
    started._outer, started._pipeline, started._has_copy = outer, pipeline, False  # noqa: SLF001 - see `Running`
    started._clock_ns = _clock.perf_counter_ns()  # noqa: SLF001
    started._state = RUNNING  # noqa: SLF001 - last: where anything above failed there is nothing to end
    try:
        pipeline.start(started)
    except Exception as error:  # noqa: BLE001 - it has begun all the same: given up here, it would count as cancelled
        swallow("start", error)
    return started


def parent_context() -> tuple[Running | None, int, int, bool, int]:
    """Return the nearest running operation of ours, trace id, parent span id, sampled flag and the host's span id.

    Ids come from the enclosing operation of ours, else from the host's current span, else from the message being
    processed, else they are new.
    """
    enclosing, span = _current.get(), get_current_span()
    host = None if span is INVALID_SPAN else span.get_span_context()
    if enclosing is not None and not enclosing.is_left_behind:
        is_same_trace = host is not None and host.trace_id == enclosing.trace_id
        host_id = host.span_id if host is not None and is_same_trace else enclosing.host_id
        # a finished one stays in the contexts of the tasks it started
        return running_from(enclosing), enclosing.trace_id, enclosing.span_id, enclosing.sampled, host_id
    if host is not None and host.is_valid:
        return None, host.trace_id, host.span_id, host.trace_flags.sampled, host.span_id
    delivered = inbound.get()
    if delivered is not None and delivered.trace_id:
        return None, delivered.trace_id, delivered.span_id, delivered.sampled, 0
    return None, _ids.new_trace_id(), 0, True, 0


def attach(operation: Operation) -> None:
    """Make an operation the current one.

    A signal handler of the host's may raise while it is made that, and while it is made that no more, so::

        former = current()
        try:
            try:
                attach(operation)
                ...
            finally:
                detach(operation, former)
        except BaseException:
            detach(operation, former)
            raise
    """
    if operation is not IGNORED:
        _current.set(operation)


def detach(operation: Operation, former: Operation | None) -> bool:
    """Undo :func:`attach` and whatever was left open inside; do nothing outside of the operation.

    Returns:
        Whether this was inside of it.

    Not by the context variable's own tokens: they bring back what was current when they were made, even if it has
    ended, which is what happens when generators end in another order than they began.
    """
    inner: Running | None = _current.get()
    while inner is not None and inner is not operation:
        inner = inner.outer
    if inner is None:
        return False
    _current.set(former)
    return True
