"""Streams: the operation of a generator ends once, when and however the stream ends.

The operation is the current one only while the stream is being stepped: between two steps the code that consumes it
runs, which is not part of the operation. The drivers are real generators, so that type, laziness and closing by
garbage collection stay what they are.
"""

from __future__ import annotations

import sys
import types
from inspect import CO_ITERABLE_COROUTINE
from typing import TYPE_CHECKING, Any, TypeVar

from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._context import attach, current, detach
from modeltally.instrument._guard import guarded, swallow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from modeltally.instrument._operation import Operation

__all__ = ["drive", "drive_async", "named_like", "unregistered"]

S = TypeVar("S")


def drive(open_operation: Callable[[], Operation], stream: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Step a generator inside an operation.

    Args:
        open_operation: Starts the operation, at the first step: before it nothing of the stream's body runs.
        stream: The generator.

    Returns:
        A generator that yields and returns what the given one does.
    """
    generator: Any = stream  # the abstract type does not say that the real one has code
    is_awaitable = generator.gi_code.co_flags & CO_ITERABLE_COROUTINE
    return named_like((_step_awaitable if is_awaitable else _step)(open_operation, stream), stream)


def drive_async(open_operation: Callable[[], Operation], stream: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    """Step an asynchronous generator inside an operation; as :func:`drive`."""
    return named_like(_step_async(open_operation, stream), stream)


def _step(open_operation: Callable[[], Operation], stream: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    operation = open_operation()
    first_step_ns = _clock_ns()
    is_first = True
    step: Any = stream.send
    argument: Any = None
    while True:
        former = current()
        try:
            try:
                attach(operation)
                item = step(argument)
            finally:
                detach(operation, former)
        except StopIteration as stop:
            if type(argument) is GeneratorExit:
                operation.cancel()
            operation.end()
            return stop.value
        except BaseException as error:
            detach(operation, former)
            operation.end(error)
            raise
        if is_first:
            is_first = False
            _first_chunk(operation, first_step_ns)
        try:
            argument = yield item
            step = stream.send
        except BaseException as error:  # noqa: BLE001 - whatever is thrown in, its closing too, is the stream's to handle
            step, argument = stream.throw, error


@types.coroutine
def _step_awaitable(
    open_operation: Callable[[], Operation], stream: Generator[Any, Any, Any]
) -> Generator[Any, Any, Any]:
    """Step a generator that `types.coroutine` made awaitable."""
    return (yield from _step(open_operation, stream))


async def _step_async(
    open_operation: Callable[[], Operation], stream: AsyncGenerator[Any, Any]
) -> AsyncGenerator[Any, Any]:
    operation = open_operation()
    first_step_ns = _clock_ns()
    is_first = True
    step: Any = lambda _: unregistered(stream)  # noqa: E731 - a step as the others are
    argument: Any = None
    while True:
        former = current()
        try:
            try:
                attach(operation)
                item = await step(argument)
            finally:
                detach(operation, former)
        except StopAsyncIteration:
            if type(argument) is GeneratorExit:
                operation.cancel()
            operation.end()
            return
        except BaseException as error:
            detach(operation, former)
            operation.end(error)
            raise
        if is_first:
            is_first = False
            _first_chunk(operation, first_step_ns)
        try:
            argument = yield item
            step = stream.asend
        except BaseException as error:  # noqa: BLE001 - whatever is thrown in is the stream's to handle
            step, argument = stream.athrow, error


def named_like(driver: S, stream: Any) -> S:
    """Give a driver the name of what it drives: it appears in warnings and in debuggers."""
    named: Any = driver  # the abstract types do not say that the real ones have names
    named.__name__ = stream.__name__
    named.__qualname__ = stream.__qualname__
    return driver


def unregistered(stream: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Take the first step of a stream without the event loop's knowledge.

    The loop knows the driver. As it ends it closes all streams it knows at the same time, and one of the two would be
    closed while the other is closing it.
    """
    hooks = sys.get_asyncgen_hooks()
    try:
        sys.set_asyncgen_hooks(None, None)
        return stream.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _clock_ns() -> int:
    try:
        return _clock.perf_counter_ns()
    except Exception as error:  # noqa: BLE001 - see `_guard`
        swallow("clock", error)
        return 0


@guarded(None)
def _first_chunk(operation: Operation, first_step_ns: int) -> None:
    if operation.operation == names.MODEL_REQUEST and "time_to_first_chunk_seconds" not in operation.values:
        operation.set(time_to_first_chunk_seconds=(_clock.perf_counter_ns() - first_step_ns) / 1e9)
