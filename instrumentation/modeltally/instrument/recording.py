"""Operations that are already over, and evaluations that come later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from modeltally.instrument import _clock, _ids, _runtime
from modeltally.instrument import _names as names
from modeltally.instrument._context import parent_context
from modeltally.instrument._guard import guarded, problem
from modeltally.instrument._record import OperationRef, Record, enclosing_of_kind, root_record
from modeltally.instrument._redaction import redact
from modeltally.instrument._scalars import MAX_SPAN_BYTES, copy_values
from modeltally.instrument._switch import is_disabled

if TYPE_CHECKING:
    from typing import Unpack

    from modeltally.instrument._values import Values

__all__ = ["evaluate", "record"]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_TIME_NS: Final = 2**63 - 1
MAX_NAME: Final = 256


class _RefusedError(ValueError):
    """An argument is not usable; the message names it. Never leaves this module."""


@guarded(None)
def record(
    operation: str,
    *,
    started_at: datetime | int,
    ended_at: datetime | int | None = None,
    outcome: str = names.SUCCESS,
    error_type: str | None = None,
    operation_id: str | bytes | None = None,
    source: str = names.SOURCE_IMPORT,
    wait: bool = False,
    **values: Unpack[Values],
) -> OperationRef | None:
    """Record an operation that happened already, with its own times.

    Args:
        operation: ``model.request``, ``model.download``, ``model.load``, ``model.unload``, ``model.offload``,
            ``model.health_check``, ``pattern.run``, ``inventory`` for what lies on a host's disks, or a name of your
            own such as ``acme.upscale``.
        started_at: An aware datetime, or nanoseconds since the epoch.
        ended_at: The same; None when its end is not known: it is then recorded as unfinished.
        outcome: ``success``, ``failure``, ``partial_success``, ``error`` or ``cancelled``.
        error_type: For ``failure`` and ``error``: a short constant, never a message.
        operation_id: Anything that names this operation and no other. The same one always gives the same trace id
            and span id, so that what is recorded twice counts once. Without it the ids are random, and the operation
            belongs to what runs around this call.
        source: ``import``, ``wrapper``, ``auto``, or ``agent`` for what a host says of itself.
        wait: Wait for room in the queue instead of dropping the operation when it is full; for importers in a thread
            of their own.
        **values: What is known of it; see :class:`Values`.

    Returns:
        Its name, for :func:`evaluate`; None when it was not recorded: an argument is not usable (which one is logged
        and counted), telemetry is off, or the queue was full.
    """
    if is_disabled():
        return None
    pipeline = _runtime.active()
    if pipeline is None:
        return None
    try:
        made = _record(
            operation,
            started_at=started_at,
            ended_at=ended_at,
            outcome=outcome,
            error_type=error_type,
            operation_id=operation_id,
            source=source,
        )
    except _RefusedError as refusal:
        problem("record", "record(): %s; nothing is recorded", str(refusal))
        return None
    made.size = copy_values(made.values, values, MAX_SPAN_BYTES)
    if pipeline.config.redact is not None:
        redact(made, pipeline.config.redact)
    return made.ref if pipeline.add(made, wait=wait) else None


@guarded(None)
def evaluate(ref: OperationRef, *, name: str, score: float, source: str | None = None) -> OperationRef | None:
    """Evaluate an operation afterwards.

    Args:
        ref: What :func:`record` returned, or :attr:`Operation.ref`.
        name: What is judged, for example ``helpfulness``.
        score: From 0, the worst, to 1, the best.
        source: Who judged, for example ``user`` or ``model``.

    Returns:
        The name of the evaluation itself; None when it was not recorded.
    """
    if is_disabled():
        return None
    pipeline = _runtime.active()
    if pipeline is None:
        return None
    is_usable = isinstance(ref, OperationRef) and isinstance(name, str)
    # exactly so: what the background thread handles must have no methods of the caller's
    if not is_usable or [type(ref.trace_id), type(ref.span_id), type(ref.started_at_ns)] != [str, str, int]:
        problem("evaluate", "evaluate(): give what record() returned or Operation.ref, and a name; nothing is recorded")
        return None
    number = float(score)
    if not 0.0 <= number <= 1.0:
        problem("evaluate", "evaluate(): score is %r; give a number from 0 to 1", number)
        return None
    made = root_record(names.EVALUATION, start_ns=_clock.time_ns())
    made.custom = {
        names.EVALUATION_NAME: str.__str__(name)[:MAX_NAME],
        names.EVALUATION_TRACE_ID: ref.trace_id,
        names.EVALUATION_SPAN_ID: ref.span_id,
        names.EVALUATION_START: ref.started_at_ns,
    }
    made.size = copy_values(made.values, {"quality_score": number, "quality_source": source}, MAX_SPAN_BYTES)
    if pipeline.config.redact is not None:
        redact(made, pipeline.config.redact)
    return made.ref if pipeline.add(made, wait=False) else None


def _record(
    operation: str,
    *,
    started_at: datetime | int,
    ended_at: datetime | int | None,
    outcome: str,
    error_type: str | None,
    operation_id: str | bytes | None,
    source: str,
) -> Record:
    if not isinstance(operation, str) or not names.is_custom(operation):
        _check("operation", operation, names.RECORDABLE | {names.INVENTORY})
    _check("outcome", outcome, names.OUTCOMES)
    _check("source", source, names.SOURCES)
    start_ns = _time_ns("started_at", started_at)
    end_ns = start_ns if ended_at is None else _time_ns("ended_at", ended_at)
    if end_ns < start_ns:
        raise _RefusedError(f"ended_at is {(start_ns - end_ns) / 1e9:g} s before started_at")
    nested, host_id = False, 0
    if error_type is not None and not isinstance(error_type, str):
        raise _RefusedError(f"error_type is a {type(error_type).__qualname__}; give a short constant text")
    if operation_id is not None and not isinstance(operation_id, str | bytes):
        raise _RefusedError(f"operation_id is a {type(operation_id).__qualname__}; give text or bytes")
    if operation_id is None:
        outer, trace_id, parent_id, sampled, host_id = parent_context()
        span_id = _ids.new_span_id()
        nested = operation in names.MODEL_OPERATIONS and enclosing_of_kind(operation, outer) is not None
    else:
        (trace_id, span_id), parent_id, sampled = _ids.derived_ids(operation_id), 0, True
    made = Record(
        operation, trace_id=trace_id, span_id=span_id, parent_id=parent_id, sampled=sampled, start_ns=start_ns
    )
    made.end_ns = end_ns
    made.outcome = outcome
    if error_type is not None and outcome in names.BAD_OUTCOMES:
        made.error_type = str.__str__(error_type)[:MAX_NAME]
    made.source = source
    made.nested = nested
    made.host_id = host_id
    made.unfinished = ended_at is None
    return made


def _check(argument: str, value: object, allowed: frozenset[str]) -> None:
    if not isinstance(value, str) or value not in allowed:
        shown = value[:64] if isinstance(value, str) else type(value).__qualname__
        raise _RefusedError(f"{argument} is {shown!r}; allowed are {', '.join(sorted(allowed))}")


def _time_ns(argument: str, value: datetime | int) -> int:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise _RefusedError(f"{argument} has no time zone; give an aware datetime or nanoseconds")
        since = value - EPOCH
        nanoseconds = (since // timedelta(microseconds=1)) * 1000
    elif isinstance(value, int) and not isinstance(value, bool):
        nanoseconds = int.__index__(value)
    else:
        raise _RefusedError(f"{argument} is a {type(value).__qualname__}; give an aware datetime or nanoseconds")
    if not 0 <= nanoseconds <= MAX_TIME_NS:
        raise _RefusedError(f"{argument} is outside 1970..2262")
    return nanoseconds
