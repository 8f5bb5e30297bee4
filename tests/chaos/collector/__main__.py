"""Kills the collector, takes its store away, fills its disk, refuses its inserts, and counts what became of the spans.

``make chaos-collector N=1000000 SEED=1`` runs every part and
exits 1 when one is not as it must be. Clients send again whatever was not acknowledged; nothing acknowledged may be
missing afterwards, and no figure of a view may count a span twice, however often it is in the landing table.
``--only`` names the parts to run; filling a disk needs root, because it mounts a small one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.collector import disk, kill, store
from collector.running import BINARY, MISSING

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.collector.parts import Verdict


def _parts(options: argparse.Namespace) -> dict[str, Callable[[Path], Verdict]]:
    spans, seed = options.spans, options.seed
    few = min(spans, 100_000)
    return {
        "kill": lambda root: kill.durable(root, spans=spans, seed=seed),
        "kill-control": lambda root: kill.memory_control(root, spans=few, seed=seed),
        "store-down": lambda root: store.down(root, seconds=options.down_seconds),
        "too-large": store.too_large,
        "schema": store.wrong_schema,
        "queue-full": disk.queue_full,
        "disk-full": disk.disk_full,
    }


def main() -> int:
    """Run the parts and print what became of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=1_000_000, help="how many are sent while the collector is killed")
    parser.add_argument("--down-seconds", type=float, default=120.0, help="how long the store is away at 2,000 spans/s")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="the parts to run, instead of all")
    options = parser.parse_args()
    if not BINARY.is_file():
        parser.error(MISSING)
    is_as_it_must_be = True
    for name, run in _parts(options).items():
        if options.only and name not in options.only:
            continue
        if name == "disk-full" and os.geteuid() != 0:
            sys.stdout.write("disk-full: SKIPPED, it mounts a small disk: run as root\n")
            continue
        with tempfile.TemporaryDirectory() as directory:
            verdict = run(Path(directory))
        is_as_it_must_be = is_as_it_must_be and verdict.is_right
        sys.stdout.write(f"{name} (seed {options.seed}): {verdict.text}: {verdict.word}\n")
        sys.stdout.flush()
    return 0 if is_as_it_must_be else 1


if __name__ == "__main__":
    sys.exit(main())
