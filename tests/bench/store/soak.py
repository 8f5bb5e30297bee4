"""Ten minutes of steady traffic into a real server beside people who ask: ``make bench-soak``.

``PYTHONPATH=tests python -m bench.store.soak --minutes 10 --spans-per-second 2000 --readers 2``

Prints every rollup and whether it kept its interval, the server's memory over time, how fresh answers were, how long
readers waited, and what is lost: every acknowledged span must be in the last answer, once. Only a loss, an answer that
failed or one that shrank makes the exit code 1.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from bench.store.report import show
from bench.store.traffic import Traffic
from modeltally.analytics.readers import read
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.window import Window
from modeltally.server.client import RemoteStore, find_server
from modeltally.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = Path(sys.executable).parent / "modeltally"
FREE_PORTS = {f"MODELTALLY_{name}_PORT": "0" for name in ("OTLP", "OTLP_GRPC", "HTTP", "CLICKHOUSE")}
ASKED = ("overview", "models", "hours", "failures", "users", "operations", "latency", "completeness", "context")
START_SECONDS = 120
DRAIN_SECONDS = 300
PAUSE_SECONDS = 1.0
HOUR, DAY, MONTH = dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(days=30)
SHARES = {"p50": 0.5, "p99": 0.99, "most": 1.0}


@dataclass
class Watch:
    """What is seen of the server meanwhile.

    Attributes:
        rollups: Begin, seconds and error of each, in order.
        memory: Minutes since the start and bytes held, in order.
        ages: How old the newest operation in an answer was, in seconds.
        waits: How long an answer took, in seconds.
        failures: What went wrong, in words.
    """

    rollups: list[dict[str, Any]] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def main() -> int:
    """Start a server, send, ask, stop, count."""
    options = _options()
    watch = Watch()
    with tempfile.TemporaryDirectory(prefix="modeltally-soak-") as name, _server(Path(name), options) as process:
        store = _wait_for_server(Path(name), process)
        traffic = Traffic(store.address.otlp_url, options.spans_per_second, options.seed)
        stopping = threading.Event()
        threads = [threading.Thread(target=_look, args=(store, process.pid, watch, stopping))]
        threads += [
            threading.Thread(target=_ask, args=(store, random.Random(f"{options.seed} {number}"), watch, stopping))
            for number in range(options.readers)
        ]
        began = dt.datetime.now(dt.UTC)
        show(
            f"{options.minutes:g} minutes, {options.spans_per_second:,} spans/s, {options.readers} readers, a rollup"
            f" every {options.roll_interval:g} s; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        )
        traffic.start()
        for thread in threads:
            thread.start()
        stopping.wait(options.minutes * 60)
        traffic.stop()
        stopping.set()
        for thread in threads:
            thread.join()
        counted = _count(store, began, watch)
    _print(watch, traffic, counted, options)
    return 1 if watch.failures or traffic.failure or counted != traffic.acknowledged else 0


@contextlib.contextmanager
def _server(directory: Path, options: argparse.Namespace) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELTALLY_")}
    environment |= FREE_PORTS | {
        "MODELTALLY_DIR": str(directory),
        "MODELTALLY_ROLL_INTERVAL_SECONDS": str(options.roll_interval),
    }
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen([COMMAND, "up"], env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=DRAIN_SECONDS)


def _wait_for_server(directory: Path, process: subprocess.Popen[bytes]) -> RemoteStore:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if store := find_server(directory):
            return store
        time.sleep(0.1)
    raise SystemExit(f"the server did not start: {(directory / 'server.log').read_text()[-2000:]}")


def _look(store: RemoteStore, pid: int, watch: Watch, stopping: threading.Event) -> None:
    """Once a second: what rollups there were, how much memory the server holds, how fresh an answer is."""
    began, server = time.monotonic(), psutil.Process(pid)
    while not stopping.wait(1.0):
        try:
            watch.memory.append(((time.monotonic() - began) / 60, server.memory_info().rss))
            last = store.status()["last_roll"]
            if last and (not watch.rollups or watch.rollups[-1]["at"] != last["at"]):
                watch.rollups.append(last)
            overview = _read(store, "overview", HOUR)
            if overview:
                watch.ages.append((dt.datetime.now(dt.UTC) - overview[0]["last_used_at"]).total_seconds())
        except Exception as error:  # noqa: BLE001 - whatever fails is what is looked for
            watch.failures.append(f"looking: {error!r}"[:500])


def _ask(store: RemoteStore, source: random.Random, watch: Watch, stopping: threading.Event) -> None:
    """Ask one topic after the other, with a short pause for reading."""
    requests = 0
    while not stopping.wait(PAUSE_SECONDS):
        topic = source.choice(ASKED)
        began = time.monotonic()
        try:
            # a month of overviews reaches back before the start: none may count less than the one before
            rows = _read(store, topic, MONTH if topic == "overview" else source.choice((HOUR, DAY, MONTH)))
            watch.waits.append(time.monotonic() - began)
            if topic == "overview" and rows:
                requests = _no_less(requests, int(rows[0]["requests"]), watch)
        except Exception as error:  # noqa: BLE001 - whatever fails is what is looked for
            watch.failures.append(f"{topic}: {error!r}"[:500])


def _no_less(before: int, now: int, watch: Watch) -> int:
    """Note an answer that counts less than one before it."""
    if now < before:
        watch.failures.append(f"overview: {now} requests after {before}")
    return max(before, now)


def _read(store: RemoteStore, topic: str, back: dt.timedelta) -> list[dict[str, Any]]:
    now = dt.datetime.now(dt.UTC)
    return read(store, TOPICS[topic], Window(now - back, now + dt.timedelta(minutes=1), now), settings=Settings())


def _count(store: RemoteStore, began: dt.datetime, watch: Watch) -> int:
    """Count what is stored once everything is in, before the last rollup and after it."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while store.status()["spool"]["records"] and time.monotonic() < deadline:
        time.sleep(0.2)
    window = Window(began - dt.timedelta(minutes=1), dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1), began)
    counts = []
    for _ in range(2):
        rows = read(store, TOPICS["overview"], window, settings=Settings())
        counts.append(int(rows[0]["requests"]) if rows else 0)
        store.run("roll", {})
    if counts[0] != counts[1]:
        watch.failures.append(f"{counts[0]} requests before the last rollup, {counts[1]} after it")
    return counts[1]


