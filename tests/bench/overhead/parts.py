"""Runs the parts of the benchmark in processes of their own, and reads what they measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.overhead.environments import ROOT, search_path
from bench.overhead.measure import median

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TIMEOUT_SECONDS", "Effort", "command", "differences", "environment", "figures_of", "us"]

TIMEOUT_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: Of sides taking turns around the openai call.
        hot_rounds: Of sides taking turns in a tight loop.
        repeats: Of whole processes.
        stock_modes: With how many kinds of failing collector the stock SDK is watched; each takes up to half a minute.
        stock_burst: Operations of the stock SDK's burst.
    """

    rounds: int
    hot_rounds: int
    repeats: int
    stock_modes: int
    stock_burst: int


def figures_of(module: str, *arguments: str, python: Path | str = sys.executable) -> dict[str, Any]:
    """Run a part and return what it measured.

    Args:
        module: Its name in this folder.
        *arguments: Its arguments.
        python: The interpreter of another environment.
    """
    done = subprocess.run(
        command(module, *arguments, python=python),
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def command(module: str, *arguments: str, python: Path | str = sys.executable) -> list[str]:
    """Return the command that runs a part."""
    return [str(python), "-m", f"bench.overhead.{module}", *arguments]


def environment() -> dict[str, str]:
    """Return the variables of a part: none of the developer's settings of telemetry, no key file of theirs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "MODELTALLY_"))}
    return {
        **kept,
        "PYTHONPATH": search_path(),
        "MODELTALLY_DIR": str(Path(tempfile.gettempdir()) / "modeltally-bench-none"),
    }


def differences(side: Sequence[float], bare: Sequence[float]) -> list[float]:
    """Return what a side adds, round by round."""
    return [with_it - without for with_it, without in zip(side, bare, strict=True)]


def us(nanoseconds: Sequence[float]) -> float:
    """Return the median in microseconds."""
    return median(nanoseconds).middle / 1e3
