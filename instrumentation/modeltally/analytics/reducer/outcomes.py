"""The words for how an execution ended: those that the wrappers record, and the two that are derived when reading."""

from __future__ import annotations

from typing import Final

from modeltally.instrument._names import CANCELLED, ERROR, FAILURE, PARTIAL_SUCCESS, QUALITY_GATE, SUCCESS, TIMEOUT

__all__ = [
    "ABANDONED",
    "CANCELLED",
    "ERROR",
    "FAILURE",
    "FINISHED",
    "IN_FLIGHT",
    "OUTCOMES",
    "PARTIAL_SUCCESS",
    "QUALITY_GATE",
    "SUCCESS",
    "TIMEOUT",
]

ABANDONED: Final = "abandoned"
IN_FLIGHT: Final = "in_flight"

# those whose duration counts
FINISHED: Final = (SUCCESS, FAILURE, PARTIAL_SUCCESS, ERROR)
OUTCOMES: Final = (*FINISHED, CANCELLED, ABANDONED, IN_FLIGHT)
