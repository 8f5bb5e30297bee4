"""Large bodies of spans are parsed in pieces, so that what one costs in memory has a bound.

An empty span is two bytes on the wire and 170 in memory; the same holds for attributes and for values in lists. So a
body is first read one level at a time with the level below left as bytes, which is quick and costs eight times its
size at most. Then its spans are parsed in groups. What is so large that none of it would be kept is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableSequence, Sequence

__all__ = [
    "MAX_REPEATED_BYTES",
    "PIECE_BYTES",
    "Pieces",
    "TooManyItemsError",
    "build_levels",
    "groups",
    "limit",
    "split",
]

PIECE_BYTES: Final = 1024**2
# An attribute, event or link larger than this is left out: a value is cut to 4 KiB anyway.
MAX_PART_BYTES: Final = 64 * 1024
# Each piece repeats the resource and the scope of its spans; so much in all.
MAX_REPEATED_BYTES: Final = 32 * 1024**2
# The most attributes, events and links a span over PIECE_BYTES may have.
MAX_PARTS: Final = 10_000

# message -> its fields: all repeated bytes, so that nothing is merged and nothing is looked into
_LEVELS: Final = {
    "Request": {"resource_spans": 1},
    "ResourceSpans": {"resource": 1, "scope_spans": 2},
    "ScopeSpans": {"scope": 1, "spans": 2},
    "Span": {"attributes": 9, "events": 11, "links": 13},
}


def build_levels(levels: Mapping[str, Mapping[str, int]], *, package: str) -> dict[str, Any]:
    """Build messages whose fields are lists of bytes.

    Args:
        levels: The number of each field, by its name, by the message's name.
        package: A name for them all.

    Returns:
        Their classes, by name.
    """
    file = FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for message_name, fields in levels.items():
        message = file.message_type.add(name=message_name)
        for field_name, number in fields.items():
            message.field.add(
                name=field_name,
                number=number,
                label=FieldDescriptorProto.LABEL_REPEATED,
                type=FieldDescriptorProto.TYPE_BYTES,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in levels}


_CLASSES: Final = build_levels(_LEVELS, package="modeltally.spans")
_REQUEST, _RESOURCE_SPANS, _SCOPE_SPANS, _SPAN = (_CLASSES[name] for name in _LEVELS)


class TooManyItemsError(Exception):
    """The body holds more spans, or more of something else, than one body may."""


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
    encoded_resource_spans = _REQUEST.FromString(body).resource_spans
    limit(len(encoded_resource_spans), max_spans, "resources")
    for encoded in encoded_resource_spans:
        resource_spans = _RESOURCE_SPANS.FromString(encoded)
        scopes += len(resource_spans.scope_spans)
        limit(scopes, max_spans, "scopes")
        for encoded_scope in resource_spans.scope_spans:
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


def groups(parts: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Put parts together as far as they stay within the size of a piece."""
    group: list[bytes] = []
    size = 0
    for part in parts:
        if group and size + len(part) > PIECE_BYTES:
            yield group
            group, size = [], 0
        group.append(part)
        size += len(part)
    if group:
        yield group


def _trim(spans: MutableSequence[bytes]) -> int:
    """Leave out the parts of large spans that are too large to be kept; returns how many."""
    left_out = 0
    for index, encoded in enumerate(spans):
        if len(encoded) <= PIECE_BYTES:
            continue
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


def limit(count: int, allowed: int, what: str) -> None:
    """Refuse more of something than is allowed.

    Raises:
        TooManyItemsError: There is more.
    """
    if count > allowed:
        raise TooManyItemsError(f"more than {allowed} {what} in one body; send smaller batches")
