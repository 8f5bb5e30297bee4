"""What looking at a cache of a thousand models costs, and taking one away, beside ``huggingface_hub``'s own scan.

Each model has two revisions of five files, of which four are shared by both. Run by ``make bench-manager``; everything
is in memory (``/dev/shm``, where there is one), so what is timed is the work and no disk.
"""

from __future__ import annotations

import hashlib
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import scan_cache_dir

from modeltally.availability.found import Places
from modeltally.availability.hub_cache import HubCache
from modeltally.availability.inventory import take_inventory
from modeltally.availability.removal import Advised, Remover
from modeltally.availability.told import items_of

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = 1000
FILES = 5
ROUNDS = 5


def fill(cache: Path) -> None:
    """Write the cache as the library does: files by their sums, and links to them by revision."""
    for number in range(MODELS):
        folder = cache / f"models--org--model-{number:04d}"
        for part in ("blobs", "refs", "snapshots"):
            (folder / part).mkdir(parents=True)
        for revision in range(2):
            commit = hashlib.sha1(f"{number} {revision}".encode()).hexdigest()  # noqa: S324 - as git does
            snapshot = folder / "snapshots" / commit
            snapshot.mkdir()
            for file in range(FILES):
                content = f"{number} {file} {revision if file == 0 else ''}".encode() * 50
                blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
                blob.write_bytes(content)
                (snapshot / f"file-{file}.bin").symlink_to(Path("..", "..", "blobs", blob.name))
        (folder / "refs" / "main").write_text(commit)


def timed(work: Callable[[], object]) -> float:
    """Say how many milliseconds something takes: the median of some rounds."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def main() -> None:
    """Time it, and print one line for each."""
    shared = Path("/dev/shm")  # noqa: S108 - where there is one
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as place:
        cache = Path(place) / "store" / "hub"
        cache.mkdir(parents=True)
        fill(cache)
        places = Places((HubCache(cache),))
        inventory = take_inventory(places)
        remover = Remover(lambda: take_inventory(places))
        rows = [
            ("hf cache scan (scan_cache_dir)", timed(lambda: scan_cache_dir(cache))),
            ("listing", timed(lambda: take_inventory(places))),
            ("telling of it", timed(lambda: list(items_of(inventory)))),
            ("removal, dry run", timed(lambda: remover.remove([Advised("org/model-0500")]))),
        ]
        took: dict[str, list[float]] = {"removal, applied": [], "undo": [], "removal and purge": []}
        for _ in range(ROUNDS):
            for name, work in (
                ("removal, applied", lambda: remover.remove([Advised("org/model-0500")], dry_run=False)),
                ("undo", lambda: remover.undo("org/model-0500")),
            ):
                began = time.perf_counter()
                work()
                took[name].append((time.perf_counter() - began) * 1000)
        for number in range(ROUNDS):
            began = time.perf_counter()
            remover.remove([Advised(f"org/model-{number:04d}")], dry_run=False)
            remover.purge([f"org/model-{number:04d}"])
            took["removal and purge"].append((time.perf_counter() - began) * 1000)
        rows += [(name, statistics.median(each)) for name, each in took.items()]
        models = len(take_inventory(places).entries)
        sys.stdout.write(f"{MODELS} models, {2 * FILES * MODELS} names, median of {ROUNDS} rounds; {models} left\n")
        for name, milliseconds in rows:
            sys.stdout.write(
                f"{name:32} {milliseconds:9.1f} ms  {milliseconds / rows[0][1]:6.2f} of the library's scan\n"
            )
        shutil.rmtree(cache, ignore_errors=True)


if __name__ == "__main__":
    main()
