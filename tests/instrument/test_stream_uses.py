"""What hosts do with streams and tasks: each ends as without us, and each operation has the outcome it should."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import modeltally

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from modeltally.testing import Captured

Decorate = Callable[[str], Callable[[Any], Any]]


def bare(_model: str) -> Callable[[Any], Any]:
    """Decorate with nothing, to compare with."""
    return lambda function: function


def numbers(decorate: Decorate) -> Any:
    """Return a decorated generator function."""

    @decorate("m")
    def count(last: int = 3) -> Iterator[int]:
        yield from range(last)

    return count


def tee(decorate: Decorate) -> Any:
    """Read one stream twice."""
    return [list(part) for part in itertools.tee(numbers(decorate)())]


def given_up(decorate: Decorate) -> Any:
    """Read a part of it, beside something shorter."""
    count = numbers(decorate)
    return list(zip([1], count(), strict=False)), list(itertools.islice(count(), 2))


def delegated(decorate: Decorate) -> Any:
    """Hand a decorated stream on in another one."""
    count = numbers(decorate)

    @decorate("m")
    def outer() -> Iterator[int]:
        yield from count()

    return list(outer())


def in_turn(decorate: Decorate) -> Any:
    """Step it in four threads, one after another."""
    stream, got = numbers(decorate)(4), []
    for _ in range(4):
        thread = threading.Thread(target=lambda: got.append(next(stream)))
        thread.start()
        thread.join()
    return got, list(stream)


def stepping_itself(decorate: Decorate) -> Any:
    """Step it from inside of it."""
    held: list[Any] = []

    @decorate("m")
    def count() -> Iterator[object]:
        try:
            next(held[0])
        except ValueError as error:
            yield str(error)

    held.append(count())
    return list(held[0])


def as_block(decorate: Decorate) -> Any:
    """Make a context manager of it, and raise in its block."""

    @contextlib.contextmanager
    @decorate("m")
    def block() -> Iterator[int]:
        yield 1

    seen = []
    for error in (StopIteration("x"), ValueError("v"), RuntimeError("r"), GeneratorExit(), KeyboardInterrupt()):
        try:
            with block():
                raise error  # noqa: TRY301 - the point
        except BaseException as raised:  # noqa: BLE001 - each kind there is
            seen.append((type(raised), raised is error, type(raised.__cause__)))
    return seen


def as_asynchronous_block(decorate: Decorate) -> Any:
    """Make an asynchronous one of it."""

    @contextlib.asynccontextmanager
    @decorate("m")
    async def block() -> AsyncIterator[int]:
        yield 1

    async def main(error: BaseException) -> Any:
        try:
            async with block():
                raise error  # noqa: TRY301 - the point
        except BaseException as raised:  # noqa: BLE001 - each kind there is
            return type(raised), raised is error

    return [asyncio.run(main(error)) for error in (StopAsyncIteration("x"), ValueError("v"), GeneratorExit())]


def future(decorate: Decorate) -> Any:
    """Return a future, which is no stream."""

    @decorate("m")
    def begin() -> Future[int]:
        made: Future[int] = Future()
        made.set_result(3)
        return made

    return begin().result(), type(begin())


def two_tasks(decorate: Decorate) -> Any:
    """Step an asynchronous stream by two tasks at once: the second is refused."""

    @decorate("m")
    async def count() -> AsyncIterator[int]:
        await asyncio.sleep(0)
        yield 1

    async def main() -> Any:
        stream = count()
        done = await asyncio.gather(anext(stream), anext(stream), return_exceptions=True)
        await stream.aclose()
        return [str(one) for one in done]

    return asyncio.run(main())


OUTCOMES: dict[Callable[[Decorate], Any], list[str]] = {
    tee: ["success"],
    given_up: ["cancelled", "cancelled"],
    delegated: ["success", "success"],
    in_turn: ["success"],
    stepping_itself: ["success"],
    as_block: ["error", "error", "error", "cancelled", "cancelled"],
    as_asynchronous_block: ["error", "error", "cancelled"],
    future: ["success", "success"],
    two_tasks: ["cancelled"],
}


@pytest.mark.parametrize(("use", "outcomes"), OUTCOMES.items(), ids=[use.__name__ for use in OUTCOMES])
def test_each_use_goes_as_without_us(seen: Captured, use: Callable[[Decorate], Any], outcomes: list[str]) -> None:
    """The host sees the same, and each operation ends once."""
    assert use(modeltally.model_request) == use(bare)
    assert [one["modeltally.outcome"] for one in seen.all()] == outcomes


def test_time_limits_and_groups_cancel(seen: Captured) -> None:
    """A limit around, a limit inside, a sibling that fails: cancelled, or success where the host makes that of it."""

    @modeltally.model_request("m")
    async def slow() -> None:
        await asyncio.sleep(60)

    @modeltally.model_request("m")
    async def limited() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
        except TimeoutError:
            return "partly"
        return "whole"

    @modeltally.model_request("m")
    async def failing() -> None:
        await asyncio.sleep(0)
        raise LookupError

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow(), 0.001)
        assert await limited() == "partly"
        with pytest.raises(ExceptionGroup):
            await together()

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(slow())
            group.create_task(failing())

    asyncio.run(main())
    assert [one["modeltally.outcome"] for one in seen.all()] == ["cancelled", "success", "error", "cancelled"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 brought eager tasks")
def test_eager_tasks_are_recorded(seen: Captured) -> None:
    """Their first step is taken where they are made."""

    @modeltally.model_request("m")
    async def answer() -> int:
        await asyncio.sleep(0)
        return 1

    async def main() -> list[int]:
        factory: Any = vars(asyncio)["eager_task_factory"]
        asyncio.get_running_loop().set_task_factory(factory)
        return list(await asyncio.gather(answer(), answer()))

    assert asyncio.run(main()) == [1, 1]
    assert [one.get("modeltally.nested") for one in seen.all()] == [None, None]


def test_only_threads_that_take_the_context_along_nest(seen: Captured) -> None:
    """A request in a thread of a pool is one of its own; in `asyncio.to_thread` it is part of its caller's."""

    def encode(where: str) -> None:
        with modeltally.model_request("m", project=where):
            pass

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with modeltally.model_request("m", project="outer"), ThreadPoolExecutor(1) as pool:
            await asyncio.to_thread(encode, "to_thread")
            await loop.run_in_executor(pool, encode, "run_in_executor")
            pool.submit(encode, "submit").result()

    asyncio.run(main())
    assert {one["modeltally.project"]: one.get("modeltally.nested") for one in seen.all()} == {
        "outer": None,
        "to_thread": True,
        "run_in_executor": None,
        "submit": None,
    }
