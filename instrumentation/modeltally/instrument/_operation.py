"""A running operation: it collects values and ends once, with an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._errors import MAX_NAME, error_message, error_site, error_type, is_called_off
from modeltally.instrument._guard import guarded, problem, swallow
from modeltally.instrument._record import ENDED, RUNNING, Running, enclosing_of_kind, running_from
from modeltally.instrument._redaction import redact
from modeltally.instrument._scalars import MAX_SPAN_BYTES, MAX_TEXT, copy_values, plain, size_of

if TYPE_CHECKING:
    from typing import Unpack

    from modeltally.instrument._pipeline import Pipeline
    from modeltally.instrument._values import Values

__all__ = ["IGNORED", "Operation", "ignoring"]

MAX_CUSTOM: Final = 256


class Operation(Running):
    """A running operation: add values with :meth:`set`; whatever opened it ends it.

    One by :func:`ignoring` never runs and has no pipeline.
    """

    __slots__ = ("_pipeline",)

    _pipeline: Pipeline

    def set(self, **values: Unpack[Values]) -> None:
        """Add values; a later one replaces an earlier one, and None changes nothing.

        Args:
            **values: Any of the keywords of :class:`Values`. Durations are in seconds, sizes in bytes. ``user``,
                ``prompt`` and ``negative_prompt`` leave the process only as keyed hashes.
        """
        try:
            if self._state == RUNNING:
                added = copy_values(self.values, values, self._room())
                if self._state == RUNNING:  # another thread may have ended it meanwhile: what is queued keeps its size
                    self.size += added
        except Exception as error:  # noqa: BLE001 - see `_guard`
            swallow("Operation.set", error)

    @guarded(None)
    def set_attribute(self, name: str, value: object) -> None:
        """Set an attribute of your own.

        Args:
            name: Its full name with your prefix, for example ``acme.team``; at most 256 characters. Names of ours are
                refused: their keywords are in :meth:`set`.
            value: A string, number or truth value.
        """
        if self._state != RUNNING:
            return
        key = str.__str__(name)[:MAX_NAME]
        if key in names.OWN or key.startswith(names.PREFIX):
            problem("reserved_name", "set_attribute(%.64r): the name is ours; it is left out, use set()", key)
            return
        scalar = plain(key, value)
        if not isinstance(scalar, str | int | float):
            return
        if self.custom is None:
            self.custom = {}
        size = len(key) + (len(scalar) if isinstance(scalar, str) else 8)
        is_full = len(self.custom) >= MAX_CUSTOM and key not in self.custom
        if is_full or size > self._room():
            problem("span_full", "an operation carries more than %d bytes; the rest is left out", MAX_SPAN_BYTES)
            return
        self.custom[key] = scalar
        self.size += size

    @guarded(None)
    def failed(self, reason: str) -> None:
        """Mark the result as not acceptable, although it ran.

        Args:
            reason: A short constant, recorded as ``error.type``; never a message with the user's data.
        """
        self._set_outcome(names.FAILURE, reason)

    @guarded(None)
    def partial(self) -> None:
        """Mark the result as partial."""
        self._set_outcome(names.PARTIAL_SUCCESS, None)

    @guarded(None)
    def cancel(self) -> None:
        """Mark it as cancelled."""
        self._set_outcome(names.CANCELLED, None)

    def _set_outcome(self, outcome: str, error_type: str | None) -> None:
        if self._state == RUNNING:
            self.outcome = outcome
            self.error_type = None if error_type is None else str.__str__(error_type)[:MAX_NAME]

    def _room(self) -> int:
        """Return how many bytes may still be added."""
        if MAX_SPAN_BYTES - self.size < 2 * MAX_TEXT:
            # values set again and again were added up each time: count what is really there
            self.size = size_of(self.values) + size_of(self.custom or {})
        return MAX_SPAN_BYTES - self.size

    def end(self, error: BaseException | None = None) -> None:
        """End the operation, once; later calls change nothing.

        Args:
            error: What the watched code raised; None when it returned.
        """
        try:
            clock_ns = _clock.perf_counter_ns()
            if self._state != RUNNING:
                return
            self._state = ENDED  # atomic, with the test: two threads may end it
            self.end_ns = self.start_ns + clock_ns - self._clock_ns
            pipeline = self._pipeline
            try:
                if error is not None:
                    self._judge(error)
                elif "quality_gate_failed" in self.values:
                    self._apply_quality_gate()
                if self._outer is not None:
                    if self.nested:
                        self._copy_facts_to_outer()
                    if self.operation == names.MODEL_LOAD:
                        self._tell_who_waited()
                    # a task that outlives its operation starts the next one inside it, and so on: keep no chain of
                    # ended ones
                    self._outer = running_from(self._outer)
                if pipeline.config.redact is not None:
                    redact(self, pipeline.config.redact)
            finally:
                try:
                    pipeline.finish(self)
                except BaseException:  # a signal handler's, perhaps before anything of it was done
                    pipeline.finish(self)
                    raise
        except Exception as problem_of_ours:  # noqa: BLE001 - see `_guard`
            swallow("Operation.end", problem_of_ours)

    def end_cancelled(self) -> None:
        """End an operation whose stream was abandoned."""
        self.cancel()
        self.end()

    def _judge(self, error: BaseException) -> None:
        self.outcome, self.error_type = names.ERROR, None
        kind = type(error)  # `isinstance` would ask the error for its `__class__`, which is the caller's code
        if is_called_off(error):
            self.outcome = names.CANCELLED
            return
        self.error_type = error_type(kind)
        self.error_site = error_site(error)
        if self._pipeline.config.record_error_messages:
            self.error_message = error_message(error)

    def _apply_quality_gate(self) -> None:
        if self.outcome == names.SUCCESS and self.values["quality_gate_failed"] is True:
            self.outcome, self.error_type = names.FAILURE, names.QUALITY_GATE

    def _copy_facts_to_outer(self) -> None:
        outer = enclosing_of_kind(self.operation, self._outer)
        if outer is None:
            return
        for fact in names.FACTS_FOR_OUTER:
            value = self.values.get(fact)
            if value is not None:
                outer.values.setdefault(fact, value)

    def _tell_who_waited(self) -> None:
        """Tell the request that waited for a load so, unless its owner says something else."""
        outer = enclosing_of_kind(names.MODEL_REQUEST, self._outer)
        if outer is not None:
            outer.add_load((self.end_ns - self.start_ns) / 1e9)

    def __del__(self) -> None:
        """End a stream that nobody holds any more as cancelled: it can never end by itself."""
        if getattr(self, "_state", ENDED) == RUNNING:  # without one, it failed before it began
            self.end_cancelled()


Kind = TypeVar("Kind", bound=Operation)


def ignoring(kind: type[Kind]) -> Kind:
    """Create an operation of a class that ignores every call."""
    made = kind("ignored", 0, 0, 0, False, 0)  # noqa: FBT003 - see `Record`
    made._outer, made._clock_ns, made._has_copy, made._state = None, 0, True, ENDED  # noqa: SLF001 - see `Running`
    return made


IGNORED: Final = ignoring(Operation)
