"""What a rollup costs: of nothing, of an hour, of an open hour that grew, of hours here and there."""

from __future__ import annotations

import datetime as dt
import shutil
import statistics
from typing import TYPE_CHECKING

from bench.store.report import Cost
from bench.store.stores import BEGIN, DAY_AFTER, END, add_events, open_directory
from bench.store.usage import Usage, apart, say
from support.stores import copy_store

if TYPE_CHECKING:
    from pathlib import Path

    from bench.store.stores import Shape
    from modeltally.store import EmbeddedStore

__all__ = ["OPEN_EVENTS", "SCATTERED_HOURS", "measure_rollups", "open_hour", "scatter"]

HOUR = dt.timedelta(hours=1)
SLICE = dt.timedelta(minutes=5)
LAST_HOUR = END - HOUR
QUIET_HOUR = BEGIN + dt.timedelta(days=45, hours=3)
QUIET_EVENTS = 6_000
OPEN_EVENTS = 1_000_000
SCATTERED_HOURS = 22
_OPEN_SEED = 1_001
_QUIET_SEED = 1_002
_LATE_SEED = 2_000


def open_hour(directory: Path, shape: Shape, *, events: int = OPEN_EVENTS) -> None:
    """Fill the last hour with a million events as they come, the last five minutes of them after the last rollup."""
    rolled_at = END - SLICE
    store = open_directory(directory, as_of=lambda: rolled_at)
    before = events * 11 // 12 + 1  # none of the rest begins before these minutes
    _fill(store, shape, count=before, total=events, first=0)
    store.run("roll", {})
    _fill(store, shape, count=events - before, total=events, first=before)
    store.close()


def scatter(directory: Path, shape: Shape) -> None:
    """Make one in a hundred hours of a rolled store dirty, over all days."""
    store = open_directory(directory)
    _add_late(store, shape, seed=_LATE_SEED, each=10)
    store.close()


def _add_late(store: EmbeddedStore, shape: Shape, *, seed: int, each: int = 1) -> None:
    """Have events come late, in one of a hundred hours."""
    for number in range(SCATTERED_HOURS):
        hour = BEGIN + (END - BEGIN) // SCATTERED_HOURS * number
        begin = hour.replace(minute=0, second=0, microsecond=0) + dt.timedelta(hours=5)
        add_events(store, shape, begin=begin, length=HOUR, count=each, seed=seed + number)


def measure_rollups(directory: Path, scratch: Path, shape: Shape, rounds: int) -> list[Cost]:
    """Measure every kind of rollup on copies of a rolled store, each in a process of its own."""
    costs = []
    for name in _KINDS:
        say(f"rollup, {name}")
        copy = copy_store(directory, scratch / name.replace(" ", "-"))
        costs.append(apart(_measure, copy, name, shape, rounds))
        shutil.rmtree(copy)
    return costs


def _measure(directory: Path, name: str, shape: Shape, rounds: int) -> Cost:
    now = LAST_HOUR + dt.timedelta(minutes=45) if name == ONE_MORE_MINUTE else DAY_AFTER
    store = open_directory(directory, as_of=lambda: now)
    _prepare(store, name, shape)
    seen: list[Usage] = []
    for number in range(rounds):
        seed = _LATE_SEED + 100 * (number + 1)
        if name == ONE_QUIET_HOUR:
            add_events(store, shape, begin=QUIET_HOUR, length=HOUR, count=1, seed=seed)
        elif name == ONE_FULL_HOUR:
            add_events(store, shape, begin=LAST_HOUR, length=HOUR, count=1, seed=seed)
        elif name == HOURS_HERE_AND_THERE:
            _add_late(store, shape, seed=seed)
        elif name == ONE_MORE_MINUTE:
            # minute 45 and those after it
            now = LAST_HOUR + dt.timedelta(minutes=46 + number)
            minute = OPEN_EVENTS // 60
            _fill(store, shape, count=minute, total=OPEN_EVENTS, first=minute * (45 + number))
        with Usage() as usage:
            store.run("roll", {})
        seen.append(usage)
    store.close()
    return Cost(
        name,
        0,
        statistics.median(usage.cpu_seconds for usage in seen) * 1000,
        statistics.median(usage.wall_seconds for usage in seen) * 1000,
        peak_bytes=max(usage.peak_bytes for usage in seen),
    )


def _prepare(store: EmbeddedStore, name: str, shape: Shape) -> None:
    if name == ONE_QUIET_HOUR:
        more = max(1, QUIET_EVENTS - shape.events // (90 * 24))
        add_events(store, shape, begin=QUIET_HOUR, length=HOUR, count=more, seed=_QUIET_SEED)
    elif name == ONE_FULL_HOUR:
        _fill(store, shape, count=OPEN_EVENTS, total=OPEN_EVENTS, first=0)
    elif name == ONE_MORE_MINUTE:
        _fill(store, shape, count=OPEN_EVENTS // 60 * 45, total=OPEN_EVENTS, first=0)
    if name in (ONE_QUIET_HOUR, ONE_FULL_HOUR, ONE_MORE_MINUTE):
        store.run("roll", {})


def _fill(store: EmbeddedStore, shape: Shape, *, count: int, total: int, first: int) -> None:
    add_events(
        store, shape, begin=LAST_HOUR, length=HOUR, count=count, of_total=total, first=first, seed=_OPEN_SEED
    )  # fmt: skip


NOTHING_DIRTY = "nothing dirty"
ONE_QUIET_HOUR = "one hour of 6 k"
ONE_FULL_HOUR = "one hour of 1 M"
ONE_MORE_MINUTE = "one more minute of an open hour of 1 M"
HOURS_HERE_AND_THERE = f"{SCATTERED_HOURS} hours here and there"
_KINDS = (NOTHING_DIRTY, ONE_QUIET_HOUR, ONE_FULL_HOUR, ONE_MORE_MINUTE, HOURS_HERE_AND_THERE)
