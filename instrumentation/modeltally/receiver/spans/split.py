"""Large bodies of spans in pieces, each a request with the resource and the scope of its spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from modeltally.receiver.pieces import MAX_REPEATED_BYTES, PIECE_BYTES, build_levels, groups, limit, limit_fields

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

__all__ = ["Pieces", "split"]

# An attribute, event or link larger than this is left out: a value is cut to 4 KiB anyway.
MAX_PART_BYTES: Final = 64 * 1024
# The most attributes, events and links a span over PIECE_BYTES may have.
MAX_PARTS: Final = 10_000

# message -> its fields: all repeated bytes, so that nothing is merged and nothing is looked into
_LEVELS: Final = {
    "Request": {"resource_spans": 1},
    "ResourceSpans": {"resource": 1, "scope_spans": 2},
    "ScopeSpans": {"scope": 1, "spans": 2},
    "Span": {"attributes": 9, "events": 11, "links": 13},
}


_CLASSES: Final = build_levels(_LEVELS, package="modeltally.spans")
_REQUEST, _RESOURCE_SPANS, _SCOPE_SPANS, _SPAN = (_CLASSES[name] for name in _LEVELS)


class Pieces(NamedTuple):
    """A body in pieces.

    Attributes:
        requests: Encoded requests that hold the spans of the body, each with its resource and scope.
        left_out: Attributes, events and links left out because they are too large to be kept.
        largest_span_bytes: The size of the largest span, before anything was left out.
    """

    requests: list[bytes]
    left_out: int
    largest_span_bytes: int


def split(body: bytes, *, max_spans: int) -> Pieces:
    """Split an encoded ExportTraceServiceRequest into requests that are cheap to parse.

    Args:
        body: The encoded request.
        max_spans: The most spans allowed.

    Returns:
        The pieces; the body itself is the only one when it is small.

    Raises:
        DecodeError: It is not protobuf.
        TooManyItemsError: There are more spans, resources or scopes than allowed, or a span of too many parts.
    """
    pieces: list[bytes] = []
    spans = scopes = left_out = largest = repeated = 0
    is_small = len(body) <= PIECE_BYTES
    limit_fields(body, max_spans, "resources")
    encoded_resource_spans = _REQUEST.FromString(body).resource_spans
    limit(len(encoded_resource_spans), max_spans, "resources")
    for encoded in encoded_resource_spans:
        limit_fields(encoded, max_spans, "scopes")
        resource_spans = _RESOURCE_SPANS.FromString(encoded)
        scopes += len(resource_spans.scope_spans)
        limit(scopes, max_spans, "scopes")
        for encoded_scope in resource_spans.scope_spans:
            limit_fields(encoded_scope, max_spans, "spans")
            scope_spans = _SCOPE_SPANS.FromString(encoded_scope)
            spans += len(scope_spans.spans)
            limit(spans, max_spans, "spans")
            largest = max(largest, max(map(len, scope_spans.spans), default=0))
            if not is_small:
                head = _size(resource_spans.resource) + _size(scope_spans.scope)
                limit(head, MAX_PART_BYTES, "bytes of resource")
                left_out += _trim(scope_spans.spans)
                for group in groups(scope_spans.spans):
                    repeated += head
                    limit(repeated, MAX_REPEATED_BYTES, "bytes of resources and scopes")
                    pieces.append(_piece(resource_spans.resource, scope_spans.scope, group))
    return Pieces([body] if is_small else pieces, left_out, largest)


def _piece(resource: Sequence[bytes], scope: Sequence[bytes], spans: list[bytes]) -> bytes:
    inner = _SCOPE_SPANS(scope=scope, spans=spans)
    outer = _RESOURCE_SPANS(resource=resource, scope_spans=[inner.SerializeToString()])
    return bytes(_REQUEST(resource_spans=[outer.SerializeToString()]).SerializeToString())


def _trim(spans: MutableSequence[bytes]) -> int:
    """Leave out the parts of large spans that are too large to be kept; returns how many."""
    left_out = 0
    for index, encoded in enumerate(spans):
        if len(encoded) <= PIECE_BYTES:
            continue
        limit_fields(encoded, MAX_PARTS, "parts in a span")
        span = _SPAN.FromString(encoded)
        limit(len(span.attributes) + len(span.events) + len(span.links), MAX_PARTS, "parts in a span")
        for parts in (span.attributes, span.events, span.links):
            kept = [part for part in parts if len(part) <= MAX_PART_BYTES]
            left_out += len(parts) - len(kept)
            del parts[:]
            parts.extend(kept)
        spans[index] = span.SerializeToString()
    return left_out


def _size(parts: Sequence[bytes]) -> int:
    return sum(map(len, parts))
