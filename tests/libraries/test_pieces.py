"""Streams whose pieces are looked at stay what they are: sent to, thrown into, closed, and with what they return."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.instrument.libraries._pieces import tapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator


def numbers(said: list[Any]) -> Generator[int, Any, str]:
    """Yield numbers; what comes in is noted."""
    number = 0
    try:
        while number < 3:
            try:
                said.append((yield number))
            except KeyError:
                said.append("thrown")
            number += 1
    finally:
        said.append("closed")
    return "whole"


async def numbers_async(said: list[Any]) -> AsyncIterator[int]:
    """The same without a result."""
    try:
        for number in range(3):
            try:
                said.append((yield number))
            except KeyError:
                said.append("thrown")
    finally:
        said.append("closed")


def _drained(stream: Any) -> None:
    list(stream)


def _sent(stream: Any) -> Any:
    return [next(stream), stream.send("a"), stream.throw(KeyError())]


def _closed(stream: Any) -> None:
    next(stream)
    stream.close()


def _returned(stream: Any) -> Any:
    results: list[Any] = []

    def outer() -> Any:
        results.append((yield from stream))

    return list(outer()), results


@pytest.mark.parametrize("use", [_drained, _sent, _closed, _returned])
def test_generator_stays_what_it_is(use: Callable[[Any], Any]) -> None:
    """It hears and does the same as bare, and its pieces are seen, and its end once."""
    bare: list[Any] = []
    watched: list[Any] = []
    pieces: list[Any] = []
    ends: list[str] = []
    expected = use(numbers(bare))
    stream = tapped(numbers(watched), pieces.append, at_end=lambda: ends.append("end"))
    assert (type(stream), stream.__name__) == (type(numbers([])), "numbers")
    assert use(stream) == expected
    del stream
    assert watched == bare
    assert pieces == list(range(len(pieces)))
    assert pieces
    assert ends == ["end"]


def test_asynchronous_generator_stays_what_it_is() -> None:
    """Sent to, thrown into and closed; its pieces are seen, and its end once."""
    pieces: list[Any] = []
    ends: list[str] = []

    async def use(stream: Any) -> list[Any]:
        seen = [await anext(stream), await stream.asend("a"), await stream.athrow(KeyError())]
        await stream.aclose()
        return seen

    bare: list[Any] = []
    watched: list[Any] = []
    expected = asyncio.run(use(numbers_async(bare)))
    stream = tapped(numbers_async(watched), pieces.append, at_end=lambda: ends.append("end"))
    assert inspect.isasyncgen(stream)
    assert asyncio.run(use(stream)) == expected == pieces == [0, 1, 2]
    assert watched == bare
    assert ends == ["end"]


def test_stream_that_is_left_to_the_loop_is_closed_once() -> None:
    """The loop's end closes it, as it does without us, and not the one inside beside it."""
    ends: list[str] = []
    said: list[Any] = []

    async def leave() -> Any:
        stream = tapped(numbers_async(said), lambda _: None, at_end=lambda: ends.append("end"))
        await anext(stream)
        return stream

    assert asyncio.run(leave()) is not None
    assert (said, ends) == (["closed"], ["end"])


def test_error_of_a_stream_comes_through() -> None:
    """The same object, after its end was seen."""
    error = ValueError("of the stream")
    ends: list[str] = []

    def failing() -> Any:
        yield 1
        raise error

    stream = tapped(failing(), lambda _: None, at_end=lambda: ends.append("end"))
    next(stream)
    with pytest.raises(ValueError, match="of the stream") as raised:
        next(stream)
    assert raised.value is error
    assert ends == ["end"]


def test_what_is_no_stream_is_given_back() -> None:
    """A list and a text are no streams."""
    for value in ([1], "text", iter([1])):
        assert tapped(value, lambda _: None) is value


def test_awaited_stream_is_looked_at() -> None:
    """What is awaited for a stream gives one."""
    pieces: list[Any] = []

    async def ask() -> Any:
        return numbers_async([])

    async def use() -> list[Any]:
        return [piece async for piece in await tapped(ask(), pieces.append)]

    assert asyncio.run(use()) == pieces == [0, 1, 2]
