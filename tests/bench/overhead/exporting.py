"""A side with its real exporter: ours, the stock SDK, or none at all; and what is measured of its whole process.

Runs as a process of its own for each figure and writes JSON: `cpu`, what the whole process spends on an operation;
`failing`, what the calling thread and the exit notice of a collector; `burst`, what a burst loses and takes in memory.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from bench.overhead.jobs import Job, make_jobs, renewed
from bench.overhead.measure import percentiles

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP: Final = 200
QUEUE: Final = 65_536  # ours by default; the stock queue of 2,048 would lose spans, and a lost span costs nothing
CHUNK: Final = 200  # operations between two sleeps of a paced load
METRICS_SECONDS: Final = 5.0


class Side(Protocol):
    """A way to write operations and to have them sent."""

    def operation(self, record: str) -> Callable[[Job], None]:
        """Return what writes a record, `small` or `image`."""

    def flush(self) -> None:
        """Wait until everything so far was sent."""

    def shutdown(self) -> None:
        """Send everything and end."""


class Off:
    """No telemetry: what a process costs without any."""

    def operation(self, record: str) -> Callable[[Job], None]:
        """Do nothing."""
        del record
        return lambda _: None

    def flush(self) -> None:
        """Do nothing."""

    def shutdown(self) -> None:
        """Do nothing."""


def paced(operation: Callable[[Job], None], jobs: list[Job], count: int, *, per_second: float, chunk: int) -> None:
    """Do operations at a steady rate, some at once between two sleeps."""
    started = time.monotonic()
    for first in range(0, count, chunk):
        for number in range(first, min(first + chunk, count)):
            operation(jobs[number % len(jobs)])
        time.sleep(max(0.0, started + (first + chunk) / per_second - time.monotonic()))


def cpu(side: Side, record: str, count: int, per_second: float) -> dict[str, float]:
    """Measure the CPU of the whole process per operation, until everything arrived."""
    operation, jobs = side.operation(record), make_jobs(997)
    for job in jobs[:WARM_UP]:
        operation(job)
    side.flush()
    started = time.process_time_ns()
    paced(operation, jobs, count, per_second=per_second, chunk=CHUNK)
    side.flush()
    side.shutdown()
    return {"cpu_ns": (time.process_time_ns() - started) / count, "made": count + WARM_UP}


def failing(side: Side, seconds: float, per_second: float) -> dict[str, float]:
    """Measure single operations in the calling thread while the collector does what it does."""
    operation, jobs = side.operation("small"), make_jobs(997)
    for job in jobs[:WARM_UP]:
        operation(job)
    taken: list[int] = []

    def timed(job: Job) -> None:
        started = time.perf_counter_ns()
        operation(job)
        taken.append(time.perf_counter_ns() - started)

    paced(timed, jobs, int(seconds * per_second), per_second=per_second, chunk=10)
    taken.sort()
    # nothing between two operations, while the collector still does what it does
    hot_p50_ns, hot_p99_ns = percentiles(operation, jobs * 5)
    return {
        "p50_ns": taken[len(taken) // 2],
        "p99_ns": taken[len(taken) * 99 // 100],
        "hot_p99_to_p50": hot_p99_ns / hot_p50_ns,
    }


def burst(side: Side, count: int) -> dict[str, float]:
    """Do a burst in a tight loop, every job fresh from its request, and measure the memory it takes until delivered."""
    operation, jobs = side.operation("image"), make_jobs(997)
    for job in jobs[:WARM_UP]:
        operation(job)
    side.flush()
    gc.collect()
    before = _memory_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest mark so far
    started = time.perf_counter()
    for number in range(count):
        operation(renewed(jobs[number % len(jobs)], number))
    seconds = time.perf_counter() - started
    side.flush()
    highest = _memory_bytes("VmHWM") - before
    side.shutdown()
    return {"made": count + WARM_UP, "memory_bytes": highest, "seconds": seconds}


def _memory_bytes(name: str) -> int:
    """Read a figure of this process's memory: `VmRSS`, what is resident now, or `VmHWM`, the most so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"no {name} in /proc/self/status: memory can be measured on Linux only")


def main() -> None:
    """Measure one figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cpu", "failing", "burst"])
    parser.add_argument("side", choices=["ours", "stock", "off"])
    parser.add_argument("url")
    parser.add_argument("--record", default="small", choices=["small", "image"])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--per-second", type=float, default=2_000)
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    is_cpu = arguments.what == "cpu"
    metrics_seconds = METRICS_SECONDS if is_cpu else None
    side: Side
    if arguments.side == "ours":
        from bench.overhead.side_ours import Ours  # noqa: PLC0415 - each side's process has that side only

        side = Ours(arguments.url, metrics_seconds=metrics_seconds)
    elif arguments.side == "stock":
        from bench.overhead.side_stock import Stock  # noqa: PLC0415 - as above

        side = Stock(arguments.url, metrics_seconds=metrics_seconds, queue=QUEUE if is_cpu else None)
    else:
        side = Off()
    if is_cpu:
        figures = cpu(side, arguments.record, arguments.count, arguments.per_second)
    elif arguments.what == "failing":
        figures = failing(side, arguments.seconds, arguments.per_second)
    else:
        figures = burst(side, arguments.count)
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()  # what comes now is the exit


if __name__ == "__main__":
    main()
