"""Ends a process that runs until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["StopRequest", "stop_in_time", "stopped_by_signals"]

_LOGGER: Final = logging.getLogger(__name__)

# Longer than all that a stop waits for in order: queries, requests, a job, what is in the spool.
STOP_SECONDS: Final = 120.0
LEFT_BEHIND: Final = 1


class StopRequest:
    """Whether a signal asked the process to end.

    A handler may run between any two steps of the main thread, and between its own when a second signal comes. So it
    takes no lock that it could find held by itself, as that of an Event: it only opens one, which is a single step.
    """

    def __init__(self) -> None:
        self._is_asked = False
        self._bell = threading.Lock()
        self._bell.acquire()

    def ask(self) -> None:
        """Ask; as often as one likes, from wherever one is."""
        self._is_asked = True
        with contextlib.suppress(RuntimeError):  # it is open already
            self._bell.release()

    def wait(self, timeout_seconds: float) -> bool:
        """Wait until it is asked, or for so long; tells whether it was. For one thread."""
        if not self._is_asked:
            self._bell.acquire(timeout=timeout_seconds)
        return self._is_asked


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[StopRequest]:
    """Take SIGTERM and Ctrl-C as a request to end in order; for the main thread.

    Yields:
        What is asked once one of them came.
    """
    stop = StopRequest()
    before = {number: signal.signal(number, lambda *_: stop.ask()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_in_time(
    stop: Callable[[], None], *, is_clean: Callable[[], bool], timeout_seconds: float = STOP_SECONDS
) -> None:
    """Stop, and end the process if that takes too long, or leaves behind what would keep it from ending.

    What was acknowledged is on disk by then, and an engine that is not closed is as after a crash, which it survives.

    Args:
        stop: Stops in order.
        is_clean: Tells afterwards whether nothing is left.
        timeout_seconds: How long it may take.
    """
    watch = threading.Timer(timeout_seconds, _leave, args=(LEFT_BEHIND,))
    watch.daemon = True
    watch.start()
    stop()
    watch.cancel()
    if not is_clean():
        _leave(0)


def _leave(code: int) -> None:
    _LOGGER.warning("the process ends without waiting any longer; what was acknowledged is kept")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)
