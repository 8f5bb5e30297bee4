"""A record while it waits, in a fraction of the memory: room for a burst while the collector is down."""

from __future__ import annotations

import marshal
from itertools import compress
from operator import is_not
from sys import getsizeof
from typing import TYPE_CHECKING, Final, NamedTuple

from modeltally.instrument._record import Record

if TYPE_CHECKING:
    from modeltally.instrument._scalars import Stored

__all__ = ["BASE_BYTES", "Packed", "Shapes"]

BASE_BYTES: Final = 280  # a packed record beside its values: the object, ids, times
MAX_SHAPES: Final = 64
MARSHAL_VERSION: Final = 2  # later ones keep texts that they read for ever, as Python does with names in code

Head = tuple[str, str, str, str | None, str | None, bool, bool, bool, bool]


class Shape(NamedTuple):
    """What records with the same keywords have in common.

    Attributes:
        keys: The keywords.
        row: The values of one of them.
        masks: Which values of the others differ, a byte for each; one object for equal ones.
    """

    keys: tuple[str, ...]
    row: tuple[Stored, ...]
    masks: dict[bytes, bytes]


class Shapes:
    """What records have in common; kept by the queue."""

    __slots__ = ("by_keys", "heads")

    def __init__(self) -> None:
        """Start empty."""
        self.by_keys: dict[tuple[str, ...], Shape] = {}
        self.heads: dict[Head, Head] = {}


class Packed:
    """A record in compact form.

    Most values of most operations are the very objects of the one before: constants of the host's code. So it keeps
    those that differ from an earlier record with the same keywords, as bytes; what else is often alike is kept once for
    all, and ids in bytes as well.
    """

    __slots__ = (
        "_custom",
        "_duration_ns",
        "_error_message",
        "_head",
        "_ids",
        "_mask",
        "_own",
        "_shape",
        "_start_ns",
        "is_counted",
        "memory_bytes",
    )

    def __init__(self, record: Record, shapes: Shapes) -> None:
        """Pack a record."""
        head = (
            record.operation,
            record.outcome,
            record.source,
            record.error_type,
            record.error_site,
            record.nested,
            record.unfinished,
            record.sampled,
            record.is_counted,
        )
        if len(shapes.heads) >= MAX_SHAPES:
            shapes.heads.clear()
        self._head: Head = shapes.heads.setdefault(head, head)
        self._ids = b"".join(
            (
                record.trace_id.to_bytes(16, "big"),
                record.span_id.to_bytes(8, "big"),
                record.parent_id.to_bytes(8, "big"),
                record.host_id.to_bytes(8, "big"),
            )
        )
        self._start_ns = record.start_ns
        self._duration_ns = record.end_ns - record.start_ns
        self._custom = record.custom
        self._error_message = record.error_message
        self.is_counted = record.is_counted
        self._shape, self._mask, own, fresh = _compare(record.values, shapes.by_keys)
        self._own = _written(own)
        self.memory_bytes = (
            BASE_BYTES
            + getsizeof(self._own if fresh is own else _written(fresh))
            + (getsizeof(self._custom) + 2 * record.size if self._custom else 0)
            + (getsizeof(self._error_message) if self._error_message else 0)
        )

    def record(self) -> Record:
        """Unpack the record."""
        ids = self._ids
        operation, outcome, source, error_type, error_site, nested, unfinished, sampled, is_counted = self._head
        record = Record(
            operation,
            trace_id=int.from_bytes(ids[:16], "big"),
            span_id=int.from_bytes(ids[16:24], "big"),
            parent_id=int.from_bytes(ids[24:32], "big"),
            sampled=sampled,
            start_ns=self._start_ns,
        )
        record.host_id = int.from_bytes(ids[32:], "big")
        record.end_ns = self._start_ns + self._duration_ns
        record.outcome, record.source = outcome, source
        record.error_type, record.error_site, record.error_message = error_type, error_site, self._error_message
        record.nested, record.unfinished, record.is_counted = nested, unfinished, is_counted
        record.custom = self._custom
        record.values = dict(zip(self._shape.keys, self._shape.row, strict=True))
        record.values.update(zip(compress(self._shape.keys, self._mask), _read(self._own), strict=True))
        return record


def _written(values: tuple[Stored, ...]) -> bytes | tuple[Stored, ...]:
    """Return values as bytes, which take half the memory of the objects; unchanged if one is a digest."""
    try:
        return marshal.dumps(values, MARSHAL_VERSION) if values else values
    except ValueError:
        return values


def _read(written: bytes | tuple[Stored, ...]) -> tuple[Stored, ...]:
    return marshal.loads(written) if isinstance(written, bytes) else written  # noqa: S302 - written above, in this process


def _compare(
    values: dict[str, Stored], shapes: dict[tuple[str, ...], Shape]
) -> tuple[Shape, bytes, tuple[Stored, ...], tuple[Stored, ...]]:
    """Return the shape of values, which of them differ from its row, those, and all that are new in memory."""
    keys, row = tuple(values), tuple(values.values())
    shape, mask, own = shapes.get(keys), b"", row
    if shape is not None:
        mask = bytes(map(is_not, row, shape.row))
        own = tuple(compress(row, mask))
    if shape is None or 2 * len(own) > len(row):
        if len(shapes) >= MAX_SHAPES:
            shapes.clear()
        shapes[keys] = shape = Shape(keys if shape is None else shape.keys, row, {})
        return shape, b"", (), own
    if len(shape.masks) >= MAX_SHAPES:
        shape.masks.clear()
    return shape, shape.masks.setdefault(mask, mask), own, own
