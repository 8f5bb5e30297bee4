"""Streams end once, however they end."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from typing import TYPE_CHECKING

import pytest

import modeltally

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from modeltally.testing import Captured


@modeltally.model_request("m")
def stream(count: int, log: list[str] | None = None) -> Generator[int, str, str]:
    """Yield numbers, log what is sent, tell how many tokens there were."""
    try:
        for index in range(count):
            sent = yield index
            if log is not None and sent is not None:
                log.append(sent)
    finally:
        modeltally.current_operation().set(output_tokens=count)
    return "the end"


@modeltally.model_request("m")
async def asynchronous_stream(count: int) -> AsyncGenerator[int, str]:
    """Yield numbers, tell how many tokens there were."""
    try:
        for index in range(count):
            await asyncio.sleep(0)
            yield index
    finally:
        modeltally.current_operation().set(output_tokens=count)


def outcome(seen: Captured) -> object:
    """Return the only operation's outcome."""
    return seen.one()["modeltally.outcome"]


def test_stream_is_success_when_exhausted(seen: Captured) -> None:
    """All chunks arrive, and the time to the first one is recorded."""
    assert list(stream(3)) == [0, 1, 2]
    attributes = seen.one()
    assert attributes["modeltally.outcome"] == "success"
    assert attributes["gen_ai.usage.output_tokens"] == 3
    assert isinstance(attributes["gen_ai.response.time_to_first_chunk"], float)


def test_stream_keeps_what_is_sent_and_returned(seen: Captured) -> None:
    """`send` reaches the generator, its return value reaches `yield from`."""
    log: list[str] = []

    def outer() -> Generator[int, str, None]:
        log.append((yield from stream(2, log)))

    chunks = outer()
    assert next(chunks) == 0
    assert chunks.send("hello") == 1
    with pytest.raises(StopIteration):
        chunks.send("world")
    assert log == ["hello", "world", "the end"]
    assert outcome(seen) == "success"


def test_stream_is_cancelled_when_closed(seen: Captured) -> None:
    """Closing early runs the generator's own clean-up inside the operation."""
    chunks = stream(3)
    next(chunks)
    chunks.close()
    chunks.close()
    attributes = seen.one()
    assert attributes["modeltally.outcome"] == "cancelled"
    assert attributes["gen_ai.usage.output_tokens"] == 3


def test_stream_is_cancelled_when_collected(seen: Captured) -> None:
    """A stream that nobody holds any more has ended."""
    chunks = stream(3)
    next(chunks)
    del chunks
    gc.collect()
    assert outcome(seen) == "cancelled"


def test_stream_is_error_when_it_raises(seen: Captured) -> None:
    """The exception is the same object."""
    error = ValueError("boom")

    @modeltally.model_request("m")
    def broken() -> Generator[int, None, None]:
        yield 1
        raise error

    chunks = broken()
    next(chunks)
    with pytest.raises(ValueError, match="boom") as caught:
        next(chunks)
    assert caught.value is error
    assert outcome(seen) == "error"


def test_stream_handles_what_is_thrown_in(seen: Captured) -> None:
    """A generator that catches what is thrown in goes on."""

    @modeltally.model_request("m")
    def tolerant() -> Generator[int, None, None]:
        try:
            yield 1
        except KeyError:
            yield 2

    chunks = tolerant()
    next(chunks)
    assert chunks.throw(KeyError("x")) == 2
    assert list(chunks) == []
    assert outcome(seen) == "success"


def test_nothing_is_recorded_when_stream_is_never_stepped(seen: Captured) -> None:
    """A generator function's body runs at the first step, so before it there is no request."""
    del_me = stream(3)
    del_me.close()
    assert seen.spans() == []


def test_operation_is_current_only_while_stream_is_stepped(seen: Captured) -> None:
    """The code between two chunks is not part of the request."""
    for _ in stream(2):
        with modeltally.model_request("other"):
            pass
    nested = [attributes.get("modeltally.nested") for attributes in seen.all()]
    assert nested == [None, None, None]


def test_stream_may_be_stepped_in_other_contexts(seen: Captured) -> None:
    """Frameworks step a generator in a fresh context each time."""
    chunks = stream(2)
    assert contextvars.copy_context().run(next, chunks) == 0
    assert contextvars.copy_context().run(next, chunks) == 1
    assert contextvars.copy_context().run(list, chunks) == []
    assert outcome(seen) == "success"


def test_stream_handed_out_by_plain_function_is_watched(seen: Captured) -> None:
    """The operation goes on with the stream the function returned."""

    def chunks() -> Generator[int, None, None]:
        yield 1
        modeltally.current_operation().set(output_tokens=9)
        yield 2

    @modeltally.model_request("m")
    def generate() -> Generator[int, None, None]:
        return chunks()

    assert list(generate()) == [1, 2]
    assert seen.one()["gen_ai.usage.output_tokens"] == 9


def test_stream_handed_out_is_cancelled_when_never_stepped(seen: Captured) -> None:
    """The request was made by the call; dropping its stream gives it up."""

    @modeltally.model_request("m")
    def generate() -> Generator[int, None, None]:
        return (index for index in range(3))

    generate()
    gc.collect()
    assert outcome(seen) == "cancelled"


def test_asynchronous_stream_is_success_when_exhausted(seen: Captured) -> None:
    """All chunks arrive."""

    async def main() -> list[int]:
        return [index async for index in asynchronous_stream(3)]

    assert asyncio.run(main()) == [0, 1, 2]
    attributes = seen.one()
    assert attributes["modeltally.outcome"] == "success"
    assert attributes["gen_ai.usage.output_tokens"] == 3


def test_asynchronous_stream_is_cancelled_when_closed(seen: Captured) -> None:
    """Closing early runs the generator's own clean-up inside the operation."""

    async def main() -> None:
        chunks = asynchronous_stream(3)
        await anext(chunks)
        await chunks.aclose()

    asyncio.run(main())
    attributes = seen.one()
    assert attributes["modeltally.outcome"] == "cancelled"
    assert attributes["gen_ai.usage.output_tokens"] == 3


def test_asynchronous_stream_is_cancelled_when_loop_collects_it(seen: Captured) -> None:
    """A stream left behind is closed by the event loop."""

    async def main() -> None:
        chunks = asynchronous_stream(3)
        await anext(chunks)

    asyncio.run(main())
    assert outcome(seen) == "cancelled"


def test_asynchronous_stream_is_cancelled_when_its_task_is(seen: Captured) -> None:
    """The cancellation reaches the caller."""

    @modeltally.model_request("m")
    async def slow() -> AsyncGenerator[int, None]:
        yield 1
        await asyncio.sleep(60)

    async def main() -> None:
        async def consume() -> None:
            async for _ in slow():
                started.set()

        started = asyncio.Event()
        task = asyncio.create_task(consume())
        await started.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert outcome(seen) == "cancelled"


def test_stream_is_left_alone_when_somebody_else_holds_it(seen: Captured) -> None:
    """A function that hands out a stream it keeps neither loses it nor gets another object."""

    class Session:
        def __init__(self) -> None:
            self.chunks = iter_numbers()

        @modeltally.model_request("m")
        def stream(self) -> Generator[int, None, None]:
            return self.chunks

    def iter_numbers() -> Generator[int, None, None]:
        yield from range(3)

    session = Session()
    assert session.stream() is session.chunks
    assert [next(session.stream()), next(session.stream()), next(session.stream())] == [0, 1, 2]
    assert len(seen.spans()) == 4
