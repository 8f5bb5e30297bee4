"""Generations told by their id: a request, then its completion or cancellation, as one ``model.request``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import modeltally
from modeltally.compat._open import OpenOperations
from modeltally.compat._values import values_of
from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded, problem

__all__ = [
    "MetricsService",
    "record_generation_cancellation",
    "record_generation_completion",
    "record_generation_request",
]

_FAILED: Final = "generation_failed"
_open: Final = OpenOperations()


@guarded(None)
def record_generation_request(generation_id: object, *, model: str | None = None, **values: object) -> None:
    """Begin a generation.

    Args:
        generation_id: Its id; what ends it names the same.
        model: The model it asks for.
        **values: What is known of it: keywords of ours, or ``user_id``, ``resolution``, ``steps`` and the like; what
            has no keyword is left out.
    """
    known = values_of(values)
    known["correlation_id"] = str(generation_id)
    _open.add(str(generation_id), modeltally.begin(names.MODEL_REQUEST, model, **known))


@guarded(None)
def record_generation_completion(
    generation_id: object, *, success: bool = True, error: BaseException | str | None = None, **values: object
) -> None:
    """End a generation.

    Args:
        generation_id: Its id.
        success: Whether there is an acceptable result.
        error: What was raised, or why there is none: a short constant, never a message.
        **values: What is known of it now.
    """
    operation = _taken("record_generation_completion", generation_id)
    if operation is None:
        return
    operation.set(**values_of(values))
    if success and error is None:
        operation.finish()
    else:
        operation.fail(error if error is not None else _FAILED)


@guarded(None)
def record_generation_cancellation(generation_id: object, **values: object) -> None:
    """End a generation as cancelled.

    Args:
        generation_id: Its id.
        **values: What is known of it.
    """
    operation = _taken("record_generation_cancellation", generation_id)
    if operation is not None:
        operation.set(**values_of(values))
        operation.cancel()


class MetricsService:
    """The same calls as methods, beside what :func:`modeltally.live` says; it holds nothing."""

    record_generation_request = staticmethod(record_generation_request)
    record_generation_completion = staticmethod(record_generation_completion)
    record_generation_cancellation = staticmethod(record_generation_cancellation)

    @staticmethod
    def get_metrics() -> dict[str, dict[str, Any]]:
        """Give the last hour of this process, by model and pattern."""
        return {subject: asdict(figures) for subject, figures in modeltally.live().items()}

    get_statistics = get_metrics


def _taken(call: str, generation_id: object) -> modeltally.ManualOperation | None:
    operation = _open.take(str(generation_id))
    if operation is None:
        problem("compat", "%s(): no request of that id is open in this process; nothing is recorded", call)
    return operation
