"""How processes fork and end, in all the ways that Python and process managers know.

========================================  ====================================================================
how it ends                               what delivers
========================================  ====================================================================
normally, by an exception, ``sys.exit``   Python's own exit handlers
a child of multiprocessing or billiard    their finalizers: such a child skips Python's exit handlers
a child of celery's prefork pool          celery's signal ``worker_process_shutdown``: it skips all of the above
SIGTERM, where the host has no handler    a handler of ours, see ``sigterm``
SIGTERM in a server of uvicorn            its shutdown, see ``uvicorn``: afterwards it ends by the signal
========================================  ====================================================================
"""

from __future__ import annotations

import _thread
import atexit
import os
import sys
import types
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument._guard import guarded
from modeltally.instrument.process import sigterm

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.instrument.process.sigterm import Deliver

__all__ = ["at_end", "at_fork", "configured", "ended", "warm_resolver"]

LAST: Final = -1000  # multiprocessing runs the finalizers of a higher priority first
# whose children skip Python's exit handlers; billiard is celery's copy of multiprocessing, and may share its lists
FORKING: Final = ("multiprocessing", "billiard")


class _Ending:
    """What to do at the end; an object, because multiprocessing keeps its hooks by weak reference."""

    def __init__(self) -> None:
        self.deliver: Deliver | None = None
        self.interrupt_waits: Callable[[], object] | None = None
        self.import_background: Callable[[], object] | None = None
        self.hooked: set[int] = set()  # functions by which a module was told already

    def end(self, *_: object, **__: object) -> None:
        """Deliver and say goodbye; takes what various hooks pass."""
        if self.deliver is not None:
            self.deliver(is_end=True)


_ending = _Ending()


def at_end(*, deliver: Deliver, interrupt_waits: Callable[[], object], import_background: Callable[[], object]) -> None:
    """Deliver whenever the process ends in an orderly way.

    Args:
        deliver: What delivers.
        interrupt_waits: Has threads that wait for delivery stop waiting; it does not raise either.
        import_background: Imports what the background thread needs, where that should not wait for the thread.
    """
    _ending.deliver = deliver
    _ending.interrupt_waits = interrupt_waits
    _ending.import_background = import_background
    atexit.register(_ending.end)


def at_fork(*, before: Callable[[], object], in_parent: Callable[[], object], in_child: Callable[[], object]) -> None:
    """Register functions to run around each fork, where the system forks.

    Args:
        before: Runs in the parent, before it forks.
        in_parent: Runs in the parent afterwards.
        in_child: Runs in the child, before anything else of ours.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=in_parent, after_in_child=in_child)
        os.register_at_fork(before=before, after_in_child=sigterm.after_fork)


def configured(*, handle_sigterm: bool) -> None:
    """Prepare the end of this process, now that there is something to deliver.

    Args:
        handle_sigterm: Whether SIGTERM may be handled.
    """
    if handle_sigterm and _ending.deliver is not None and _ending.interrupt_waits is not None:
        sigterm.install(deliver=_ending.deliver, interrupt_waits=_ending.interrupt_waits)
    else:
        sigterm.uninstall()
    _arrange()


def ended() -> None:
    """Return the signal to the system: nothing will be recorded."""
    sigterm.uninstall()


@guarded(None)
def _arrange() -> None:
    for package in FORKING:
        process: Any = sys.modules.get(f"{package}.process")
        # a child that was not forked from here: its finalizers are its own
        if process is not None and getattr(process.current_process(), "_parent_pid", None) is not None:
            _finalize(_ending)
            break
    _hook_celery()
    if not isinstance(_thread.start_new_thread, types.BuiltinFunctionType):
        _import_background()  # our thread will be a greenlet: its imports would stop all of them at the first operation
        warm_resolver()
    if "uvicorn.server" in sys.modules and _ending.deliver is not None:
        from modeltally.instrument.process import uvicorn  # noqa: PLC0415 - only a server of uvicorn's needs it

        uvicorn.watch(_ending.deliver)


@guarded(None)
def warm_resolver() -> None:
    """Have gevent start the thread in which it resolves names: at the end of Python 3.12 none can be started."""
    socket: Any = sys.modules.get("socket")
    if socket is not None:
        socket.getaddrinfo("127.0.0.1", 0)


@guarded(None)
def _before_fork() -> None:
    """Prepare the end of the child about to be forked, whatever forks it."""
    for package in FORKING:
        util: Any = sys.modules.get(f"{package}.util")
        if util is not None and id(util.register_after_fork) not in _ending.hooked:
            _ending.hooked.add(id(util.register_after_fork))
            util.register_after_fork(_ending, _finalize)
    _hook_celery()
    if "billiard.pool" in sys.modules:
        _import_background()  # once for all children, of which there may be one for each task


def _import_background() -> None:
    if _ending.import_background is not None:
        _ending.import_background()


def _hook_celery() -> None:
    signals: Any = sys.modules.get("celery.signals")
    if signals is not None:
        # connected again it is still connected once
        signals.worker_process_shutdown.connect(_ending.end, weak=False, dispatch_uid="modeltally")


@guarded(None)
def _finalize(ending: _Ending) -> None:
    finalizers: set[int] = set()
    for package in FORKING:
        util: Any = sys.modules.get(f"{package}.util")
        if util is not None and id(util.Finalize) not in finalizers:
            finalizers.add(id(util.Finalize))
            util.Finalize(None, ending.end, exitpriority=LAST)
