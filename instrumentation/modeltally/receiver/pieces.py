"""How large bodies are cut into pieces, whatever they hold, so that what one costs in memory has a bound.

An empty item is two bytes on the wire and 170 in memory; the same holds for attributes and for values in lists. So a
body is read one level at a time with the level below left as bytes, which is quick and costs eight times its size at
most; then its items are parsed in groups. What is so large that none of it would be kept is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["MAX_REPEATED_BYTES", "PIECE_BYTES", "TooManyItemsError", "build_levels", "groups", "limit"]

PIECE_BYTES: Final = 1024**2
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
