"""Blocks of code: who keeps, shares or leaves a watch in ways of its own, and what is current afterwards."""

from __future__ import annotations

import asyncio
import contextvars
import signal
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Final

import pytest

import modeltally
from modeltally.instrument._context import current

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from modeltally.testing import Captured

SHARED: Final = modeltally.model_request("m")


async def chunks(project: str) -> AsyncGenerator[int]:
    """Stream by a block inside a generator."""
    async with SHARED as operation:
        operation.set(project=project)
        yield 1
        await asyncio.sleep(0)
        yield 2


def outcomes(seen: Captured) -> dict[object, object]:
    """Return the outcome of each project's operation; None for a success."""
    return {one["modeltally.project"]: one["modeltally.outcome"] for one in seen.all()}


def test_each_stream_ends_its_own_operation_when_they_share_a_watch(seen: Captured) -> None:
    """One is closed by a task that knows neither, while the other goes on."""

    async def main() -> None:
        given_up = chunks("given up")
        await anext(given_up)

        async def read() -> list[int]:
            stream = chunks("read")
            first = await anext(stream)
            await asyncio.sleep(0.01)
            return [first, *[item async for item in stream]]

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        await asyncio.create_task(given_up.aclose(), context=contextvars.Context())
        assert await reading == [1, 2]

    asyncio.run(main())
    assert outcomes(seen) == {"given up": "cancelled", "read": "success"}


def test_nothing_belongs_to_a_block_that_was_left_elsewhere(seen: Captured) -> None:
    """A worker gives up a stream with a block in it; what it does afterwards has a trace of its own."""

    async def main() -> None:
        given_up = chunks("given up")
        await anext(given_up)
        await asyncio.create_task(given_up.aclose(), context=contextvars.Context())
        assert not modeltally.current_operation().is_running
        with modeltally.model_request("m", project="next"):
            assert modeltally.inject({})  # says nothing of the former

    asyncio.run(main())
    former, following = seen.spans()
    assert former.context is not None
    assert following.context is not None
    assert following.parent is None
    assert following.context.trace_id != former.context.trace_id


def test_blocks_of_one_watch_nest_when_left_in_another_order(seen: Captured) -> None:
    """Entered by hand, the current one is left first; each ends once."""
    first = SHARED.__enter__()
    second = SHARED.__enter__()
    assert current() is second
    SHARED.__exit__(None, None, None)
    assert current() is first
    SHARED.__exit__(ValueError, ValueError(), None)
    assert current() is None
    SHARED.__exit__(None, None, None)  # once too often
    assert [one["modeltally.outcome"] for one in seen.all()] == ["success", "error"]
    assert [one.get("modeltally.nested") for one in seen.all()] == [True, None]


def test_looking_at_an_exit_leaves_nothing(seen: Captured) -> None:
    """Frameworks ask whether an object is a context manager, before and inside of its block."""
    assert hasattr(SHARED, "__exit__")
    SHARED.__enter__()
    assert hasattr(SHARED, "__exit__")
    assert hasattr(type(SHARED), "__aexit__")
    assert modeltally.current_operation().is_running
    leave = SHARED.__exit__
    leave(None, None, None)
    assert len(seen.all()) == 1


def test_stacks_leave_what_they_entered(seen: Captured) -> None:
    """A stack of blocks asks the class of each, and what is raised in it goes on."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(SHARED)
            with ExitStack() as inner:
                inner.enter_context(SHARED)
                inner.enter_context(modeltally.extract({}, attempt=2))
                raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(main())
    assert [(one["modeltally.outcome"], one.get("modeltally.nested")) for one in seen.all()] == [
        ("error", True),
        ("error", None),
    ]


@pytest.fixture
def _raising() -> Iterator[None]:
    """Raise where SIGUSR1 comes."""

    def handler(*_: object) -> None:
        raise TimeoutError

    former = signal.signal(signal.SIGUSR1, handler)
    yield
    signal.signal(signal.SIGUSR1, former)


@pytest.mark.usefixtures("_raising")
def test_a_kept_block_is_left_although_the_exception_is_kept(seen: Captured) -> None:
    """A time limit ends the block, and the host keeps the error, as a future does: the next request counts."""
    with pytest.raises(TimeoutError) as kept, SHARED:
        signal.raise_signal(signal.SIGUSR1)
    assert current() is None
    with SHARED:
        pass
    assert kept.value is not None
    assert [(one["modeltally.outcome"], one.get("modeltally.nested")) for one in seen.all()] == [
        ("error", None),
        ("success", None),
    ]


def test_a_watch_is_shared_by_blocks_and_calls(seen: Captured) -> None:
    """A block inside a call inside a block, all of one watch: nested, and nothing is current afterwards."""

    @SHARED
    async def call() -> AsyncIterator[int]:
        async with SHARED:
            yield 1

    async def main() -> list[int]:
        async with SHARED:
            return [item async for item in call()]

    assert asyncio.run(main()) == [1]
    assert [one.get("modeltally.nested") for one in seen.all()] == [True, True, None]
    assert current() is None
