"""Functions of the host that are told what happens: none of them can break or hold up whoever tells."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Callbacks"]

_LOGGER: Final = logging.getLogger(__name__)
_MOST_WAITING: Final = 256
_ASYNC_SECONDS: Final = 30.0


class _Listener:
    """One function, and what it has not been told yet; a thread of its own calls it."""

    def __init__(self, function: Callable[..., Any], loop: asyncio.AbstractEventLoop | None) -> None:
        self.function = function
        self.dropped = 0
        self.failures = 0
        self._loop = loop
        self._waiting: deque[tuple[Any, ...]] = deque()
        self._changed = threading.Condition()
        self._is_over = False
        self._thread: threading.Thread | None = None

    def tell(self, given: tuple[Any, ...]) -> None:
        """Have it told; the oldest is dropped of what it does not take in time."""
        with self._changed:
            if self._is_over:
                return
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting.popleft()
                self.dropped += 1
                if self.dropped == 1:
                    _LOGGER.warning("%r is too slow: what it does not take in time is not told", self.function)
            self._waiting.append(given)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="modeltally-callback", daemon=True)
                self._thread.start()
            self._changed.notify()

    def end(self) -> None:
        """Tell it nothing more."""
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_over:
                    self._changed.wait()
                if not self._waiting:
                    return
                given = self._waiting.popleft()
            try:
                self._call(given)
            except BaseException:  # noqa: BLE001 - a function that asks the process to end is a function of the host
                self.failures += 1
                log = _LOGGER.exception if self.failures == 1 else _LOGGER.debug
                log("%r failed; it will be told what comes next", self.function)

    def _call(self, given: tuple[Any, ...]) -> None:
        found = self.function(*given)
        if not inspect.isawaitable(found):
            return

        async def wait() -> None:
            await found

        if self._loop is not None and self._loop.is_running():
            asyncio.run_coroutine_threadsafe(wait(), self._loop).result(_ASYNC_SECONDS)
        else:
            asyncio.run(asyncio.wait_for(wait(), _ASYNC_SECONDS))


class Callbacks:
    """The functions that are told of one kind of thing."""

    def __init__(self) -> None:
        """Begin with none."""
        self._listeners: list[_Listener] = []

    def add(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Have a function told; one that is awaited runs in the event loop that runs now.

        Args:
            function: Takes what is told; what it raises is logged.

        Returns:
            The function, so that this serves as a decorator.
        """
        try:
            loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        self._listeners = [*self._listeners, _Listener(function, loop)]
        return function

    def remove(self, function: Callable[..., Any]) -> None:
        """Have a function told nothing more."""
        for each in self._listeners:
            if each.function == function:
                each.end()
        self._listeners = [each for each in self._listeners if each.function != function]

    def tell(self, *given: Any) -> None:
        """Tell all of them; never waits, never raises."""
        for each in self._listeners:
            each.tell(given)

    def close(self) -> None:
        """Tell nobody anything more."""
        for each in self._listeners:
            each.end()
        self._listeners = []
