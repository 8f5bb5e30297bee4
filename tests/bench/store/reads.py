"""What the views cost that the command line and the pages read, and the advice jobs."""

from __future__ import annotations

import datetime as dt
import random
import statistics
from typing import TYPE_CHECKING

from bench.store.report import Cost
from bench.store.stores import BEGIN, END, open_directory, statement
from bench.store.usage import Usage, say
from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.readers import read
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.window import Window
from modeltally.recommend.kinds import ADVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from modeltally.store import EmbeddedStore, Row

__all__ = ["VIEWS", "WINDOWS", "last_days", "measure_jobs", "measure_views", "read_view"]

# Every topic, and what every table prints below itself.
_TOPICS = {topic.view: topic for topic in TOPICS.values()}
VIEWS = tuple(_TOPICS)
# How many whole days are asked about.
WINDOWS = (1, 30)
_ATTRIBUTE = {"attribute": "acme.team"}
# Before anything began: what is left of a statement there is its analysis.
_LONG_AGO = BEGIN - dt.timedelta(days=3 * 365)
_EMPTY = Window(_LONG_AGO, _LONG_AGO + dt.timedelta(days=30), END)


def last_days(days: int) -> Window:
    """Give the last whole days of the store, so many."""
    return Window(END - dt.timedelta(days=days), END, END)


def read_view(store: EmbeddedStore, view: str, window: Window) -> list[Row]:
    """Ask a topic as the command line does."""
    topic = _TOPICS[view]
    given = {name: value for name, value in _ATTRIBUTE.items() if name in {one.parameter for one in topic.arguments}}
    arguments = arguments_of(topic, given, topics=TOPICS.values())
    return list(read(store, topic, window, settings=store.settings, arguments=arguments))


def measure_views(directory: Path, views: Sequence[str], rounds: int) -> list[Cost]:
    """Measure views on the last day and the last thirty, taken in turn; for a process of its own."""
    store = open_directory(directory)
    store.database.command(statement("stop_merges"))
    work: dict[tuple[str, int], Callable[[], int]] = {}
    for view in views:
        for days in WINDOWS:
            work[view, days] = _reading(store, view, last_days(days))
        work[view, 0] = _reading(store, view, _EMPTY)
    seen, rows = _in_turn(work, rounds)
    store.close()
    return [
        Cost(view, days, *_medians(seen[view, days]), analysis_ms=_medians(seen[view, 0])[0], rows=rows[view, days])
        for view in views
        for days in WINDOWS
    ]


def measure_jobs(directory: Path, rounds: int) -> list[Cost]:
    """Measure the advice jobs, which write; for a process of its own and a store that may be changed."""
    store = open_directory(directory)
    store.database.command(statement("stop_merges"))
    work = {(job, 0): _running(store, job, {"as_of": END}) for job in (advice.job for advice in ADVICE.values())}
    work["recommend_cleanup seed", 0] = _running(store, "recommend_cleanup", {"as_of": END, "policy": "seed"})
    seen, rows = _in_turn(work, rounds)
    store.close()
    return [Cost(name, days, *_medians(seen[name, days]), rows=rows[name, days]) for name, days in work]


def _reading(store: EmbeddedStore, view: str, window: Window) -> Callable[[], int]:
    return lambda: len(read_view(store, view, window))


def _running(store: EmbeddedStore, job: str, values: dict[str, object]) -> Callable[[], int]:
    return lambda: len(store.run(job, values))


def _in_turn(
    work: dict[tuple[str, int], Callable[[], int]], rounds: int
) -> tuple[dict[tuple[str, int], list[Usage]], dict[tuple[str, int], int]]:
    """Do each piece once to warm up, then all of them one after the other, each round in another order."""
    seen: dict[tuple[str, int], list[Usage]] = {key: [] for key in work}
    rows = {key: do() for key, do in work.items()}
    for number in range(rounds):
        for key in random.Random(number).sample(list(work), len(work)):
            with Usage() as usage:
                work[key]()
            seen[key].append(usage)
        say(f"  round {number + 1} of {rounds}")
    return seen, rows


def _medians(seen: list[Usage]) -> tuple[float, float]:
    return (
        statistics.median(usage.cpu_seconds for usage in seen) * 1000,
        statistics.median(usage.wall_seconds for usage in seen) * 1000,
    )
