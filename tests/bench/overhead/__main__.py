"""Cost of a record beside the call it watches, against writing OpenTelemetry by hand and against the peers.

Run by ``make bench-overhead``; ``QUICK=1`` measures less and forgives more. Whatever is compared takes turns within one
process, or in processes one after the other for what concerns a whole process; only ratios within a run count. Each
peer lives in an environment of its own under ``.venv-bench``, which is made once.

The exit code is 1 when a target is missed by more than noise allows.
"""

# ruff: noqa: T201 - a script: printing what it measured is its purpose

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bench.overhead.environments import ENVIRONMENTS
from bench.overhead.parts import Effort
from bench.overhead.sections import SECTIONS
from bench.overhead.verdicts import MARGIN, QUICK_MARGIN, table

if TYPE_CHECKING:
    from bench.overhead.verdicts import Target

FULL = Effort(rounds=200, hot_rounds=60, repeats=3, stock_modes=5, stock_burst=50_000)
QUICK = Effort(rounds=40, hot_rounds=16, repeats=1, stock_modes=1, stock_burst=5_000)


def machine() -> str:
    """Return what this was measured on."""
    lines = _read("/proc/cpuinfo").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    load = _read("/proc/loadavg").split(" ")[0] or "unknown"
    packages = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "wrapt", "protobuf", "requests")
    return (
        f"{model}, {os.cpu_count()} cores, load {load}; {platform.system()} {platform.release()};"
        f" {platform.python_implementation()} {platform.python_version()}\n"
        + ", ".join(f"{name} {version(name)}" for name in packages)
        + "\n"
        + "\n".join(f"{name}: {', '.join(pins)}" for name, pins in ENVIRONMENTS.items())
    )


def _read(path: str) -> str:
    file = Path(path)
    return file.read_text() if file.exists() else ""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure less, forgive more")
    parser.add_argument("--only", nargs="*", choices=list(SECTIONS), help="some sections instead of all")
    arguments = parser.parse_args()
    effort, margin = (QUICK, QUICK_MARGIN) if arguments.quick else (FULL, MARGIN)
    print(machine(), flush=True)
    targets: list[Target] = []
    for name in arguments.only or SECTIONS:
        title, section = SECTIONS[name]
        print(f"\n{name}: {title}", flush=True)
        started = time.monotonic()
        targets += section(effort)
        print(f"   ({time.monotonic() - started:.0f} s)", flush=True)
    print()
    print("\n".join(table(targets, margin)))
    missed = [target for target in targets if target.is_missed(margin)]
    print(f"\nnoise: a miss counts when its interval begins more than {margin:.0%} above the limit")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
