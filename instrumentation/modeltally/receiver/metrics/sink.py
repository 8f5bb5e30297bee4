"""How metrics get into the store, and what becomes of those that do not.

A batch fills five tables, one for each kind of metric, in one insert. Rows of metrics have no identity by which a copy
could be told, and a table that reported an error may have them all the same: so a batch is offered under its own id
only, all kinds or one, but never a part of a kind. A kind that is refused again and again is set aside as a whole.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

from modeltally.receiver.kept import MetricsBatch
from modeltally.receiver.spool.record import read_records
from modeltally.receiver.spool.shipper import is_disk_full
from modeltally.store import METRIC_KINDS, RefusedMetrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modeltally.receiver.spool.spool import Segment

__all__ = ["MetricSink", "MetricStore"]

# Nobody waits for metrics, which come at intervals of many seconds; an insert that fills five tables is not cheap.
MAX_SEGMENT_AGE_SECONDS: Final = 5.0
# Some twenty seconds: what is set aside is not searched for what could have been stored.
ATTEMPTS: Final = 9
REFUSED: Final = "refused_by_store"
_DETAIL_CHARACTERS: Final = 500


class MetricStore(Protocol):
    """What is needed of the store."""

    def insert_metrics(self, path: Path, *, batch_id: str, kinds: Sequence[str] = METRIC_KINDS) -> object:
        """Store the points of a batch that are of these kinds, once for each id and kind."""
        ...

    def quarantine_metrics(self, refused: Sequence[RefusedMetrics]) -> None:
        """Keep what is known of points that cannot be stored."""
        ...


class MetricSink:
    """Writes segments of metrics."""

    max_segment_age_seconds = MAX_SEGMENT_AGE_SECONDS
    attempts = ATTEMPTS

    def __init__(self, store: MetricStore) -> None:
        """Take where metrics go."""
        self._store = store

    def flush(self) -> None:
        """Do nothing: points that were not accepted are only counted."""

    def store(self, segment: Segment) -> None:
        """Store a segment whole."""
        self._store.insert_metrics(segment.path, batch_id=segment.name)

    def store_parts(self, segment: Segment) -> Counter[str]:
        """Store the kinds of a refused segment that are taken; gives how many points of the others are left."""
        errors = {}
        for kind in METRIC_KINDS:
            try:
                self._store.insert_metrics(segment.path, batch_id=segment.name, kinds=[kind])
            except Exception as error:
                if is_disk_full(error):
                    raise
                errors[kind] = error
        refused = _refused(segment.path, errors) if errors else []
        if refused:
            # Proves that the store works and the points are at fault: when it does not, this raises too.
            self._store.quarantine_metrics(refused)
        return +Counter({REFUSED: sum(row.points for row in refused)})  # +: without a zero


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
