"""What a piece of work in this process takes: processor time of every thread, wall time, the most memory held."""

from __future__ import annotations

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Usage", "apart", "say"]

_STATUS = Path("/proc/self/status")
_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass
class Usage:
    """Measures what happens inside its ``with``.

    Attributes:
        cpu_seconds: Processor time of all threads of this process, the engine's with them.
        wall_seconds: Time that passed.
        peak_bytes: The most memory this process held meanwhile; 0 where the machine does not say.
    """

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_bytes: int = 0

    def __enter__(self) -> Self:
        """Begin."""
        _forget_peak()
        self._began = (time.process_time(), time.perf_counter())
        return self

    def __exit__(self, *raised: object) -> None:
        """End."""
        self.cpu_seconds = time.process_time() - self._began[0]
        self.wall_seconds = time.perf_counter() - self._began[1]
        self.peak_bytes = _peak()


def apart(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run a function in a fresh process of its own: an engine of its own, and nobody else's processor time."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args, **kwargs).result()


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # another system: the peak is then that of the whole process
        return


def _peak() -> int:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
