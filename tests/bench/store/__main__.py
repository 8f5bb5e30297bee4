"""Measures the store at 2 and at 20 million events: ``make bench-store``, or with options of its own.

``PYTHONPATH=tests python -m bench.store --size 2M --only usage_by_model --rounds 7 --verify``

Stores are made once and kept (--cache). Whatever is measured runs in a process of its own with the engine in it, so
that processor time, of all threads, is the engine's; every figure is the median of rounds taken in turn. Limits are
printed beside them and fail nothing. The exit code is 1 only when an answer is wrong (--verify).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from bench.store.plain import verify
from bench.store.reads import VIEWS, measure_jobs, measure_views
from bench.store.report import Cost, Report, show
from bench.store.rollups import measure_rollups, open_hour, scatter
from bench.store.sizes import measure_sizes
from bench.store.stores import BEGIN, END, Shape, derived_store, rolled_store
from bench.store.usage import Usage, apart, say
from support.stores import copy_store

STATES = ("clean", "open", "scattered")
PARTS = ("sizes", "rollups", "jobs")
DEFAULT_CACHE = Path(tempfile.gettempdir()) / "modeltally-bench"


def main() -> int:
    """Measure, print, and say whether every answer was right."""
    options = _options()
    reports: list[Report] = []
    wrong = 0
    for size in options.size:
        shape = Shape(size, seed=options.seed, models=options.models)
        _machine(shape, options.rounds)
        reports.append(Report(shape))
        wrong += _measure(shape, reports[-1], options)
    if len(reports) > 1:
        reports[-1].growth(reports[0])
    if options.json:
        options.json.write_text(json.dumps({report.shape.name: report.figures for report in reports}, indent=1) + "\n")
    return 1 if wrong else 0


def _measure(shape: Shape, report: Report, options: argparse.Namespace) -> int:
    """Measure on one store; returns how many answers were wrong."""
    rolled, usage = apart(rolled_store, options.cache, shape)
    chosen = options.only or [*VIEWS, *PARTS]
    views = [view for view in VIEWS if view in chosen]
    wrong = 0
    with tempfile.TemporaryDirectory(dir=options.cache, prefix="scratch-") as name:
        scratch = Path(name)
        if "sizes" in chosen:
            report.sizes(apart(measure_sizes, copy_store(rolled, scratch / "sizes")))
        for state in options.states if views else ():
            directory = rolled if state == "clean" else _state(rolled, shape, state)
            say(f"reads, {state}")
            if options.verify:
                wrong += apart(verify, directory, state)
            report.reads(state, apart(measure_views, directory, views, options.rounds))
        if "jobs" in chosen:
            say("advice")
            report.reads("advice", apart(measure_jobs, copy_store(rolled, scratch / "jobs"), options.rounds))
        if "rollups" in chosen:
            report.rollups([*measure_rollups(rolled, scratch, shape, options.rounds), _whole(usage)])
    return wrong


def _state(rolled: Path, shape: Shape, state: str) -> Path:
    """Give a store with an open hour, or with dirty hours here and there; made once."""
    return apart(derived_store, rolled, shape, state, open_hour if state == "open" else scatter)


def _whole(usage: Usage) -> Cost:
    return Cost(
        "everything from nothing", 0, usage.cpu_seconds * 1000, usage.wall_seconds * 1000, peak_bytes=usage.peak_bytes
    )  # fmt: skip


def _machine(shape: Shape, rounds: int) -> None:
    cpu = next(
        (line.split(":")[1].strip() for line in _cpu_lines() if line.startswith("model name")), platform.processor()
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    show(f"{cpu}, {os.cpu_count()} cores, load {load}; {platform.platform()}, Python {platform.python_version()}")
    show(f"chdb-core {version('chdb-core')}, clickhouse-connect {version('clickhouse-connect')}")
    show(
        f"{shape.events:,} events of {(END - BEGIN).days} days, {shape.models} models, {shape.users:,} users,"
        f" seed {shape.seed}; medians of {rounds} rounds"
    )


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--size", type=_count, nargs="+", default=[2_000_000, 20_000_000], help="events in the store, such as 2M"
    )
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", action="append", choices=[*VIEWS, *PARTS], help="measure this; may be repeated")
    parser.add_argument(
        "--states", nargs="+", choices=STATES, default=STATES, help="what is dirty while views are read"
    )
    parser.add_argument("--verify", action="store_true", help="compare answers with a plain count of the events first")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where stores are kept between runs")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    return parser.parse_args()


def _count(text: str) -> int:
    units = {"": 1, "k": 1_000, "M": 1_000_000}
    found = re.fullmatch(r"([0-9]+)([kM]?)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of events; 2M and 20k are")
    return int(found[1]) * units[found[2]]


if __name__ == "__main__":
    sys.exit(main())
