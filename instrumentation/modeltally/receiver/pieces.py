"""How large bodies are cut into pieces, whatever they hold, so that what one costs in memory has a bound.

An empty item is two bytes on the wire and 170 in memory; the same holds for attributes and for values in lists. So a
body is read one level at a time with the level below left as bytes, which is quick; then its items are parsed in
groups. What is so large that none of it would be kept is left out. A list of bytes takes 16 bytes of memory for each of
its items, and twice that while it grows: a message that is large is counted before it is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "MAX_REPEATED_BYTES",
    "PIECE_BYTES",
    "TooManyItemsError",
    "build_levels",
    "groups",
    "limit",
    "limit_fields",
]

PIECE_BYTES: Final = 1024**2
# Wire types of protobuf: a number, bytes with their length, and numbers of fixed width; 3 and 4 begin and end groups.
_VARINT, _BYTES, _WIDTHS = 0, 2, {1: 8, 3: 0, 4: 0, 5: 4}
_NUMBER_BITS: Final = 70
# What a message may have beside its items: a resource, a scope, an address of its schema.
_OTHER_FIELDS: Final = 100
# Each piece repeats the resource and the scope of its items; so much in all.
MAX_REPEATED_BYTES: Final = 32 * 1024**2


class TooManyItemsError(Exception):
    """The body holds more items, or more of something else, than one body may."""


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


def limit(count: int, allowed: int, what: str) -> None:
    """Refuse more of something than is allowed.

    Raises:
        TooManyItemsError: There is more.
    """
    if count > allowed:
        raise TooManyItemsError(f"more than {allowed} {what} in one body; send smaller batches")


def limit_fields(message: bytes, allowed: int, what: str) -> None:
    """Refuse an encoded message of far more fields than allowed, before it is parsed.

    A message that is small is not looked into, nor is the rest of one that is no protobuf: its parser says so.

    Args:
        message: The encoded message.
        allowed: The most items it may have.
        what: What they are.

    Raises:
        TooManyItemsError: There are more.
    """
    if len(message) <= PIECE_BYTES:
        return
    place = count = 0
    try:
        while place < len(message):
            count += 1
            if count > allowed + _OTHER_FIELDS:
                limit(count, allowed, what)
            place = _behind_field(message, place)
    except (LookupError, ValueError):
        return


def _behind_field(message: bytes, place: int) -> int:
    """Give the place behind a field; what is in a group counts as fields of its own."""
    wire_type = message[place] & 7
    _, place = _number(message, place)
    if wire_type == _BYTES:
        length, place = _number(message, place)
        return place + length
    if wire_type == _VARINT:
        return _number(message, place)[1]
    return place + _WIDTHS[wire_type]


def _number(message: bytes, place: int) -> tuple[int, int]:
    """Read a number; gives it, and the place behind it."""
    value = message[place]
    if value < 0x80:  # noqa: PLR2004 - the bit that says that more follows
        return value, place + 1
    value &= 0x7F
    for shift in range(7, _NUMBER_BITS, 7):
        place += 1
        byte = message[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - as above
            return value, place + 1
    raise ValueError("no number is that long")
