"""Streams that a watched function returns: followed to their end, and handed out as what they are."""

from __future__ import annotations

import asyncio
import gc
import io
import sys
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

import pytest

import modeltally
from modeltally.instrument import _clock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

    from modeltally.testing import Captured


class Stream:
    """A stream as a client library has it: a generator inside, which holds the stream as well."""

    def __init__(self, *, error: Exception | None = None) -> None:
        """Prepare three chunks and an end."""
        self.usage = 3
        self.is_closed = False
        self._error = error
        self._chunks = self._read()

    def __iter__(self) -> Iterator[int]:
        """Read on."""
        yield from self._chunks

    def __next__(self) -> int:
        """Read one chunk."""
        return next(self._chunks)

    def __enter__(self) -> Self:
        """Begin a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self.is_closed = True

    def _read(self) -> Iterator[int]:
        yield from range(3)
        modeltally.current_operation().set(output_tokens=self.usage)
        if self._error is not None:
            raise self._error


class AsyncStream:
    """The same, asynchronous."""

    def __init__(self) -> None:
        """Prepare three chunks."""
        self._chunks = numbers()

    def __aiter__(self) -> AsyncStream:
        """Read on."""
        return self

    async def __anext__(self) -> int:
        """Read one chunk."""
        return await anext(self._chunks)


async def numbers(*, error: Exception | None = None) -> AsyncGenerator[int, None]:
    """Yield three numbers."""
    for index in range(3):
        await asyncio.sleep(0)
        yield index
    modeltally.current_operation().set(output_tokens=3)
    if error is not None:
        raise error


@modeltally.model_request("m")
def create(error: Exception | None = None) -> Stream:
    """Return a stream object."""
    return Stream(error=error)


def read_by_next(stream: Stream) -> list[int]:
    """Read a stream chunk by chunk."""
    chunks = []
    while True:
        try:
            chunks.append(next(stream))
        except StopIteration:
            return chunks


@pytest.mark.parametrize("read", [list, read_by_next])
def test_stream_object_is_followed_to_its_end(seen: Captured, read: Callable[[Stream], list[int]]) -> None:
    """What is told at its end is recorded, so is the first chunk; the caller has what the function returned."""
    stream = create()
    assert isinstance(stream, Stream)
    assert modeltally.counters().in_flight == 1
    assert read(stream) == [0, 1, 2]
    assert stream.usage == 3
    assert not hasattr(stream, "__anext__")
    attributes = seen.one()
    assert attributes["modeltally.outcome"] == "success"
    assert attributes["gen_ai.usage.output_tokens"] == 3
    assert "gen_ai.response.time_to_first_chunk" in attributes


def test_stream_object_that_fails_at_its_end_is_an_error(seen: Captured) -> None:
    """The exception is the stream's own."""
    error = ConnectionError("reset")
    with pytest.raises(ConnectionError) as raised:
        list(create(error))
    assert raised.value is error
    assert seen.one()["modeltally.outcome"] == "error"


def test_stream_object_left_half_way_is_cancelled(seen: Captured) -> None:
    """Leaving its block closes it."""
    with create() as stream:
        assert next(stream) == 0
    assert stream.is_closed
    assert seen.one()["modeltally.outcome"] == "cancelled"


def test_stream_object_read_by_ways_of_its_own_is_success(seen: Captured) -> None:
    """Of a stream that nobody steps nothing says that it failed."""
    stream = create()
    assert stream.usage == 3
    stream.close()
    assert seen.one()["modeltally.outcome"] == "success"


def test_stream_object_is_handed_out_where_the_clock_fails(seen: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be followed is returned as it is, its operation ends, and nothing is said by a finalizer of ours."""
    complaints: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    stream = Stream()

    @modeltally.model_request("m")
    def ask() -> Stream:
        monkeypatch.setattr(_clock, "perf_counter_ns", mock.Mock(side_effect=[OSError, *range(100)]))
        return stream

    assert ask() is stream
    gc.collect()
    assert complaints == []
    assert seen.one()["modeltally.outcome"] == "success"


def test_object_that_returns_itself_stays_itself(seen: Captured) -> None:
    """Code that chains calls compares by identity."""

    class Chained(Stream):
        @modeltally.model_request("m")
        def prepare(self) -> Chained:
            return self

    chained = Chained()
    assert chained.prepare() is chained
    assert seen.one()["modeltally.outcome"] == "success"


def test_what_is_no_stream_of_python_code_is_returned_untouched(seen: Captured) -> None:
    """A file is stepped by C, which asks for its type."""

    @modeltally.model_request("m")
    def read() -> Any:
        return io.BytesIO(b"a\nb\n")

    assert type(read()) is io.BytesIO
    assert seen.one()["modeltally.outcome"] == "success"


def test_stream_of_an_extended_c_class_is_left_alone_and_said(seen: Captured) -> None:
    """A stand-in would not be taken where its type counts."""

    class Lines(io.RawIOBase):
        def __next__(self) -> bytes:
            return b""

    @modeltally.model_request("m")
    def read() -> Any:
        return Lines()

    assert type(read()) is Lines
    assert seen.one()["modeltally.outcome"] == "success"
    assert modeltally.counters().problems == {"stream_not_followed": 1}


def test_lazy_iterator_is_followed(seen: Captured) -> None:
    """What ``map`` and its like return has done nothing yet."""

    @modeltally.model_request("m")
    def upper() -> Iterator[str]:
        return map(str.upper, ["a", "b"])

    result = upper()
    assert isinstance(result, map)
    assert modeltally.counters().in_flight == 1
    assert list(result) == ["A", "B"]
    assert seen.one()["modeltally.outcome"] == "success"


def test_coroutine_that_returns_a_stream_is_followed(seen: Captured) -> None:
    """An asynchronous generator and a stream object alike."""

    @modeltally.model_request("generator")
    async def generator() -> AsyncIterator[int]:
        return numbers()

    @modeltally.model_request("object")
    async def stream() -> AsyncStream:
        return AsyncStream()

    async def main() -> None:
        assert [item async for item in await generator()] == [0, 1, 2]
        made = await stream()
        assert isinstance(made, AsyncStream)
        assert [item async for item in made] == [0, 1, 2]

    asyncio.run(main())
    ended = seen.all()
    assert [attributes["modeltally.outcome"] for attributes in ended] == ["success", "success"]
    assert [attributes["gen_ai.usage.output_tokens"] for attributes in ended] == [3, 3]


def test_coroutine_whose_stream_fails_late_is_an_error(seen: Captured) -> None:
    """The operation ends with its stream."""

    @modeltally.model_request("m")
    async def generator() -> AsyncIterator[int]:
        return numbers(error=ValueError("late"))

    async def main() -> None:
        with pytest.raises(ValueError, match="late"):
            [item async for item in await generator()]

    asyncio.run(main())
    assert seen.one()["modeltally.outcome"] == "error"
