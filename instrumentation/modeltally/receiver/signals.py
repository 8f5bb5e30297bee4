"""Every signal that is received. Another one is a folder beside these, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from modeltally.instrument._privacy import Hasher
from modeltally.receiver.metrics.accept import Metrics
from modeltally.receiver.metrics.sink import MetricSink, MetricStore
from modeltally.receiver.spans.accept import Spans
from modeltally.receiver.spans.sink import SpanSink, SpanStore

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.receiver.signal import Signal
    from modeltally.receiver.spool.shipper import Sink

__all__ = ["ReceiverStore", "signals"]


class ReceiverStore(SpanStore, MetricStore, Protocol):
    """What all sinks together need of the store."""


def signals(store: ReceiverStore, *, directory: Path, user_key: str) -> list[tuple[Signal[Any], Sink]]:
    """Make each signal with its sink.

    Args:
        store: Where the sinks write.
        directory: The data directory.
        user_key: The key of the pseudonyms that replace user ids.
    """
    spans = SpanSink(store, scratch=directory / Spans.spool / "piece.pb")
    return [
        (Spans(Hasher(user_key), quarantine=spans.quarantine), spans),
        (Metrics(), MetricSink(store)),
    ]
