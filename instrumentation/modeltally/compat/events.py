"""Usage of models told event by event: a request, its start and its end are one operation."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import modeltally
from modeltally.compat._open import OpenOperations
from modeltally.compat._values import values_of
from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded, problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UsageEventType", "track_generation_usage", "track_model_usage_event"]


class UsageEventType(enum.StrEnum):
    """What happened to a model."""

    GENERATION_REQUEST = "generation_request"
    GENERATION_START = "generation_start"
    GENERATION_COMPLETE = "generation_complete"
    GENERATION_FAILED = "generation_failed"
    MODEL_LOAD = "model_load"
    MODEL_UNLOAD = "model_unload"
    MODEL_DOWNLOAD = "model_download"
    MODEL_HEALTH_CHECK = "model_health_check"


_OPERATIONS: Final = {
    UsageEventType.MODEL_LOAD: names.MODEL_LOAD,
    UsageEventType.MODEL_UNLOAD: names.MODEL_UNLOAD,
    UsageEventType.MODEL_DOWNLOAD: names.MODEL_DOWNLOAD,
    UsageEventType.MODEL_HEALTH_CHECK: names.MODEL_HEALTH_CHECK,
}
_FAILED: Final = "generation_failed"
_open: Final = OpenOperations()


async def track_model_usage_event(
    model_id: str,
    event_type: UsageEventType | str,
    generation_params: Mapping[str, object] | None = None,
    *,
    correlation_id: object = None,
    duration_seconds: float | None = None,
    success: bool = True,
    error: BaseException | str | None = None,
    **values: object,
) -> None:
    """Record what happened to a model; it never raises and waits for nothing.

    A generation's request begins a ``model.request``, its start ends the wait, its completion or failure ends it. They
    are matched by the correlation id, and without one in the order in which requests of the model came. An end whose
    request nobody told is recorded whole, as are loads, unloads, downloads and health checks.

    Args:
        model_id: The model.
        event_type: What happened.
        generation_params: What is known of the generation: keywords of ours, or ``resolution`` ("1280x720"), ``steps``,
            ``num_frames``, ``fps``, ``lora_path`` and the like; what has no keyword is left out. A prompt is kept as
            a hash and a length.
        correlation_id: Which generation it is.
        duration_seconds: How long it took, where nothing began it.
        success: Whether a load, unload, download or health check went well.
        error: What was raised, or why it failed: a short constant, never a message.
        **values: More of what is known.
    """
    _track(
        model_id,
        event_type,
        generation_params,
        correlation_id=correlation_id,
        duration_seconds=duration_seconds,
        success=success,
        error=error,
        values=values,
    )


async def track_generation_usage(
    model_id: str,
    event_type: UsageEventType | str,
    generation_params: Mapping[str, object] | None = None,
    **values: object,
) -> None:
    """Record what happened to a generation: :func:`track_model_usage_event` under its other name.

    Args:
        model_id: The model.
        event_type: What happened.
        generation_params: What is known of the generation.
        **values: As there.
    """
    await track_model_usage_event(model_id, event_type, generation_params, **values)  # type: ignore[arg-type] # as given


class _Told:
    """What a call says of an operation."""

    def __init__(
        self, model: str, correlation_id: object, duration_seconds: float | None, values: modeltally.Values
    ) -> None:
        self.model = model
        self.correlation_id = None if correlation_id is None else str(correlation_id)
        self.duration_seconds = duration_seconds
        self.values = values
        if self.correlation_id is not None:
            values["correlation_id"] = self.correlation_id

    @property
    def name(self) -> object:
        """What finds it again."""
        return self.correlation_id or (self.model,)

    def record(self, operation: str, *, outcome: str, error_type: str | None) -> None:
        """Record it whole, ended now."""
        ended_at = _clock.time_ns()
        self.values["model"] = self.model
        modeltally.record(
            operation,
            started_at=ended_at - round((self.duration_seconds or 0.0) * 1e9),
            ended_at=ended_at,
            outcome=outcome,
            error_type=error_type,
            source=names.SOURCE_WRAPPER,
            **self.values,
        )


@guarded(None)
def _track(
    model_id: str,
    event_type: UsageEventType | str,
    generation_params: Mapping[str, object] | None,
    *,
    correlation_id: object,
    duration_seconds: float | None,
    success: bool,
    error: BaseException | str | None,
    values: Mapping[str, object],
) -> None:
    told = _Told(model_id, correlation_id, duration_seconds, values_of(generation_params, values))
    try:
        event = UsageEventType(event_type)
    except ValueError:
        problem("compat", "track_model_usage_event(): give one of UsageEventType; nothing is recorded")
        return
    if event in _OPERATIONS:
        outcome, error_type = _judged(error, is_success=success)
        told.record(_OPERATIONS[event], outcome=outcome, error_type=error_type)
    elif event == UsageEventType.GENERATION_REQUEST:
        _begin(told)
    elif event == UsageEventType.GENERATION_START:
        operation = _open.to_start(told.name)
        if operation is None:
            operation = _begin(told)
        operation.set(**told.values)
        operation.start()
    else:
        _end(told, error, is_success=event == UsageEventType.GENERATION_COMPLETE)


def _begin(told: _Told) -> modeltally.ManualOperation:
    operation = modeltally.begin(names.MODEL_REQUEST, told.model, queued=True, **told.values)
    _open.add(told.name, operation)
    return operation


def _end(told: _Told, error: BaseException | str | None, *, is_success: bool) -> None:
    operation = _open.take(told.name)
    if operation is None:
        outcome, error_type = _judged(error, is_success=is_success)
        told.record(names.MODEL_REQUEST, outcome=outcome, error_type=error_type)
        return
    operation.set(**told.values)
    if is_success:
        operation.finish()
    else:
        operation.fail(error if error is not None else _FAILED)


def _judged(error: BaseException | str | None, *, is_success: bool) -> tuple[str, str | None]:
    if isinstance(error, BaseException):
        return names.ERROR, type(error).__qualname__
    if is_success and error is None:
        return names.SUCCESS, None
    return names.FAILURE, error or _FAILED
