"""Threads of the server that nobody waits for: one that fails begins anew, and one that is gone says so."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Worker"]

_LOGGER: Final = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 1.0


class Worker:
    """A thread around a loop.

    Attributes:
        name: Names it in the log and in ``/status``.
        failures: How often its loop failed and began anew.
    """

    def __init__(self, run: Callable[[], None], *, name: str) -> None:
        """Take the loop; :meth:`start` sets it going.

        Args:
            run: Returns when there is no more to do. When it raises it is called again, after a pause.
            name: Names the thread.
        """
        self.name = name
        self.failures = 0
        self._run = run
        self._is_started = False
        self._has_ended = False
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"modeltally-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._is_started = True
        self._thread.start()

    def join(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the loop has returned, or a time; tells whether it has. A loop that fails is not begun anew."""
        self._leaving.set()
        if self._is_started:
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    @property
    def is_gone(self) -> bool:
        """Whether the thread ended before its loop did."""
        return self._is_started and not self._has_ended and not self._thread.is_alive()

    @property
    def problem(self) -> str | None:
        """That it is gone, in a sentence; None while it runs, and once it ended in order."""
        return f"the thread {self.name} of the server is gone: restart the server" if self.is_gone else None

    def _loop(self) -> None:
        while True:
            try:
                self._run()
            except Exception:
                self.failures += 1
                _LOGGER.exception("the thread %s failed and begins anew", self.name)
                if self._leaving.wait(PAUSE_SECONDS):
                    return
            else:
                self._has_ended = True
                return
