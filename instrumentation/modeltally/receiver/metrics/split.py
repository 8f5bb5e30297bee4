"""Large bodies of metrics in pieces, each a request with the metric, the scope and the resource of its points.

A body is read one level at a time, down to the points, each level as bytes. What was read of a level is given back
before the next is read, so that a body of many empty things costs little more than itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modeltally.receiver.pieces import MAX_REPEATED_BYTES, PIECE_BYTES, build_levels, groups, limit, limit_fields
from modeltally.store import METRIC_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MetricPieces", "split_metrics"]

# A point has some dozens of numbers; what is larger is not kept.
MAX_POINT_BYTES: Final = 64 * 1024

_CLASSES: Final = build_levels(
    {
        "Request": {"resource_metrics": 1},
        "ResourceMetrics": {"resource": 1, "scope_metrics": 2},
        "ScopeMetrics": {"scope": 1, "metrics": 2},
        "Metric": {
            "name": 1,
            "description": 2,
            "unit": 3,
            **dict(zip(METRIC_KINDS, (5, 7, 9, 10, 11), strict=True)),
        },
        "Data": {"data_points": 1},
    },
    package="modeltally.points",
)
_REQUEST, _RESOURCE_METRICS, _SCOPE_METRICS, _METRIC, _DATA = _CLASSES.values()


class MetricPieces(NamedTuple):
    """A body in pieces.

    Attributes:
        requests: Encoded requests that hold the points of the body, each with its metric, scope and resource.
        too_large: Points left out because they are too large to be kept.
    """

    requests: list[bytes]
    too_large: int


def split_metrics(body: bytes, *, max_points: int) -> MetricPieces:
    """Split an encoded ExportMetricsServiceRequest into requests that are cheap to parse.

    Args:
        body: The encoded request.
        max_points: The most points allowed, and the most metrics, scopes and resources.

    Returns:
        The pieces; the body itself is the only one when it is small.

    Raises:
        DecodeError: It is not protobuf.
        TooManyItemsError: There is more in it than allowed.
    """
    walk = _Walk(max_points)
    pieces: list[bytes] = []
    repeated_bytes = 0
    for resource, scope, metrics in walk.scopes(body):
        parts: list[bytes] = []
        while metrics:
            limit_fields(metrics[-1], max_points, "points of metrics")
            parts.extend(walk.parts(_METRIC.FromString(metrics.pop())))
        for group in groups(parts):
            repeated_bytes += sum(map(len, [*resource, *scope]))
            limit(repeated_bytes, MAX_REPEATED_BYTES, "bytes of resources and scopes")
            inner = _SCOPE_METRICS(scope=scope, metrics=group)
            outer = _RESOURCE_METRICS(resource=resource, scope_metrics=[inner.SerializeToString()])
            pieces.append(_REQUEST(resource_metrics=[outer.SerializeToString()]).SerializeToString())
    if len(body) <= PIECE_BYTES and not walk.too_large:
        return MetricPieces([body], 0)
    return MetricPieces([b"".join(group) for group in groups(pieces)], walk.too_large)


class _Walk:
    """One way through a body, counting."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._counts = dict.fromkeys(("resources", "scopes", "metrics", "points of metrics"), 0)
        self.too_large = 0

    def scopes(self, body: bytes) -> Iterator[tuple[list[bytes], list[bytes], list[bytes]]]:
        """Give each scope: the resource it is in, itself, its metrics, all still encoded, the metrics backwards."""
        limit_fields(body, self._allowed, "resources")
        resources = self._list(_REQUEST.FromString(body).resource_metrics, "resources")
        while resources:
            limit_fields(resources[-1], self._allowed, "scopes")
            level = _RESOURCE_METRICS.FromString(resources.pop())
            resource, scopes = list(level.resource), self._list(level.scope_metrics, "scopes")
            del level
            while scopes:
                limit_fields(scopes[-1], self._allowed, "metrics")
                inner = _SCOPE_METRICS.FromString(scopes.pop())
                scope, metrics = list(inner.scope), self._list(inner.metrics, "metrics")
                del inner
                yield resource, scope, metrics

    def parts(self, metric: Any) -> Iterator[bytes]:
        """Give a metric as one or several that are small, without the points that are too large."""
        head = sum(map(len, [*metric.name, *metric.description, *metric.unit]))
        limit(head, MAX_POINT_BYTES, "bytes of the name of a metric")
        for kind in METRIC_KINDS:
            for encoded in getattr(metric, kind):
                limit_fields(encoded, self._allowed, "points of metrics")
                data = _DATA.FromString(encoded)
                self._count(len(data.data_points), "points of metrics")
                points = [point for point in data.data_points if len(point) <= MAX_POINT_BYTES]
                self.too_large += len(data.data_points) - len(points)
                data.ClearField("data_points")  # what is left are its temporality and the like
                rest = data.SerializeToString()
                for group in groups(points):
                    part = _METRIC(name=metric.name, description=metric.description, unit=metric.unit)
                    getattr(part, kind).append(_DATA(data_points=group).SerializeToString() + rest)
                    yield part.SerializeToString()

    def _list(self, encoded: Any, what: str) -> list[bytes]:
        self._count(len(encoded), what)
        return list(reversed(encoded))

    def _count(self, count: int, what: str) -> None:
        self._counts[what] += count
        limit(self._counts[what], self._allowed, what)
