"""The wrappers: each watches one kind of operation, as a decorator or as a context manager.

::

    @modeltally.model_request("stable-diffusion-xl", task="text_to_image")
    def generate(prompt: str) -> Image: ...

    with modeltally.model_request("stable-diffusion-xl", user="u1") as op:
        ...
        op.set(output_count=4)

A decorated function may be a plain one, a coroutine function, a generator or an asynchronous generator function, a
method, a class method or a static method; what it returns and raises is what the caller gets.
"""

from __future__ import annotations

import inspect
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from modeltally.instrument import _names as names
from modeltally.instrument._block import Block, BlockExit, enter, leave, leave_async
from modeltally.instrument._context import attach, current, current_operation, detach, open_operation
from modeltally.instrument._guard import guarded, problem, swallow
from modeltally.instrument._handed import FRESH, driver_of, follow, reference_count
from modeltally.instrument._scalars import MAX_SPAN_BYTES, Stored, copy_values

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Unpack

    from modeltally.instrument._operation import Operation
    from modeltally.instrument._values import Values

__all__ = [
    "Watch",
    "current_operation",
    "download",
    "health_check",
    "load",
    "model_request",
    "offload",
    "operation",
    "pattern_run",
    "unload",
]

F = TypeVar("F", bound="Callable[..., Any]")


class _WatchBlock(Block):
    """A block that is an operation."""

    __slots__ = ()

    def leave(self, error: BaseException | None) -> None:
        """End the operation."""
        operation, former = self.entered, self.former
        try:
            is_here = detach(operation, former)
            operation.end(error)
        except BaseException as raised:  # a signal handler's
            detach(operation, former)
            operation.end(raised)
            raise
        if not is_here:
            operation.leave_behind()

    def drop(self) -> None:
        """End an operation whose block was not left: a signal handler raised as its exit was about to begin."""
        detach(self.entered, self.former)
        self.entered.end_cancelled()

    def is_current(self) -> bool:
        """Return whether the operation is the current one."""
        return self.entered is current()


