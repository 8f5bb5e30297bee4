"""Operations that their owner ends, for code that cannot be wrapped: callbacks, queues, state machines.

::

    operation = modeltally.begin("model.request", "lumen/sketch-xl", queued=True, user="u1")
    ...                               # it waits
    operation.start()                 # it runs
    operation.progress(0.5)
    operation.finish()                # or fail(error), or cancel(), at any time once
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final, cast

from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._block import Block, BlockExit, enter, leave
from modeltally.instrument._context import attach, current, detach, new_operation
from modeltally.instrument._guard import guarded, problem
from modeltally.instrument._operation import Operation, ignoring
from modeltally.instrument._record import RUNNING
from modeltally.instrument._scalars import MAX_SPAN_BYTES, Stored, copy_values
from modeltally.instrument.wrap import own_operation

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Unpack

    from modeltally.instrument._values import Values

__all__ = ["ManualOperation", "begin"]

MAX_MARKS: Final = 16
_MARK: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


class _InsideBlock(Block):
    """A block in which an operation is current that goes on after it."""

    __slots__ = ()

    def leave(self, error: BaseException | None) -> None:  # noqa: ARG002 - whatever it raised
        """Make current what was so before."""
        try:
            self.drop()
        except BaseException:  # a signal handler's
            self.drop()
            raise

    def drop(self) -> None:
        """Make current what was so before."""
        detach(self.entered, self.former)

    def is_current(self) -> bool:
        """Return whether the operation is the current one."""
        return self.entered is current()


class _Inside:
    """Makes an operation the current one for a block."""

    __slots__ = ("_operation", "by_hand")

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self.by_hand: list[Any] = []

    def __enter__(self) -> None:
        operation, former = self._operation, current()
        try:
            attach(operation)
            enter(self, _InsideBlock, operation, former)
        except BaseException:  # a signal handler's
            detach(operation, former)
            raise

    if TYPE_CHECKING:

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None: ...
    else:
        __exit__ = BlockExit(_InsideBlock, leave)


class ManualOperation(Operation):
    """An operation that its owner starts and ends; one that is dropped counts as cancelled.

    It is not the current operation anywhere: :meth:`inside` makes it that for a block of code.
    """

    _is_waiting = False
    _marks = 0

    @property
    def is_waiting(self) -> bool:
        """Whether it is queued and has not started."""
        return self._is_waiting and self.is_running

    def wait(self) -> None:
        """Wait until :meth:`start`; the time until then is its time in the queue."""
        self._is_waiting = True

    @guarded(None)
    def start(self) -> None:
        """Begin the work after a wait; repeated calls change nothing."""
        if not self.is_waiting:
            return
        self._end_wait()
        self.start_ns = _clock.time_ns()
        self._clock_ns = _clock.perf_counter_ns()

    @guarded(None)
    def progress(self, fraction: float) -> None:
        """Report progress.

        Args:
            fraction: From 0 to 1.
        """
        number = float(fraction)
        if 0.0 <= number <= 1.0:
            self.set(progress=number)
        else:
            problem("bad_value", "progress(%r): give a number from 0 to 1; it is left out", number)

    @guarded(None)
    def mark(self, name: str) -> None:
        """Record that something happened now, in seconds since the start.

        Args:
            name: What, for example ``first_preview``: small letters, digits and underscores, at most 40 of them. An
                operation has 16 marks at most; the same name again replaces the time.
        """
        if self._state != RUNNING:
            return
        text = str.__str__(name)
        key = f"{names.MARK}.{text}"
        custom = self.custom if self.custom is not None else {}
        if not _MARK.fullmatch(text) or (key not in custom and self._marks >= MAX_MARKS):
            problem("bad_mark", "mark(%.64r): give small letters, at most %d different marks", text, MAX_MARKS)
            return
        self._marks += key not in custom
        custom[key] = (_clock.perf_counter_ns() - self._clock_ns) / 1e9
        self.custom = custom

    def finish(self) -> None:
        """End it successfully, unless :meth:`failed` or :meth:`partial` was called."""
        self.end()

    def fail(self, error: BaseException | str) -> None:
        """End it as failed.

        Args:
            error: What was raised: the outcome is ``error``; or why the result is not acceptable, a short constant:
                the outcome is ``failure``.
        """
        if issubclass(type(error), BaseException):  # `isinstance` would ask for its `__class__`, the caller's code
            self.end(cast("BaseException", error))
            return
        self.failed(cast("str", error))
        self.end()

    @guarded(None)
    def cancel(self) -> None:
        """End it as cancelled; before its start its duration is zero."""
        if self.is_waiting:
            self._end_wait()
            self.set(never_started=True)
            self.start_ns = _clock.time_ns()
            self._clock_ns = _clock.perf_counter_ns()
        super().cancel()
        self.end()

    def inside(self) -> AbstractContextManager[None]:
        """Make it the current operation for a block of code: what begins there belongs to it."""
        return nullcontext() if self is _IGNORED else _Inside(self)

    def needs_copy(self, started_before_ns: int) -> bool:
        """Return the same, not counting the time in which it waits."""
        return not self._is_waiting and super().needs_copy(started_before_ns)

    def end_cancelled(self) -> None:
        """End an operation that was dropped."""
        self.cancel()

    def _end_wait(self) -> None:
        self._is_waiting = False
        self.values.setdefault("queue_seconds", (_clock.perf_counter_ns() - self._clock_ns) / 1e9)


def begin(
    operation: str, subject: str | None = None, /, *, queued: bool = False, **values: Unpack[Values]
) -> ManualOperation:
    """Begin an operation that you end yourself.

    Args:
        operation: ``model.request``, ``model.download``, ``model.load``, ``model.unload``, ``model.offload``,
            ``model.health_check``, ``pattern.run``, or a name of your own such as ``acme.upscale``.
        subject: The model's name, or the pattern's.
        queued: It only waits for now; :meth:`ManualOperation.start` says when it runs.
        **values: What is known already; see :class:`Values`.

    Returns:
        The operation; one that ignores everything when telemetry is off or the name may not be used.
    """
    return _begin(operation, subject, values, is_queued=queued) or _IGNORED


@guarded(None)
def _begin(operation: str, subject: str | None, values: Values, *, is_queued: bool) -> ManualOperation | None:
    kind = str.__str__(operation)
    if kind not in names.RECORDABLE:
        kind = own_operation(kind)
    keyword = names.PATTERN_NAME_KEYWORD if kind == names.PATTERN_RUN else names.MODEL_KEYWORD
    copied: dict[str, Stored] = {}
    given: dict[str, Any] = {keyword: subject, **values}
    size = copy_values(copied, given, MAX_SPAN_BYTES)
    begun = new_operation(ManualOperation, kind, copied, size)
    if begun is not None and is_queued is True:
        begun.wait()
    return begun


_IGNORED: Final = ignoring(ManualOperation)
