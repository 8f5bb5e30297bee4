"""What people wait for who ask over HTTP: ``make bench-show``, or with options of its own.

``PYTHONPATH=tests python -m bench.show --size 2M --seconds 60``

A server on a copy of a store of so many events (made once and kept, as ``bench.store`` has it). One reader asks every
question of the catalogue in three windows once: what a server has to compute. Then ten readers ask one of them every
two seconds, with the cache as it is shipped; then they ask without a pause. Printed: waits of all answers, of kept ones
and of those that were computed, answers a second, memory. Limits are printed beside the figures and fail nothing; an
answer that fails makes the exit code 1.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import psutil

from bench.store.__main__ import DEFAULT_CACHE, _count
from bench.store.report import show
from bench.store.soak import _server, _wait_for_server
from bench.store.stores import END, Shape, rolled_store
from bench.store.usage import apart
from modeltally.analytics.topics import TOPICS
from support.stores import copy_store

WINDOWS = ("1d", "7d", "30d")
NEEDED = {"attribute": {"name": "acme.team"}}
LIMIT_MS = 150.0


@dataclass
class Asked:
    """What readers saw.

    Attributes:
        kept: Seconds of each answer that was kept.
        computed: Seconds of each that was computed, by the topic.
        failures: What went wrong, in words.
    """

    kept: list[float] = field(default_factory=list)
    computed: list[tuple[float, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def waits(self) -> list[float]:
        """Seconds of every answer."""
        return [*self.kept, *(seconds for seconds, _ in self.computed)]


class Reader:
    """Asks over one connection."""

    def __init__(self, url: str, source: random.Random, asked: Asked) -> None:
        """Connect when it first asks."""
        where = urlsplit(url)
        self._connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=600)
        self._source = source
        self._asked = asked

    def ask(self, topic: str | None = None, window: str | None = None) -> None:
        """Ask one question, drawn where none is given, and note how long that took."""
        topic, window = topic or self._source.choice(list(TOPICS)), window or self._source.choice(WINDOWS)
        query = urlencode({"since": window, "as_of": END.isoformat(), **NEEDED.get(topic, {})})
        began = time.monotonic()
        try:
            self._connection.request("GET", f"/api/v1/topics/{topic}?{query}")
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._asked.failures.append(f"{topic}: {error!r}")
            self._connection.close()
            return
        seconds = time.monotonic() - began
        if response.status != 200:
            self._asked.failures.append(f"{topic} of {window}: {response.status} {content[:300]!r}")
        elif json.loads(content)["trust"]["answer_age_seconds"]:
            self._asked.kept.append(seconds)
        else:
            self._asked.computed.append((seconds, topic))


def main() -> int:
    """Serve, ask, print."""
    options = _options()
    if options.store is None:
        options.store, _ = apart(rolled_store, options.cache, Shape(options.size, seed=options.seed, models=500))
    failures: list[str] = []
    with tempfile.TemporaryDirectory(dir=options.cache, prefix="scratch-") as name:
        directory = copy_store(options.store, Path(name))
        options.roll_interval = 3600
        with _server(directory, options) as process:
            url = _wait_for_server(directory, process).address.http_url
            memory = psutil.Process(process.pid)
            show(
                f"{options.store}: {options.readers} readers; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f};"
                f" at rest {memory.memory_info().rss / 1e6:.0f} MB"
            )
            began = time.monotonic()
            asked = ask_each(url)
            show("\neach question once, by one reader")
            _print(asked, time.monotonic() - began)
            failures += asked.failures
            for title, pause in ((f"one question every {options.every:g} s", options.every), ("without a pause", 0.0)):
                began = time.monotonic()
                asked = run(url, options, pause)
                show(f"\n{title}, {options.seconds:g} s")
                _print(asked, time.monotonic() - began)
                show(f"  memory {memory.memory_info().rss / 1e6:.0f} MB")
                failures += asked.failures
    for failure in failures[:20]:
        show(f"FAILED: {failure}")
    return 1 if failures else 0


def ask_each(url: str) -> Asked:
    """Have one reader ask every question once."""
    asked = Asked()
    reader = Reader(url, random.Random(0), asked)
    for window in WINDOWS:
        for topic in TOPICS:
            reader.ask(topic, window)
    return asked


def run(url: str, options: argparse.Namespace, pause: float) -> Asked:
    """Have every reader ask for a time, with a pause after each answer or without."""
    asked, until = Asked(), time.monotonic() + options.seconds

    def read(number: int) -> None:
        source = random.Random(f"{options.seed} {number} {pause}")
        reader = Reader(url, source, asked)
        time.sleep(pause * number / options.readers)
        while time.monotonic() < until:
            due = time.monotonic() + pause
            reader.ask()
            time.sleep(max(0.0, due - time.monotonic()))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(options.readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return asked


def _print(asked: Asked, seconds: float) -> None:
    computed = [wait for wait, _ in asked.computed]
    show(f"  all       {_quantiles(asked.waits)}   (to be p95 <= {LIMIT_MS:g} ms)")
    show(f"  kept      {_quantiles(asked.kept)}")
    show(f"  computed  {_quantiles(computed)}")
    show(f"  {len(asked.waits) / seconds:.1f} answers a second")
    slowest = sorted(asked.computed, reverse=True)[:5]
    show("  slowest   " + ", ".join(f"{topic} {wait * 1000:.0f} ms" for wait, topic in slowest))


def _quantiles(waits: list[float]) -> str:
    if len(waits) < 2:
        return f"{len(waits)} answers"
    cuts = statistics.quantiles(waits, n=100)
    return (
        f"{len(waits):6} answers, ms: p50 {cuts[49] * 1000:.0f}, p95 {cuts[94] * 1000:.0f}, p99 {cuts[98] * 1000:.0f},"
        f" most {max(waits) * 1000:.0f}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=_count, default=20_000_000, help="events in the store, such as 2M")
    parser.add_argument("--store", type=Path, help="a data directory to copy, in place of one of that size")
    parser.add_argument("--readers", type=int, default=10)
    parser.add_argument("--every", type=float, default=2.0, help="seconds from one question of a reader to its next")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long each of the two runs takes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where stores are kept between runs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