class Watch:
    """Watches one kind of operation; a decorator and, synchronously or not, a context manager."""

    __slots__ = ("_operation", "_size", "_values", "by_hand")

    def __init__(self, operation: str, values: dict[str, Stored], size: int) -> None:
        """Keep what is known beforehand; create one with :func:`model_request` and the like."""
        self._operation = operation
        self._values = values
        self._size = size
        self.by_hand: list[Any] = []

    def __enter__(self) -> Operation:
        """Start an operation."""
        operation = open_operation(self._operation, self._values, self._size)
        former = current()
        try:
            attach(operation)
            enter(self, _WatchBlock, operation, former)
        except BaseException:  # a signal handler's: the block will not be entered
            detach(operation, former)
            operation.end_cancelled()
            raise
        return operation

    async def __aenter__(self) -> Operation:
        """Start an operation."""
        return self.__enter__()

    if TYPE_CHECKING:

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            """End the operation; the exception goes on."""

        async def __aexit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            """End the operation; the exception goes on."""
    else:
        __exit__ = BlockExit(_WatchBlock, leave)
        __aexit__ = BlockExit(_WatchBlock, leave_async)

    def __call__(self, function: F) -> F:
        """Decorate a function: each call of it is an operation."""
        try:
            # wrapt imports asyncio and more: only who decorates waits for it
            from modeltally.instrument._proxy import watched  # noqa: PLC0415 - named above

            call = self._call_deferred if _is_deferred(function) else self._call
            return cast("F", watched(function, self, call))
        except Exception as error:  # noqa: BLE001 - an object that lets nobody look at it stays as it is
            swallow("decorate", error)
            return function

    def __reduce__(self) -> tuple[type[Watch], tuple[str, dict[str, Stored], int]]:
        """Pickle, with a function that it decorates, what another one like it is made of."""
        return Watch, (self._operation, self._values, self._size)

    def _call(self, wrapped: Any, instance: object, args: Any, kwargs: Any) -> Any:
        operation = self._open()
        former = current()
        try:
            try:
                attach(operation)
                result = wrapped(*args, **kwargs)
            finally:
                detach(operation, former)
        except BaseException as error:
            detach(operation, former)
            operation.end(None if type(error) is StopIteration else error)  # of `__next__`: there is no more
            raise
        is_fresh = reference_count(result) <= FRESH
        owner = args[0] if instance is None and args else instance
        return follow(operation, result, is_fresh=is_fresh, owner=owner)

    def _call_deferred(self, wrapped: Any, _instance: object, args: Any, kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        driver = driver_of(type(result))
        if driver is not None:
            return driver(self._open, result)
        self._open().end()  # only marked as a coroutine function: counted, but there is nothing to watch
        return result

    def _open(self) -> Operation:
        return open_operation(self._operation, self._values, self._size)


def model_request(model: str | None = None, /, **values: Unpack[Values]) -> Watch:
    """Watch requests to a model.

    Args:
        model: The model's name, the same wherever the model is meant.
        **values: What is known beforehand; see :class:`Values`. :meth:`Operation.set` tells the rest.

    Returns:
        A decorator and context manager.
    """
    return _watch(names.MODEL_REQUEST, model, values)


def download(model: str | None = None, /, **values: Unpack[Values]) -> Watch:
    """Watch downloads of a model's files; arguments as :func:`model_request`."""
    return _watch(names.MODEL_DOWNLOAD, model, values)


def load(model: str | None = None, /, **values: Unpack[Values]) -> Watch:
    """Watch loads of a model into memory; arguments as :func:`model_request`."""
    return _watch(names.MODEL_LOAD, model, values)


def unload(model: str | None = None, /, **values: Unpack[Values]) -> Watch:
    """Watch removals of a model from memory; arguments as :func:`model_request`."""
    return _watch(names.MODEL_UNLOAD, model, values)


def offload(model: str | None = None, /, **values: Unpack[Values]) -> Watch:
    """Watch moves of a model between devices; arguments as :func:`model_request`."""
    return _watch(names.MODEL_OFFLOAD, model, values)


def health_check(model: str | None = None, /, **values: Unpack[Values]) -> Watch:
    """Watch checks of a model's files or answers; arguments as :func:`model_request`."""
    return _watch(names.MODEL_HEALTH_CHECK, model, values)


def pattern_run(name: str | None = None, /, **values: Unpack[Values]) -> Watch:
    """Watch runs of a pattern: a prompt template, a workflow, an agent.

    Args:
        name: The pattern's name.
        **values: What is known beforehand; see :class:`Values`.

    Returns:
        A decorator and context manager.
    """
    return _watch(names.PATTERN_RUN, name, values)


def operation(name: str, model: str | None = None, /, **values: Unpack[Values]) -> Watch:
    """Watch operations of a kind of your own, counted like the built-in ones.

    Args:
        name: Its kind with your prefix, for example ``acme.upscale``: small letters, digits and underscores in parts
            separated by dots, at most 64 characters.
        model: The model it uses, if any.
        **values: What is known beforehand; see :class:`Values`. :meth:`Operation.set_attribute` adds attributes of
            your own.

    Returns:
        A decorator and context manager.
    """
    return _watch(own_operation(name), model, values)


@guarded("")
def own_operation(name: str) -> str:
    """Return the name of a host's own kind of operation; empty if it is not allowed."""
    kept = str.__str__(name)
    if names.is_custom(kept):
        return kept
    problem(
        "bad_operation",
        "%.64r is no name for an operation: give your prefix, a dot and a name in small letters, such as"
        " 'acme.upscale'; it is not recorded",
        kept,
    )
    return ""


def _watch(operation: str, subject: str | None, values: Values) -> Watch:
    template: dict[str, Stored] = {}
    kind: type = type(subject)
    # functions alone: other callables, a model itself for example, are handed over in place of a name
    if kind is FunctionType or kind is MethodType or kind is BuiltinFunctionType:
        problem("no_subject", 'a decorator without parentheses names no model or pattern; write @...("name")')
        return cast("Watch", Watch(operation, template, 0)(cast("Any", subject)))
    size = 0
    try:
        given: dict[str, Any] = cast("dict[str, Any]", values)  # made for this call, so it is ours
        given.setdefault(names.PATTERN_NAME_KEYWORD if operation == names.PATTERN_RUN else names.MODEL_KEYWORD, subject)
        size = copy_values(template, given, MAX_SPAN_BYTES)
    except Exception as error:  # noqa: BLE001 - see `_guard`
        swallow("watch", error)
    return Watch(operation, template, size)


def _is_deferred(function: Any) -> bool:
    """Return whether calling the function does not run its body yet."""
    inner = getattr(function, "__func__", function)  # class and static methods
    return inspect.isasyncgenfunction(inner) or inspect.isgeneratorfunction(inner) or inspect.iscoroutinefunction(inner)
