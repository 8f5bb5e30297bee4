"""The record by which a process says how many operations it saw, so that a loss on the way shows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from modeltally.instrument import _guard
from modeltally.instrument import _names as names
from modeltally.instrument._record import root_record

if TYPE_CHECKING:
    from modeltally.instrument._counters import Counters
    from modeltally.instrument._record import Record

__all__ = ["heartbeat"]


def heartbeat(counters: Counters, *, sequence: int, goodbye: bool) -> Record:
    """Make a heartbeat.

    Args:
        counters: What the process has counted so far.
        sequence: How many heartbeats there were before.
        goodbye: It is the last one: the process ends in order.
    """
    beat = root_record(names.HEARTBEAT, start_ns=time.time_ns())
    beat.is_counted = False
    beat.custom = {
        names.HEARTBEAT_STARTED: counters.started,
        names.HEARTBEAT_FINISHED: counters.finished,
        names.HEARTBEAT_DROPPED: counters.lost,
        **{f"{names.HEARTBEAT_DROPPED}.{reason}": count for reason, count in counters.dropped.items()},
        **{f"{names.HEARTBEAT_PROBLEMS}.{kind}": count for kind, count in _guard.problem_kinds().items()},
        names.HEARTBEAT_SEQUENCE: sequence,
        names.HEARTBEAT_IN_FLIGHT: counters.in_flight,
        names.HEARTBEAT_GOODBYE: goodbye,
    }
    return beat
