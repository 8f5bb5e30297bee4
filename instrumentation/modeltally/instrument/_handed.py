"""What a watched function hands out: a stream is followed to its end, anything else ends the operation."""

from __future__ import annotations

import sys
from _io import _IOBase
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType, NoneType
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument._context import attach, current, detach
from modeltally.instrument._guard import problem, swallow
from modeltally.instrument._operation import IGNORED, Operation
from modeltally.instrument._stream import drive, drive_async, named_like

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["FRESH", "Held", "driver_of", "follow", "reference_count"]

# not every interpreter counts
reference_count: Final[Callable[[object], int]] = getattr(sys, "getrefcount", lambda _: 0)


def _count_of_fresh() -> int:
    """Return the count of an object that nobody else holds.

    Beside the variable the argument counts, or not: that is up to the version, and to the statements before. They are
    those of who asks.
    """
    try:
        try:
            result = object()
        finally:
            len("")
    except BaseException:
        len("")
        raise
    return reference_count(result)


FRESH: Final = _count_of_fresh()

HEAP_TYPE: Final = 1 << 9  # of a class's flags: a class that Python code defines
LAZY: Final = frozenset(map(id, (map, filter, zip, enumerate)))  # beside those of itertools
PLAIN: Final = frozenset(map(id, (NoneType, str, bytes, int, float, bool, list, dict, tuple, set)))
_bases_of = type.__dict__["__mro__"].__get__  # asked of the class itself this may be the caller's code
_module_of = type.__dict__["__module__"].__get__
_flags_of = type.__dict__["__flags__"].__get__


def driver_of(kind: type) -> Callable[[Callable[[], Operation], Any], Any] | None:
    """Return what drives a generator, an asynchronous one or a coroutine; None for anything else."""
    # compared by identity: a class may not be hashable, and its metaclass is the caller's code
    if kind is CoroutineType:
        return drive_coroutine
    if kind is GeneratorType:
        return drive
    if kind is AsyncGeneratorType:
        return drive_async
    return None


def follow(operation: Operation, result: Any, *, is_fresh: bool, owner: object = None) -> Any:
    """Let an operation go on with the stream that was returned, or end it.

    Args:
        operation: The operation; the watched function has returned.
        result: What it returned.
        is_fresh: Whether nobody else holds that: a generator that somebody holds is theirs to go on with and to close.
            Of a stream object it cannot be told, since the generators inside hold it as well.
        owner: Whose method was called: what returns itself stays itself.

    Returns:
        What to return in its place.
    """
    kind = type(result)
    if id(kind) not in PLAIN and operation is not IGNORED:
        try:
            driver = driver_of(kind)
            if driver is not None and is_fresh:
                return driver(lambda: operation, result)
            if driver is None and result is not owner and _is_stream(kind, is_fresh=is_fresh):
                from modeltally.instrument._followed import followed  # noqa: PLC0415 - imports wrapt

                return followed(operation, result)
        except Exception as error:  # noqa: BLE001 - see `_guard`
            swallow("follow", error)
    operation.end()
    return result


def _is_stream(kind: type, *, is_fresh: bool) -> bool:
    """Return whether objects of a class are streams that a stand-in may be handed out for."""
    bases = _bases_of(kind)
    steps = [base.__dict__[name] for base in bases for name in ("__next__", "__anext__") if name in base.__dict__]
    if not steps:
        return False
    if id(kind) in LAZY or _module_of(kind) == "itertools":
        return is_fresh
    if type(steps[0]) is not FunctionType:
        return False  # written in C: a cursor, a file
    if all(base is object or (_flags_of(base) & HEAP_TYPE and base is not _IOBase) for base in bases):
        return True
    problem(
        "stream_not_followed",
        "a watched function returned a stream that cannot be followed, since its class extends one written in C: its"
        " operation ended as it was returned",
    )
    return False


def drive_coroutine(
    open_operation: Callable[[], Operation], coroutine: Coroutine[Any, Any, Any]
) -> Coroutine[Any, Any, Any]:
    """Await a coroutine inside an operation.

    Args:
        open_operation: Starts the operation, when the coroutine starts.
        coroutine: The coroutine.

    Returns:
        A coroutine that returns what the given one returns.
    """
    return named_like(_await(open_operation, Held(coroutine)), coroutine)


class Held:
    """A coroutine that is closed when nobody will await it any more.

    A task that is cancelled before its first step never runs ours; the one inside would then complain that it was
    never awaited, which it does not without us.
    """

    __slots__ = ("coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine

    def __del__(self) -> None:
        self.coroutine.close()


async def _await(open_operation: Callable[[], Operation], held: Held) -> Any:
    operation = open_operation()
    former = current()
    try:
        try:
            attach(operation)
            result = await held.coroutine
        finally:
            detach(operation, former)
    except BaseException as error:
        detach(operation, former)
        operation.end(None if type(error) is StopAsyncIteration else error)  # of `__anext__`: there is no more
        raise
    is_fresh = reference_count(result) <= FRESH
    return follow(operation, result, is_fresh=is_fresh)
