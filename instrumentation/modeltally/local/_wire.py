"""Counting what a protobuf body holds before it is parsed.

An empty span is two bytes on the wire and 170 in memory, so the size of a body says little about what parsing it
costs. The walk below makes no objects and stops at the limit.
"""

from __future__ import annotations

from typing import Final

__all__ = ["TooManyItemsError", "count_spans"]

# A body up to this size cannot hurt whatever is inside its spans; a larger one is walked down to its values.
_DEEP_WALK_FROM_BYTES: Final = 1024**2
# Fields of any kind per allowed span: a span of ours has about 30, its attributes' parts included.
_ITEMS_PER_SPAN: Final = 64

# The parser refuses what is nested deeper than this.
_MAX_DEPTH: Final = 100

_VARINT, _LENGTH = 0, 2
_FIXED_BYTES: Final = {1: 8, 5: 4}
_VARINT_CONTINUES: Final = 0x80
_MAX_VARINT_BYTES: Final = 10

# message -> the fields of it that are messages
_REQUEST, _RESOURCE_SPANS, _SCOPE_SPANS, _RESOURCE, _SCOPE, _SPAN, _EVENT, _LINK, _PAIR, _VALUE, _ARRAY, _PAIRS = range(
    12
)
_CHILDREN: Final[tuple[dict[int, int], ...]] = (
    {1: _RESOURCE_SPANS},
    {1: _RESOURCE, 2: _SCOPE_SPANS},
    {1: _SCOPE, 2: _SPAN},
    {1: _PAIR},
    {3: _PAIR},
    {9: _PAIR, 11: _EVENT, 13: _LINK},
    {3: _PAIR},
    {4: _PAIR},
    {2: _VALUE},
    {5: _ARRAY, 6: _PAIRS},
    {1: _VALUE},
    {1: _PAIR},
)
_SHALLOW: Final = frozenset({_RESOURCE_SPANS, _SCOPE_SPANS})


class TooManyItemsError(Exception):
    """The body holds more spans, or more parts, than one body may."""


def count_spans(body: bytes, *, max_spans: int) -> int:
    """Count the spans of an encoded ExportTraceServiceRequest without parsing it.

    A malformed body is counted as far as it can be read: its verdict is the parser's.

    Args:
        body: The encoded request.
        max_spans: The most spans allowed.

    Raises:
        TooManyItemsError: There are more spans, or so many parts in all that parsing would cost too much memory.
    """
    deep = len(body) > _DEEP_WALK_FROM_BYTES
    max_items = max_spans * _ITEMS_PER_SPAN
    spans = items = 0
    outer: list[tuple[int, int, int]] = []
    position, end, message = 0, len(body), _REQUEST
    try:
        while True:
            if position >= end:
                if not outer:
                    return spans
                position, end, message = outer.pop()
                continue
            items += 1
            if items > max_items:
                raise TooManyItemsError(f"more than {max_items} parts in one body")
            tag, position = _varint(body, position)
            if tag & 7 != _LENGTH:
                position = _skip(body, position, tag & 7)
                continue
            length, position = _varint(body, position)
            child = _CHILDREN[message].get(tag >> 3)
            spans += child == _SPAN
            if spans > max_spans:
                raise TooManyItemsError(f"more than {max_spans} spans in one body")
            if child is not None and (deep or child in _SHALLOW) and len(outer) < _MAX_DEPTH:
                outer.append((position + length, end, message))
                end, message = min(position + length, end), child
            else:
                position += length
    except IndexError:
        return spans  # cut short


def _skip(body: bytes, position: int, wire_type: int) -> int:
    if wire_type == _VARINT:
        return _varint(body, position)[1]
    return position + _FIXED_BYTES.get(wire_type, 0)


def _varint(body: bytes, position: int) -> tuple[int, int]:
    byte = body[position]
    if byte < _VARINT_CONTINUES:
        return byte, position + 1
    value = byte & 0x7F
    for shift in range(7, 7 * _MAX_VARINT_BYTES, 7):
        position += 1
        byte = body[position]
        value |= (byte & 0x7F) << shift
        if byte < _VARINT_CONTINUES:
            return value, position + 1
    raise IndexError("a number of more than ten bytes")
