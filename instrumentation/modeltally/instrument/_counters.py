"""Counts of what happened to operations; they add up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Counters"]


@dataclass(frozen=True, slots=True)
class Counters:
    """Operations of this process since :func:`modeltally.configure`.

    ``started = exported + queued + in_flight + lost``: nothing leaves these sums unseen. Copies of long-running
    operations and heartbeats are not operations and are in none of the numbers. What was lost before, and no heartbeat
    told of, is in them: operations begun before ``configure`` or after ``shutdown``, or that could not be delivered
    when other settings took over.

    Attributes:
        started: Begun, and those recorded afterwards.
        finished: Ended, whatever the outcome; an operation recorded without an end is not among them.
        exported: Taken by the other side.
        queued: Waiting, or on their way.
        in_flight: Begun and not ended.
        dropped: Lost, by reason: ``queue_full``, ``export_failed``, ``rejected``, ``unencodable``,
            ``not_configured``, ``shut_down``, ``internal_error``.
        problems: Values left out and errors of our own that were swallowed, by kind; no operation is lost by them.
    """

    started: int = 0
    finished: int = 0
    exported: int = 0
    queued: int = 0
    in_flight: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    problems: Mapping[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """How many operations were dropped, whatever the reason."""
        return sum(self.dropped.values())
