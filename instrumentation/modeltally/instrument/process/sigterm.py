"""SIGTERM, where the host leaves it to the system: deliver first, then end exactly as the system would have ended it.

Python runs a signal handler in the main thread between two bytecodes, wherever that thread happens to be. In the middle
of our own code it may hold a lock that the background thread needs, or an operation that is in none of the lists. So
the handler steps back and comes again when the main thread returns from our code, which takes microseconds; where the
main thread waits there for delivery, its wait is interrupted. Nothing is delivered while it is inside: after half a
second of that the process ends as it is.

As with every handler of Python's, a main thread that stays in one call of a C library runs it when that call returns,
and so does one that the signal meets in the instant before a long wait. ``configure(handle_sigterm=False)`` leaves
SIGTERM to the system.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import time
import types
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from modeltally.instrument._guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["install", "uninstall"]

END_SECONDS: Final = 2.0  # the longest that an end is delayed
STEP_BACK_SECONDS: Final = 0.5  # of these, for leaving our own code
GRACE_SECONDS: Final = 0.2
INIT_PID: Final = 1

PACKAGE: Final = __name__.rpartition(".process.")[0]
# Below functions of these modules the caller's code runs: the functions that we watch, samplers, servers. None of them
# holds a lock meanwhile, or an operation in none of the lists; below any other of ours that may be so.
OPEN: Final = ("wrap", "_handed", "_followed", "_stream", "_proxy", "sampling", "libraries", "process")


class Deliver(Protocol):
    """Delivers what is waiting, two seconds at most where no other time is given; it does not raise."""

    def __call__(self, *, is_end: bool, timeout_seconds: float = ...) -> object:
        """Deliver; where the process may live on, so that it goes on recording."""


class _Handling:
    """The state of the handler."""

    def __init__(self) -> None:
        self.deliver: Deliver | None = None
        self.interrupt_waits: Callable[[], object] | None = None
        self.since: float | None = None  # monotonic; when a signal came that the process has not ended by yet
        self.is_ending = False
        self.start_thread: Callable[..., object] = _thread.start_new_thread
        self.sleep: Callable[[float], object] = time.sleep


_handling = _Handling()


@guarded(None)
def install(*, deliver: Deliver, interrupt_waits: Callable[[], object]) -> None:
    """Handle SIGTERM from now on, if this is the main thread and nobody else does.

    Args:
        deliver: Delivers what is waiting; it does not raise.
        interrupt_waits: Has threads that wait for delivery stop waiting; it does not raise either.
    """
    # a signal that would end a process is ignored by the first one of a container: there is no end to deliver at
    if os.getpid() != INIT_PID and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        _handling.deliver, _handling.interrupt_waits = deliver, interrupt_waits
        _handling.start_thread, _handling.sleep = _native("_thread", "start_new_thread"), _native("time", "sleep")
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGTERM, _on_sigterm)


@guarded(None)
def uninstall() -> None:
    """Leave SIGTERM to the system again, unless somebody else has taken it meanwhile."""
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def after_fork() -> None:
    """Forget, in a forked child, what the parent was about to do."""
    if sys.getprofile() is _on_return:
        sys.setprofile(None)
    _handling.since = None


def _on_sigterm(signum: int, frame: FrameType | None) -> None:
    deliver, interrupt_waits = _handling.deliver, _handling.interrupt_waits
    if deliver is None or interrupt_waits is None:
        return
    is_inside = _is_ours(frame)
    if signal.getsignal(signum) is not _on_sigterm:
        # a handler that was installed later calls the one it found: whether and how the process ends is its decision
        if not is_inside:
            deliver(is_end=False)
        return
    if _handling.since is None:
        _handling.since = time.monotonic()
        _watch(_handling.since)
    if not is_inside:
        _end(deliver)
    elif time.monotonic() >= _handling.since + STEP_BACK_SECONDS:
        _end(None)
    else:
        interrupt_waits()
        if sys.getprofile() is None:
            sys.setprofile(_on_return)


def _on_return(frame: FrameType, event: str, _: object) -> None:
    """Profile the main thread: end the process when it returns from our code."""
    if event == "return" and _is_closed(frame.f_globals.get("__name__")) and not _is_ours(frame.f_back):
        _end(_handling.deliver)


def _end(deliver: Deliver | None) -> None:
    """End the process by the signal, after delivery if that is possible."""
    _handling.is_ending = True
    if sys.getprofile() is _on_return:
        sys.setprofile(None)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # from here on another one ends the process at once
    if deliver is not None and _is_in_event_loop():
        _thread.start_new_thread(_deliver_and_die, (deliver,))  # a greenlet
    else:
        _deliver_and_die(deliver)


def _deliver_and_die(deliver: Deliver | None) -> None:
    try:
        if deliver is not None and _handling.since is not None:
            deliver(is_end=True, timeout_seconds=max(0.0, _handling.since + END_SECONDS - time.monotonic()))
    finally:
        signal.raise_signal(signal.SIGTERM)


def _is_ours(frame: FrameType | None) -> bool:
    """Return whether the main thread was interrupted in our own code or in something it called."""
    while frame is not None:
        if _is_closed(frame.f_globals.get("__name__")):
            return True
        frame = frame.f_back
    return False


@cache
def _is_closed(module: str | None) -> bool:
    """Return whether a module is ours and runs no code of the caller."""
    package, _, name = (module or "").partition(f"{PACKAGE}.")
    return not package and bool(name) and name.partition(".")[0] not in OPEN


def _watch(since: float) -> None:
    """Make sure, from another thread, that the process ends whatever blocks the main thread."""

    def watch() -> None:
        for seconds in (STEP_BACK_SECONDS + GRACE_SECONDS / 2, END_SECONDS + GRACE_SECONDS):
            _handling.sleep(max(0.0, since + seconds - time.monotonic()))
            if _handling.is_ending and seconds < END_SECONDS:
                continue
            if _handling.is_ending or signal.getsignal(signal.SIGTERM) is _on_sigterm:
                os.kill(os.getpid(), signal.SIGTERM)  # wakes a main thread that a system call blocks, or ends it all

    try:
        _handling.start_thread(watch, ())
    except RuntimeError:  # no more threads; most probably none is needed
        return


def _native(module: str, name: str) -> Any:
    """Return a function as it is without gevent and eventlet: no greenlet runs while the main one is blocked."""
    gevent: Any = sys.modules.get("gevent.monkey")
    eventlet: Any = sys.modules.get("eventlet.patcher")
    found = getattr(sys.modules[module], name)
    if not isinstance(found, types.BuiltinFunctionType) and gevent is not None:
        found = gevent.get_original(module, name)
    if not isinstance(found, types.BuiltinFunctionType) and eventlet is not None:
        found = getattr(eventlet.original(module), name)
    return found


def _is_in_event_loop() -> bool:
    """Return whether the handler runs in the event loop of gevent or eventlet, where nothing may wait."""
    greenlet: Any = sys.modules.get("greenlet")
    gevent: Any = sys.modules.get("gevent.hub")
    eventlet: Any = sys.modules.get("eventlet.hubs")
    if greenlet is None:
        return False
    current = greenlet.getcurrent()
    if gevent is not None and current is gevent.get_hub():
        return True
    return eventlet is not None and current is eventlet.get_hub().greenlet
