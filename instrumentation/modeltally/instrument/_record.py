"""What a call leaves behind: ids, times, outcome and bounded copies of values; nothing of the caller's."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from operator import is_not
from sys import getsizeof
from typing import TYPE_CHECKING, Final, NamedTuple

from modeltally.instrument import _names as names

if TYPE_CHECKING:
    from modeltally.instrument._values import Scalar, Stored

__all__ = ["OperationRef", "Record", "Shapes"]

BASE_BYTES: Final = 480  # a record beside its values: the object, ids, times
MAX_SHAPES: Final = 64

_NO_VALUES: Final[dict[str, Stored]] = {}  # one for all packed records, which are told no more


class Shape(NamedTuple):
    """What records with the same keywords share.

    Attributes:
        keys: The keywords.
        row: The values of one of them.
        masks: Which values of the others differ, a byte for each; one object for equal ones.
    """

    keys: tuple[str, ...]
    row: tuple[Stored, ...]
    masks: dict[bytes, bytes]


Shapes = dict[tuple[str, ...], Shape]

_NO_SHAPE: Final = Shape((), (), {})


@dataclass(frozen=True, slots=True)
class OperationRef:
    """Names one recorded operation, so that it can be judged later.

    Attributes:
        operation: Its kind, for example ``model.request``.
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        started_at_ns: Its start, nanoseconds since the epoch.
    """

    operation: str
    trace_id: str
    span_id: str
    started_at_ns: int


class Record:
    """One operation as the background thread needs it."""

    __slots__ = (
        "_mask",
        "_own",
        "_shape",
        "custom",
        "end_ns",
        "error_site",
        "error_type",
        "is_counted",
        "memory_bytes",
        "nested",
        "operation",
        "outcome",
        "parent_id",
        "sampled",
        "size",
        "source",
        "span_id",
        "start_ns",
        "trace_id",
        "unfinished",
        "values",
    )

    def __init__(
        self, operation: str, *, trace_id: int, span_id: int, parent_id: int, sampled: bool, start_ns: int
    ) -> None:
        """Begin with what is known at the start."""
        self.operation = operation
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_id = parent_id  # 0: none
        self.sampled = sampled
        self.start_ns = start_ns
        self.end_ns = start_ns
        self.outcome = names.SUCCESS
        self.error_type: str | None = None
        self.error_site: str | None = None
        self.nested = False
        self.unfinished = False
        self.is_counted = True  # False: a copy or a heartbeat, which is no operation of its own
        self.source = names.SOURCE_WRAPPER
        self.values: dict[str, Stored] = {}
        self._shape = _NO_SHAPE
        self._mask = b""
        self._own: tuple[Stored, ...] = ()
        self.custom: dict[str, Scalar] | None = None
        self.size = 0
        self.memory_bytes = 0

    def pack(self, shapes: Shapes) -> None:
        """Hold the values compactly from now on; nothing is added any more.

        Most values of most operations are the very objects of the one before: constants of the host's code. So a
        record keeps those that differ from an earlier record with the same keywords, a tenth of what all would take.

        Args:
            shapes: The shapes of earlier records; this one's is added.
        """
        keys, row = tuple(self.values), tuple(self.values.values())
        shape, mask, own = shapes.get(keys), b"", row
        if shape is not None:
            mask = bytes(map(is_not, row, shape.row))
            own = tuple(compress(row, mask))
        if shape is None or 2 * len(own) > len(row):
            if len(shapes) >= MAX_SHAPES:
                shapes.clear()
            shapes[keys] = shape = Shape(keys if shape is None else shape.keys, row, {})
            mask, self._own = b"", ()
        else:
            if len(shape.masks) >= MAX_SHAPES:
                shape.masks.clear()
            mask, self._own = shape.masks.setdefault(mask, mask), own
        custom_bytes = getsizeof(self.custom) + 2 * self.size if self.custom else 0
        self.memory_bytes = BASE_BYTES + 8 * len(own) + sum(map(getsizeof, own)) + custom_bytes
        self._shape, self._mask, self.values, self.size = shape, mask, _NO_VALUES, 0

    def unpacked(self) -> dict[str, Stored]:
        """Return the values of a packed record."""
        values = dict(zip(self._shape.keys, self._shape.row, strict=True))
        values.update(zip(compress(self._shape.keys, self._mask), self._own, strict=True))
        return values

    def unfinished_copy(self) -> Record:
        """Return a zero-length copy with what is known now: same ids, same start."""
        copy = Record(
            self.operation,
            trace_id=self.trace_id,
            span_id=self.span_id,
            parent_id=self.parent_id,
            sampled=self.sampled,
            start_ns=self.start_ns,
        )
        copy.nested = self.nested
        copy.source = self.source
        copy.values = dict(self.values)
        copy.custom = dict(self.custom) if self.custom else None
        copy.size = self.size
        copy.unfinished = True
        copy.is_counted = False
        return copy

    @property
    def ref(self) -> OperationRef:
        """The name of this operation, for :func:`modeltally.evaluate`."""
        return OperationRef(self.operation, f"{self.trace_id:032x}", f"{self.span_id:016x}", self.start_ns)