def _print(watch: Watch, traffic: Traffic, counted: int, options: argparse.Namespace) -> None:
    show("\nrollups (begin, seconds, kept its interval)")
    for rollup in watch.rollups:
        kept = "kept" if rollup["seconds"] <= options.roll_interval and not rollup["error"] else "NOT KEPT"
        show(f"  {rollup['at'][11:19]} {rollup['seconds']:7.2f}  {kept} {rollup['error'] or ''}")
    show("\nmemory of the server, median of each minute, MB")
    minutes = sorted({int(minute) for minute, _ in watch.memory})
    for number in minutes:
        held = statistics.median(held for minute, held in watch.memory if int(minute) == number)
        show(f"  {number + 1:3} {held / 1e6:8.0f}")
    show(f"\nfreshness: newest operation in an answer, s: {_quantiles(watch.ages)}")
    show(f"readers: {len(watch.waits)} answers, s: {_quantiles(watch.waits)}")
    show(
        f"sent: {traffic.acknowledged:,} spans acknowledged, asked to wait {traffic.refused} times,"
        f" at most {traffic.behind_seconds:.1f} s behind {traffic.failure}"
    )
    show(f"stored: {counted:,} requests counted in the end, lost or doubled {counted - traffic.acknowledged:+,}")
    for failure in watch.failures[:20]:
        show(f"FAILED: {failure}")


def _quantiles(values: list[float]) -> str:
    ranked = sorted(values)
    if not ranked:
        return "none"
    picked = {name: ranked[min(len(ranked) - 1, int(len(ranked) * share))] for name, share in SHARES.items()}
    return ", ".join(f"{name} {value:.2f}" for name, value in picked.items())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--spans-per-second", type=int, default=2_000)
    parser.add_argument("--readers", type=int, default=2)
    parser.add_argument("--roll-interval", type=float, default=60, help="seconds between two rollups")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
