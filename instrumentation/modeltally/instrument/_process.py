"""When a process forks and when it ends, in the several ways Python has for either."""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument._guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["at_exit", "at_fork", "configured"]

LAST: Final = -1000  # multiprocessing runs the finalizers of a higher priority first


class _Ending:
    """What to do at the end; an object, because multiprocessing keeps its hooks by weak reference."""

    def __init__(self) -> None:
        self.action: Callable[[], object] | None = None
        self.is_registered = False


_ending = _Ending()


def at_exit(action: Callable[[], object]) -> None:
    """Do something when the process ends in an orderly way.

    Args:
        action: Must not raise and not take long.
    """
    _ending.action = action
    atexit.register(action)


def at_fork(*, before: Callable[[], object], in_parent: Callable[[], object], in_child: Callable[[], object]) -> None:
    """Do something around each fork, where the system has forks.

    Args:
        before: Runs in the parent, before it forks.
        in_parent: Runs in the parent afterwards.
        in_child: Runs in the child, before anything else of ours.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=in_parent, after_in_child=in_child)
        os.register_at_fork(before=before)


@guarded(None)
def configured() -> None:
    """Arrange the end of a process that multiprocessing made: it skips Python's own exit handlers."""
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        _finalize(_ending)


@guarded(None)
def _before_fork() -> None:
    """Have multiprocessing, if the host uses it, arrange the end of the child it may be about to make."""
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and not _ending.is_registered:
        _ending.is_registered = True
        util.register_after_fork(_ending, _finalize)


@guarded(None)
def _finalize(ending: _Ending) -> None:
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and ending.action is not None:
        util.Finalize(None, ending.action, exitpriority=LAST)
