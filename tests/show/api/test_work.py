"""Questions wait for the store in threads: so many at once, and not for who has left."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import ClientDisconnect, Request

from modeltally.show.api.problems import ProblemError
from modeltally.show.api.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable


def request(left: asyncio.Event | None = None) -> Request:
    """Make a request whose client leaves when the event says so."""

    async def receive() -> dict[str, Any]:
        await (left or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "GET", "path": "/", "headers": []}, receive)


class Held:
    """Runs until it is let go, and counts."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.running = self.most = self.ran = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Wait."""
        with self._lock:
            self.running += 1
            self.ran += 1
            self.most = max(self.most, self.running)
        self.free.wait(20)
        with self._lock:
            self.running -= 1
        return self.ran


async def until(is_so: Callable[[], bool]) -> None:
    """Let others run until something is so."""
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - a counter of threads
            await asyncio.sleep(0.005)


def test_no_more_run_at_once_than_there_are_threads() -> None:
    """Ten questions with two threads: two run, the others wait, all are answered."""

    async def ask() -> None:
        work, held = Work(threads=2), Held()
        asked = [asyncio.create_task(work.run(request(), held)) for _ in range(10)]
        await until(lambda: held.running == 2)
        await asyncio.sleep(0.05)
        held.free.set()
        await asyncio.gather(*asked)
        assert (held.most, held.ran) == (2, 10)

    asyncio.run(ask())


def test_question_of_who_left_is_not_asked() -> None:
    """Who leaves while waiting for a thread takes none; the one that runs ends in order."""

    async def ask() -> None:
        work, held, other, left = Work(threads=1), Held(), Held(), asyncio.Event()
        other.free.set()
        first = asyncio.create_task(work.run(request(), held))
        await until(lambda: held.running == 1)
        leaving = [asyncio.create_task(work.run(request(left), other)) for _ in range(5)]
        await asyncio.sleep(0.05)
        left.set()
        for task in leaving:
            with pytest.raises(ClientDisconnect):
                await task
        held.free.set()
        assert await first == 1
        assert other.ran == 0

    asyncio.run(ask())


def test_too_many_are_sent_away() -> None:
    """Beyond those that may wait the next is told to come again, and a place is free afterwards."""

    async def ask() -> None:
        work, held = Work(threads=1, waiting=2), Held()
        asked = [asyncio.create_task(work.run(request(), held)) for _ in range(3)]
        await until(lambda: held.running == 1)
        await asyncio.sleep(0.05)
        with pytest.raises(ProblemError) as refused:
            await work.run(request(), held)
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
        held.free.set()
        await asyncio.gather(*asked)
        assert await work.run(request(), held) == 4

    asyncio.run(ask())


def test_error_comes_as_it_was_raised() -> None:
    """What a question raises is raised, not wrapped in anything."""

    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        asyncio.run(Work().run(request(), fail))
