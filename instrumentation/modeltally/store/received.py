"""What the receiver and the store both know of what is received: kinds of metrics, and what cannot be stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["METRIC_KINDS", "METRIC_TABLES", "QuarantinedSpan", "RefusedMetrics"]

# A metric is one of these; each has a landing table of its own.
METRIC_KINDS: Final = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
METRIC_TABLES: Final = tuple(f"otel_metrics_{kind}" for kind in METRIC_KINDS)


@dataclass(frozen=True)
class QuarantinedSpan:
    """A span that was received and cannot be stored.

    Attributes:
        received_at: When it came.
        reason: Why it cannot be stored, one word.
        trace_id: In hex, as far as known.
        span_id: In hex, as far as known.
        name: The span's name.
        detail: What a person needs to find the sender.
    """

    received_at: dt.datetime
    reason: str
    trace_id: str
    span_id: str
    name: str
    detail: str


@dataclass(frozen=True)
class RefusedMetrics:
    """Points of metrics of one kind and batch that were received and cannot be stored.

    Attributes:
        received_at: When the first came.
        reason: Why they cannot be stored, one word.
        kind: Which kind of metric.
        points: How many.
        names: The metrics' names.
        detail: What the engine said.
    """

    received_at: dt.datetime
    reason: str
    kind: str
    points: int
    names: str
    detail: str
