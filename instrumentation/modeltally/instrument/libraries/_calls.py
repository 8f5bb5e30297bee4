"""One call of a library as one operation: what an adapter says before and after it, and the lifecycle around it.

An adapter gives two functions. One reads the arguments and says what is known beforehand, the other reads the result;
neither emits anything, and what they raise is counted and changes nothing for the call.
"""

from __future__ import annotations

import functools
import inspect
from contextvars import ContextVar
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._context import attach, current, detach, open_operation
from modeltally.instrument._guard import swallow
from modeltally.instrument._handed import FRESH, Held, follow, reference_count
from modeltally.instrument._operation import IGNORED, Operation
from modeltally.instrument._scalars import MAX_SPAN_BYTES, Stored, copy_values
from modeltally.instrument._stream import named_like
from modeltally.instrument._switch import is_disabled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeltally.instrument._values import Values

    Before = Callable[["Call"], Values | None]
    After = Callable[["Call", Any], Values | None]

__all__ = ["Call", "call_watched", "request_watched", "requested", "requested_of", "watching"]

_SIGNATURES: Final = 4096  # classes of pipelines are hundreds


class Call:
    """One call of a library's function.

    Attributes:
        function: What is called, bound.
        instance: Whose method it is; None for a function.
        operation: What it is recorded as; one that ignores everything where it is not recorded.
        notes: The adapter's own, for the time of the call.
    """

    __slots__ = ("_arguments", "_began_ns", "args", "function", "instance", "kwargs", "notes", "operation")

    def __init__(self, function: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take what wrapt gives."""
        self.function = function
        self.instance = instance
        self.args = args
        self.kwargs = kwargs
        self.operation: Operation = IGNORED
        self.notes: dict[str, Any] = {}
        self._arguments: Mapping[str, Any] | None = None
        self._began_ns: int | None = None

    def begin(self) -> None:
        """Note that it begins now."""
        self._began_ns = _clock.perf_counter_ns()

    @property
    def seconds(self) -> float:
        """How long ago it began; 0 before."""
        return 0.0 if self._began_ns is None else (_clock.perf_counter_ns() - self._began_ns) / 1e9

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments by name, defaults included; those given by name alone where they do not fit the signature."""
        if self._arguments is None:
            self._arguments = _bound(self.function, self.args, self.kwargs)
        return self._arguments

    def argument(self, *alternatives: str) -> Any:
        """Return the first of some arguments that is there and not None."""
        return next((value for name in alternatives if (value := self.arguments.get(name)) is not None), None)


def watching(kind: str, before: Before, after: After) -> Callable[..., Any]:
    """Create what wrapt calls in place of a function.

    Args:
        kind: The operation's kind.
        before: Says what is known beforehand; None where this call is none of those that are recorded.
        after: Says what the result tells; the result is None where the call raised.
    """

    def around(function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return call_watched(kind, Call(function, instance, args, kwargs), before, after)

    return around


def call_watched(kind: str, call: Call, before: Before, after: After) -> Any:
    """Make a call as an operation; arguments as :func:`watching`."""
    function, args, kwargs = call.function, call.args, call.kwargs
    operation = _begin(kind, call, before)
    if operation is None:
        return function(*args, **kwargs)
    former = current()
    try:
        try:
            attach(operation)
            result = function(*args, **kwargs)
        finally:
            detach(operation, former)
    except BaseException as error:
        detach(operation, former)
        _tell(call, after, None)
        operation.end(error)
        raise
    is_fresh = reference_count(result) <= FRESH
    if is_fresh and type(result) is CoroutineType:
        return named_like(_await(call, after, Held(result)), result)
    _tell(call, after, result)
    return follow(operation, result, is_fresh=is_fresh, owner=call.instance)


_requested: ContextVar[Call | None] = ContextVar("modeltally_request", default=None)


def requested() -> Call | None:
    """Return the innermost request of :func:`request_watched` that is under way here."""
    return _requested.get()


def requested_of(instance: Any) -> Call | None:
    """Return the request of an object that is under way here: what is called of the object is a part of it."""
    outer = _requested.get()
    return outer if outer is not None and outer.instance is instance else None


def request_watched(call: Call, before: Before, after: After) -> Any:
    """Make a call as a request; what it calls of the same object, such as its class's bases, is the same request."""
    if requested_of(call.instance) is not None:
        return call.function(*call.args, **call.kwargs)
    token = _requested.set(call)
    try:
        return call_watched(names.MODEL_REQUEST, call, before, after)
    finally:
        _requested.reset(token)


async def _await(call: Call, after: After, held: Held) -> Any:
    """Await what a call returned, as a part of its operation."""
    operation, former = call.operation, current()
    try:
        try:
            attach(operation)
            result = await held.coroutine
        finally:
            detach(operation, former)
    except BaseException as error:
        detach(operation, former)
        _tell(call, after, None)
        operation.end(error)
        raise
    is_fresh = reference_count(result) <= FRESH
    _tell(call, after, result)
    return follow(operation, result, is_fresh=is_fresh, owner=call.instance)


def _begin(kind: str, call: Call, before: Before) -> Operation | None:
    """Open the operation of a call; None where it is not recorded."""
    values: Values | None = {}
    try:
        if is_disabled():
            return None
        call.begin()
        values = before(call)
    except Exception as error:  # noqa: BLE001 - see `_guard`; the call is made all the same, and counts
        swallow(_site(before), error)
    if values is None:
        return None
    try:
        copied: dict[str, Stored] = {}
        size = copy_values(copied, values, MAX_SPAN_BYTES)
        operation = open_operation(kind, copied, size)
        if operation is not IGNORED:
            operation.source = names.SOURCE_AUTO
        call.operation = operation
    except Exception as error:  # noqa: BLE001 - as above
        swallow("begin", error)
        return None
    else:
        return operation


def _tell(call: Call, after: After, result: Any) -> None:
    """Add what is known after a call; the operation goes on."""
    if call.operation is IGNORED:
        return
    try:
        values = after(call, result)
        if values:
            call.operation.set(**values)
    except Exception as error:  # noqa: BLE001 - see `_guard`
        swallow(_site(after), error)


def _site(function: Any) -> str:
    return str(getattr(function, "__qualname__", "adapter"))


def _bound(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mapping[str, Any]:
    plain = getattr(function, "__func__", function)
    try:
        signature = _signature(plain)
        # a bound method has taken its first argument already
        given = args if plain is function else (getattr(function, "__self__", None), *args)
        bound = signature.bind(*given, **kwargs)
        bound.apply_defaults()
    except (TypeError, ValueError):
        return kwargs
    arguments = dict(bound.arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments.update(arguments.pop(name))
    return arguments


@functools.lru_cache(_SIGNATURES)
def _signature(function: Any) -> inspect.Signature:
    return inspect.signature(function)
