"""Questions to the store run in threads, so many at once; who leaves while waiting takes no thread any more."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
from anyio import to_thread
from starlette.requests import ClientDisconnect

from modeltally.show.api.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

__all__ = ["Work"]

T = TypeVar("T")
# Few of them compute at once: the others give what is kept, or wait for the same answer.
THREADS: Final = 32
WAITING: Final = 100


class Work:
    """Runs what waits for the store."""

    def __init__(self, *, threads: int = THREADS, waiting: int = WAITING) -> None:
        """Take the bounds.

        Args:
            threads: How many questions are asked at once.
            waiting: How many may wait for one of these threads; others are sent away.
        """
        self._limiter = anyio.CapacityLimiter(threads)
        self._most = waiting

    async def run(self, request: Request, function: Callable[[], T]) -> T:
        """Run a function in a thread.

        Args:
            request: Who waits for it; when that one leaves before it has begun it is not run.
            function: What to run.

        Returns:
            What it gives.

        Raises:
            ProblemError: Too many wait.
            ClientDisconnect: Nobody waits for it any more.
        """
        if self._limiter.statistics().tasks_waiting >= self._most:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too many questions wait already; try again",
                headers={"Retry-After": "1"},
            )
        given: list[T] = []
        failed: list[BaseException] = []

        async def leave() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(leave)
            try:
                given.append(await to_thread.run_sync(function, limiter=self._limiter))
            except Exception as error:  # noqa: BLE001 - it leaves the group as it came, not wrapped
                failed.append(error)
            group.cancel_scope.cancel()
        if failed:
            raise failed[0]
        if not given:
            raise ClientDisconnect
        return given[0]
