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

__all__ = ["stop_in_time", "stopped_by_signals"]

_LOGGER: Final = logging.getLogger(__name__)

# Longer than all that a stop waits for in order: queries, requests, a job, what is in the spool.
STOP_SECONDS: Final = 120.0
LEFT_BEHIND: Final = 1


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Take SIGTERM and Ctrl-C as a request to end in order; for the main thread.

    Yields:
        What is set once one of them came.
    """
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
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
