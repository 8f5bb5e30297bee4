"""What a piece of work takes in memory at most."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROCESS = Path("/proc/self")
_FORGET_THE_PEAK = "5"


class Memory:
    """How much more memory a process took than before, at its peak."""

    grown_mb = 0.0


@contextlib.contextmanager
def measured() -> Iterator[Memory]:
    """Measure what is done inside: the peak of this process above what it took at the beginning."""
    memory = Memory()
    (_PROCESS / "clear_refs").write_text(_FORGET_THE_PEAK)  # what was made before would hide what comes
    before = _megabytes("VmRSS")
    yield memory
    memory.grown_mb = _megabytes("VmHWM") - before


def _megabytes(name: str) -> float:
    for line in (_PROCESS / "status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)
