"""Ends a process that runs until it is told to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["stopped_by_signals"]


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
