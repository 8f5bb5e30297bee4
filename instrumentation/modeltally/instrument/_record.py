"""What a call leaves behind: ids, times, outcome and bounded copies of values; no object of the caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modeltally.instrument import _ids
from modeltally.instrument import _names as names

if TYPE_CHECKING:
    from modeltally.instrument._scalars import Scalar, Stored

__all__ = [
    "ENDED",
    "LOOSE_BYTES",
    "RUNNING",
    "OperationRef",
    "Record",
    "Running",
    "enclosing_of_kind",
    "root_record",
    "running_from",
]

LOOSE_BYTES: Final = 600  # a record beside its values while it is not packed
RUNNING: Final = 0
ENDED: Final = 1
LEFT_BEHIND: Final = 2  # ended, and still current where its block was entered


@dataclass(frozen=True, slots=True)
class OperationRef:
    """A reference to a recorded operation, so that it can be judged later.

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
    """One operation, as the background thread needs it."""

    __slots__ = (
        "custom",
        "end_ns",
        "error_message",
        "error_site",
        "error_type",
        "host_id",
        "is_counted",
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
        self,
        operation: str,
        trace_id: int,
        span_id: int,
        parent_id: int,
        sampled: bool,  # noqa: FBT001 - by position, as all of them: keywords cost every operation a dict
        start_ns: int,
    ) -> None:
        """Set what is known at the start."""
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
        self.error_message: str | None = None
        self.host_id = 0  # the host's span that was current at the start; 0: none
        self.nested = False
        self.unfinished = False
        self.is_counted = True  # False: a copy or a heartbeat, which is no operation of its own
        self.source = names.SOURCE_WRAPPER
        self.values: dict[str, Stored] = {}
        self.custom: dict[str, Scalar] | None = None
        self.size = 0  # of the values, in bytes, about

    @property
    def memory_bytes(self) -> int:
        """About how much memory it takes while it is not packed."""
        return LOOSE_BYTES + 2 * self.size

    def record(self) -> Record:
        """Return itself: it is not packed."""
        return self

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
        copy.host_id = self.host_id
        copy.source = self.source
        copy.values = dict(self.values)
        copy.custom = dict(self.custom) if self.custom else None
        copy.size = self.size
        copy.unfinished = True
        copy.is_counted = False
        return copy

    @property
    def subject(self) -> str:
        """The model, or else the pattern, that it is about."""
        values = self.values
        subject = values.get(names.MODEL_KEYWORD) or values.get(names.PATTERN_NAME_KEYWORD)
        return subject if isinstance(subject, str) else names.UNKNOWN_MODEL

    @property
    def ref(self) -> OperationRef:
        """A reference to this operation, for :func:`modeltally.evaluate`."""
        return OperationRef(self.operation, f"{self.trace_id:032x}", f"{self.span_id:016x}", self.start_ns)


def root_record(operation: str, *, start_ns: int) -> Record:
    """Create a record with a trace of its own and no parent.

    Args:
        operation: Its kind.
        start_ns: Nanoseconds since the epoch.
    """
    return Record(
        operation,
        trace_id=_ids.new_trace_id(),
        span_id=_ids.new_span_id(),
        parent_id=0,
        sampled=True,
        start_ns=start_ns,
    )


class Running(Record):
    """A record that is still running, as the queue sees it.

    Whoever makes one sets what a record has not: a second ``__init__`` is one more function that every call would have
    to fetch into the processor's caches.
    """

    __slots__ = ("__weakref__", "_clock_ns", "_has_copy", "_load_seconds", "_outer", "_state")

    _clock_ns: int  # the performance counter at the start
    _has_copy: bool
    _load_seconds: float  # of loads inside it; there once it has waited for one
    _outer: Running | None
    _state: int

    def needs_copy(self, started_before_ns: int) -> bool:
        """Return, once, whether it has been running since before a reading of the performance counter."""
        if self._has_copy or self._state != RUNNING or self._clock_ns > started_before_ns:
            return False
        self._has_copy = True
        return True

    def add_load(self, seconds: float) -> None:
        """Note that it waited for a model to be loaded, once more perhaps."""
        values, told = self.values, getattr(self, "_load_seconds", None)
        values.setdefault("cold_start", True)
        if "load_duration_seconds" not in values or values["load_duration_seconds"] == told:
            self._load_seconds = seconds + (told or 0.0)
            values["load_duration_seconds"] = self._load_seconds

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._state == RUNNING

    def leave_behind(self) -> None:
        """Note that it has ended and stays current in a context that cannot be reached: nothing there belongs to it."""
        self._state = LEFT_BEHIND

    @property
    def is_left_behind(self) -> bool:
        """Whether it has ended, and is current by mistake wherever it still is."""
        return self._state == LEFT_BEHIND

    @property
    def is_waiting(self) -> bool:
        """Whether its owner has queued it and it has not started."""
        return False

    @property
    def outer(self) -> Running | None:
        """The operation around it."""
        return self._outer


def running_from(operation: Running | None) -> Running | None:
    """Return the nearest operation that has not ended, from one outwards."""
    while operation is not None and not operation.is_running:
        operation = operation.outer
    return operation


def enclosing_of_kind(operation: str, outer: Running | None) -> Running | None:
    """Return the nearest running operation of that kind, from one outwards."""
    while outer is not None and not (outer.operation == operation and outer.is_running):
        outer = outer.outer
    return outer
