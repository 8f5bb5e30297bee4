"""How metrics get into the store, and what becomes of those that do not.

A batch fills five tables, one for each kind of metric, each under the batch's id. Rows of metrics have no identity by
which a copy could be told, and a table that reported an error may have them all the same: so a batch is offered under
its own id only, never in pieces, and a kind that is refused again and again is set aside as a whole.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Final, Protocol

from modeltally.receiver.counters import METRICS
from modeltally.receiver.kept import MetricsBatch
from modeltally.receiver.metrics.filter import KINDS
from modeltally.receiver.spool.record import read_records
from modeltally.receiver.spool.shipper import is_disk_full
from modeltally.store import RefusedMetrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modeltally.receiver.counters import Stats
    from modeltally.receiver.spool.spool import Segment, Spool

__all__ = ["MetricLane", "MetricStore"]

_LOGGER: Final = logging.getLogger(__name__)

# Nobody waits for metrics, which come at intervals of many seconds; five inserts for each process would add up.
MAX_SEGMENT_AGE_SECONDS: Final = 5.0
# Some twenty seconds: what is set aside is not searched for what could have been stored.
ATTEMPTS: Final = 9
REFUSED: Final = "refused_by_store"
_DETAIL_CHARACTERS: Final = 500


class MetricStore(Protocol):
    """What is needed of the store."""

    def insert_metrics(self, path: Path, *, kind: str, batch_id: str) -> object:
        """Store the points of one kind of a batch, once for each id."""
        ...

    def quarantine_metrics(self, refused: Sequence[RefusedMetrics]) -> None:
        """Keep what is known of points that cannot be stored."""
        ...


class MetricLane:
    """Stores segments of metrics."""

    signal = METRICS
    max_segment_age_seconds = MAX_SEGMENT_AGE_SECONDS
    attempts = ATTEMPTS

    def __init__(self, spool: Spool, store: MetricStore, *, stats: Stats) -> None:
        """Take what it works on.

        Args:
            spool: Where segments come from.
            store: Where they go.
            stats: Counts what was stored and refused.
        """
        self._spool = spool
        self._store = store
        self._stats = stats

    def flush(self) -> None:
        """Do nothing: points that were not accepted are only counted."""

    def store(self, segment: Segment) -> None:
        """Store a segment whole."""
        errors = self._insert(segment)
        if errors:
            raise next(iter(errors.values()))
        self._stats.add(METRICS, "stored_points", segment.items)

    def store_what_can_be(self, segment: Segment) -> None:
        """Store the kinds of a refused segment that are taken.

        The segment is kept aside for the others, and rows tell of it: nothing acknowledged is thrown away.
        """
        errors = self._insert(segment)
        refused = _refused(segment.path, errors) if errors else []
        points = sum(row.points for row in refused)
        if refused:
            # Proves that the store works and the points are at fault: when it does not, this raises too.
            self._store.quarantine_metrics(refused)
            place = self._spool.set_aside(segment)
            self._stats.reject(REFUSED, points)
            _LOGGER.error(
                "batch %s: %d points of metrics could not be stored; they are kept in %s", segment.name, points, place
            )
        self._stats.add(METRICS, "stored_points", segment.items - points)

    def _insert(self, segment: Segment) -> dict[str, Exception]:
        """Offer a segment to each table; gives the errors, by kind."""
        errors = {}
        for kind in KINDS:
            try:
                self._store.insert_metrics(segment.path, kind=kind, batch_id=segment.name)
            except Exception as error:
                if is_disk_full(error):
                    raise
                errors[kind] = error
        return errors


def _refused(path: Path, errors: Mapping[str, Exception]) -> list[RefusedMetrics]:
    """Describe what of a segment was refused; a kind of which it has no point is not."""
    names: dict[str, set[str]] = {kind: set() for kind in errors}
    points = dict.fromkeys(errors, 0)
    received_ms = 0
    for record in read_records(path.read_bytes()):
        received_ms = received_ms or record.received_ms
        for resource_metrics in MetricsBatch.FromString(record.request).resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    kind = metric.WhichOneof("data")
                    if kind in errors:
                        names[kind].add(metric.name)
                        points[kind] += len(getattr(metric, kind).data_points)
    return [
        RefusedMetrics(
            received_at=dt.datetime.fromtimestamp(received_ms / 1000, dt.UTC),
            reason=REFUSED,
            kind=kind,
            points=points[kind],
            names=",".join(sorted(names[kind]))[:_DETAIL_CHARACTERS],
            detail=str(error)[:_DETAIL_CHARACTERS],
        )
        for kind, error in errors.items()
        if points[kind]
    ]
