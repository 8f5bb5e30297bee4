"""Measures the records in the calling thread, hot, by hand and ours taking turns in one process; writes JSON.

Hot means that nothing else runs between two operations: the caches hold everything, for both sides. Around a real call
they do not; that is what `around_openai` measures.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

import modeltally
from bench.overhead import ours
from bench.overhead.by_hand import ByHand
from bench.overhead.jobs import make_jobs
from bench.overhead.measure import cpu_ns, percentiles, take_turns
from bench.overhead.sdk import CountingExporter, make_providers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.overhead.jobs import Job

JOBS: Final = 997
# ours keys the digest of a prompt, so that a long one need not be held until then; by hand it is keyed at once
HASHES: Final = frozenset({"modeltally.prompt.hash", "modeltally.negative_prompt.hash", "user.hash"})


def attributes_of(operation: Callable[[Job], None], job: Job, exporter: CountingExporter) -> Mapping[str, object]:
    """Return the attributes that an operation leaves; a hash only as a text of its length."""
    operation(job)
    return {
        name: len(str(value)) if name in HASHES else value
        for name, value in dict((exporter.last and exporter.last.attributes) or {}).items()
    }


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--operations", type=int, default=400, help="per side and round")
    arguments = parser.parse_args()
    providers, exporter = make_providers(), CountingExporter()
    ours.configure(exporter)
    written = ByHand(providers.tracer, providers.meter)
    sides: dict[str, Callable[[Job], None]] = {
        "small, by hand": written.small,
        "small, context manager": ours.small,
        "small, decorator": ours.small_decorated,
        "image, by hand": written.image,
        "image, context manager": ours.image,
        "image, decorator": ours.image_decorated,
        "video, by hand": written.video,
        "video, context manager": ours.video,
    }
    jobs = make_jobs(JOBS)
    picked = [jobs[number % JOBS] for number in range(arguments.operations)]

    def flush() -> None:
        providers.flush()
        modeltally.flush()

    def flushed(operation: Callable[[Job], None]) -> Callable[[Job], None]:
        def call(job: Job) -> None:
            operation(job)
            flush()

        return call

    attributes = {}
    for name, operation in sides.items():
        sink = providers.exporter if name.endswith("by hand") else exporter
        attributes[name] = attributes_of(flushed(operation), jobs[0], sink)
    for record in ("image", "video"):
        of_hand, of_ours = attributes[f"{record}, by hand"], attributes[f"{record}, context manager"]
        if of_hand != of_ours:
            sys.exit(f"{record}: the sides differ in {sorted(set(of_hand.items()) ^ set(of_ours.items()))}")

    def turn(name: str) -> float:
        taken = cpu_ns(sides[name], picked)
        flush()
        return taken

    thread = take_turns({name: partial(turn, name) for name in sides}, rounds=arguments.rounds)
    wall: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(max(9, arguments.rounds // 4)):
        for name, operation in sides.items():
            wall[name].append(percentiles(operation, picked * 5))
            flush()
    json.dump(
        {
            "thread": thread,
            "wall": wall,
            "attributes": {name: len(seen) for name, seen in attributes.items()},
            "lost": modeltally.counters().lost,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
