"""Use of patterns told when it is over: each call is a ``pattern.run``."""

from __future__ import annotations

import asyncio
import enum
import functools
from typing import TYPE_CHECKING, Any, Final

import modeltally
from modeltally.compat._values import values_of
from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded, problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from uuid import UUID

__all__ = ["PatternUsageTrackerService", "UsageOutcome", "get_usage_tracker"]


class UsageOutcome(enum.StrEnum):
    """How it ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    PARTIAL_SUCCESS = "partial_success"
    ERROR = "error"


# what of a context statistics read
_FROM_CONTEXT: Final = ("context_type", "context_id", "project", "file_type", "agent", "user")


class PatternUsageTrackerService:
    """Records the use of patterns, and answers about it."""

    def __init__(self, db_connection: object = None, *, directory: Path | None = None) -> None:
        """Take what another design needs.

        Args:
            db_connection: Not used: what is recorded goes where :func:`modeltally.configure` says, and is kept there.
            directory: The data directory that is asked; None: the one that the settings name.
        """
        del db_connection
        self._directory = directory

    async def get_usage_stats(
        self, pattern_id: UUID | str | None = None, time_range_hours: float = 168, *, group_by: str = "day"
    ) -> dict[str, Any]:
        """Count the runs of one pattern, or of each, over time.

        Args:
            pattern_id: The pattern; None: each.
            time_range_hours: How long a window, up to now.
            group_by: hour, day or week.

        Returns:
            What :func:`modeltally.compat.statistics.pattern_usage` gives.

        Raises:
            ModelTallyError: There is no store, or it cannot be asked.
        """
        from modeltally.compat.statistics import pattern_usage  # noqa: PLC0415 - recording loads no store

        return await asyncio.to_thread(
            pattern_usage, pattern_id, hours=time_range_hours, bucket=group_by, directory=self._directory
        )

    async def get_pattern_effectiveness(self, pattern_id: UUID | str, time_range_hours: float = 168) -> dict[str, Any]:
        """Say how effective a pattern is, and what to do with it.

        Args:
            pattern_id: The pattern.
            time_range_hours: How long a window, up to now.

        Returns:
            ``effectiveness_score``, ``recommendation``, and what they come from; a score of 0.5 and ``keep`` where no
            run ended in the window, which says nothing for or against it.

        Raises:
            ModelTallyError: There is no store, or it cannot be asked.
        """
        from modeltally.compat.statistics import pattern_effectiveness  # noqa: PLC0415 - recording loads no store

        found = await asyncio.to_thread(
            pattern_effectiveness, pattern_id, hours=time_range_hours, directory=self._directory
        )
        return found or {"pattern": str(pattern_id), "runs": 0, "effectiveness_score": 0.5, "recommendation": "keep"}

    async def record_usage(
        self,
        pattern_id: UUID | str,
        outcome: UsageOutcome | str = UsageOutcome.SUCCESS,
        *,
        context: Mapping[str, object] | None = None,
        quality_score: float | None = None,
        execution_time_ms: float | None = None,
        correlation_id: UUID | str | None = None,
        error_message: str | None = None,
        error_type: str | None = None,
        **values: object,
    ) -> modeltally.OperationRef | None:
        """Record that a pattern was used, just now; it never raises and waits for nothing.

        Args:
            pattern_id: The pattern.
            outcome: How it ended.
            context: What it was used for; of it, statistics read ``context_type``, ``context_id``, ``project``,
                ``file_type``, ``agent`` and ``user``.
            quality_score: How good the result is, 0 to 1.
            execution_time_ms: How long it took; without it the run has no length.
            correlation_id: Which piece of work it was part of.
            error_message: Not recorded, since messages may quote what is private; give ``error_type``.
            error_type: Why it failed, a short constant: ``timeout`` and ``quality_gate`` are counted.
            **values: More of what is known.

        Returns:
            Its name, for :func:`modeltally.evaluate`; None when it was not recorded.
        """
        del error_message
        return _record(
            pattern_id,
            outcome,
            context or {},
            execution_time_ms=execution_time_ms,
            error_type=error_type,
            values={**values, "quality_score": quality_score, "correlation_id": correlation_id},
        )


@functools.cache
def get_usage_tracker() -> PatternUsageTrackerService:
    """Give the process's tracker."""
    return PatternUsageTrackerService()


@guarded(None)
def _record(
    pattern_id: object,
    outcome: UsageOutcome | str,
    context: Mapping[str, object],
    *,
    execution_time_ms: float | None,
    error_type: str | None,
    values: dict[str, object],
) -> modeltally.OperationRef | None:
    try:
        ended = UsageOutcome(outcome)
    except ValueError:
        problem("compat", "record_usage(): give one of UsageOutcome; nothing is recorded")
        return None
    if values["correlation_id"] is not None:
        values["correlation_id"] = str(values["correlation_id"])
    known = values_of({key: context[key] for key in _FROM_CONTEXT if key in context}, values)
    known["pattern_id"] = str(pattern_id)
    if context:
        known["context"] = context
    ended_at = _clock.time_ns()
    return modeltally.record(
        names.PATTERN_RUN,
        started_at=ended_at - round((execution_time_ms or 0.0) * 1e6),
        ended_at=ended_at,
        outcome=ended.value,
        error_type=error_type,
        source=names.SOURCE_WRAPPER,
        **known,
    )
