"""Streams whose pieces tell what the call could not: they are looked at as they pass, and stay what they are."""

from __future__ import annotations

from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any

from modeltally.instrument._stream import named_like, unregistered

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from modeltally.instrument.libraries._calls import Call

__all__ = ["tap", "tapped"]


def tap(call: Call, look: Callable[[Any], object], *, at_end: Callable[[], object] = lambda: None) -> None:
    """Have the pieces of what a call returns looked at.

    Args:
        call: The call, which is not made yet.
        look: As for :func:`tapped`.
        at_end: As for :func:`tapped`.
    """
    _ = call.arguments  # while the function's signature can still be read
    function = call.function
    call.function = lambda *args, **kwargs: tapped(function(*args, **kwargs), look, at_end=at_end)


def tapped(result: Any, look: Callable[[Any], object], *, at_end: Callable[[], object] = lambda: None) -> Any:
    """Look at the pieces of a stream as they pass.

    Args:
        result: A generator, an asynchronous one, or what is awaited for one; anything else is given back as it is.
        look: Gets each piece, before who asked for it does; it may not raise.
        at_end: Called once when there are no more, however the stream ended; it may not raise.
    """
    if type(result) is GeneratorType:
        return named_like(_pieces(result, look, at_end), result)
    if type(result) is AsyncGeneratorType:
        return named_like(_pieces_async(result, look, at_end), result)
    return _awaited(result, look, at_end) if hasattr(result, "__await__") else result


async def _awaited(result: Any, look: Callable[[Any], object], at_end: Callable[[], object]) -> Any:
    return tapped(await result, look, at_end=at_end)


def _pieces(
    stream: Generator[Any, Any, Any], look: Callable[[Any], object], at_end: Callable[[], object]
) -> Generator[Any, Any, Any]:
    step: Any = stream.send
    argument: Any = None
    try:
        while True:
            try:
                piece = step(argument)
            except StopIteration as stop:
                return stop.value
            look(piece)
            try:
                argument = yield piece
                step = stream.send
            except GeneratorExit:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in is the stream's to handle
                step, argument = stream.throw, error
    finally:
        try:
            stream.close()
        finally:
            at_end()


async def _pieces_async(
    stream: AsyncGenerator[Any, Any], look: Callable[[Any], object], at_end: Callable[[], object]
) -> AsyncGenerator[Any, Any]:
    step: Any = lambda _: unregistered(stream)  # noqa: E731 - a step as the others are
    argument: Any = None
    try:
        while True:
            try:
                piece = await step(argument)
            except StopAsyncIteration:
                return
            look(piece)
            try:
                argument = yield piece
                step = stream.asend
            except GeneratorExit:
                raise
            except BaseException as error:  # noqa: BLE001 - as above
                step, argument = stream.athrow, error
    finally:
        try:
            await stream.aclose()
        finally:
            at_end()
