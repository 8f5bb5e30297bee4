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
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded
from modeltally.instrument._operation import IGNORED, Operation, attach, begin, current_operation, detach
from modeltally.instrument._proxy import WatchedFunction
from modeltally.instrument._stream import drive, drive_async, drive_coroutine
from modeltally.instrument._values import MAX_SPAN_BYTES, Stored, Values, copy_values

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType
    from typing import Unpack

__all__ = [
    "Watch",
    "current_operation",
    "download",
    "health_check",
    "load",
    "model_request",
    "pattern_run",
    "unload",
]

F = TypeVar("F", bound="Callable[..., Any]")


class Watch:
    """Watches one kind of operation; a decorator and, synchronously or not, a context manager."""

    __slots__ = ("_entered", "_operation", "_size", "_values")

    def __init__(self, operation: str, values: dict[str, Stored], size: int) -> None:
        """Take what is known of every operation it will watch; :func:`model_request` and the like make one."""
        self._operation = operation
        self._values = values
        self._size = size
        self._entered: dict[int, tuple[Operation, Token[Operation | None] | None]] = {}

    def __enter__(self) -> Operation:
        """Start an operation."""
        operation = self._open()
        self._entered[operation.span_id] = (operation, attach(operation))
        return operation

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the operation; the exception goes on."""
        operation, token = self._leave()
        detach(token)
        operation.end(error)

    async def __aenter__(self) -> Operation:
        """Start an operation."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the operation; the exception goes on."""
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Decorate a function: each call of it is an operation."""
        kind = _callable_kind(function)
        if kind is not None:
            deferred = kind

            def call_deferred(wrapped: Any, _instance: object, args: Any, kwargs: Any) -> Any:
                return deferred(self._open, wrapped(*args, **kwargs))

            return cast("F", WatchedFunction(function, call_deferred))
        return cast("F", WatchedFunction(function, self._call))

    def _call(self, wrapped: Any, _instance: object, args: Any, kwargs: Any) -> Any:
        operation = self._open()
        token = attach(operation)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            detach(token)
            operation.end(error)
            raise
        detach(token)
        driver = _DRIVERS.get(type(result))
        if driver is not None:  # a plain function that hands out a stream: the operation goes on with it
            return driver(lambda: operation, result)
        operation.end()
        return result

    def _open(self) -> Operation:
        return begin(self._operation, self._values, self._size)

    def _leave(self) -> tuple[Operation, Token[Operation | None] | None]:
        """Find the operation that this context entered: several threads or tasks may share one object."""
        mine = self._entered.pop(current_operation().span_id, None)
        if mine is None:  # a framework left in another context than it entered in
            mine = self._entered.popitem()[1] if self._entered else (IGNORED, None)
        return mine


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


def _watch(operation: str, subject: str | None, values: Values) -> Watch:
    template: dict[str, Stored] = {}
    return Watch(operation, template, _fill(template, operation, subject, values))


@guarded(0)
def _fill(template: dict[str, Stored], operation: str, subject: str | None, values: Values) -> int:
    keyword = names.PATTERN_NAME_KEYWORD if operation == names.PATTERN_RUN else names.MODEL_KEYWORD
    return copy_values(template, {keyword: subject, **values}, MAX_SPAN_BYTES)


def _callable_kind(function: Any) -> Callable[[Callable[[], Operation], Any], Any] | None:
    inner = getattr(function, "__func__", function)  # class and static methods
    if inspect.isasyncgenfunction(inner):
        return drive_async
    if inspect.isgeneratorfunction(inner):
        return drive
    if inspect.iscoroutinefunction(inner):
        return drive_coroutine
    return None


_DRIVERS: dict[type, Callable[[Callable[[], Operation], Any], Any]] = {
    GeneratorType: drive,
    AsyncGeneratorType: drive_async,
    CoroutineType: drive_coroutine,
}
