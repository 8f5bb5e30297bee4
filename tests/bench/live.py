"""Traffic beside very many who watch: ``make bench-live``, or with options of its own.

``PYTHONPATH=tests python -m bench.live --minutes 5 --listeners 50 --slow 20 --readers 10``

A real server takes 2,000 spans a second, first alone, then beside listeners to its events, others that never read what
they asked for, and readers over HTTP. Printed: how long acknowledgements took in both runs, what listeners were told
and how soon, and what is lost. A loss, or an answer that failed, makes the exit code 1.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.show import Asked, Reader, _quantiles
from bench.store.report import show
from bench.store.soak import DRAIN_SECONDS, _server, _wait_for_server
from bench.store.traffic import Traffic
from modeltally.analytics.readers import read
from modeltally.analytics.topics.usage import OVERVIEW
from modeltally.analytics.window import Window
from modeltally.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.server.client import RemoteStore


@dataclass
class Told:
    """What listeners were told.

    Attributes:
        events: How many events, by kind.
        operations: How many operations the first listener was told of.
        closed: How many listeners' connections ended.
    """

    events: dict[str, int] = field(default_factory=dict)
    operations: int = 0
    closed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def main() -> int:
    """Run alone, then beside everybody, and compare."""
    options = _options()
    is_well = True
    for is_watched in (False, True):
        with tempfile.TemporaryDirectory(prefix="modeltally-live-") as name, _server(Path(name), options) as process:
            store = _wait_for_server(Path(name), process)
            is_well = _run(store, options, is_watched=is_watched) and is_well
    return 0 if is_well else 1


def _run(store: RemoteStore, options: argparse.Namespace, *, is_watched: bool) -> bool:
    url, stopping, told, asked = store.address.http_url, threading.Event(), Told(), Asked()
    traffic = Traffic(store.address.otlp_url, options.spans_per_second, options.seed)
    began = dt.datetime.now(dt.UTC)
    with contextlib.ExitStack() as cleanup:
        threads: list[threading.Thread] = []
        if is_watched:
            for _ in range(options.slow):
                cleanup.enter_context(_listening(url, receive_bytes=4096))
            for number in range(options.listeners):
                connection = cleanup.enter_context(_listening(url))
                threads.append(threading.Thread(target=_listen, args=(connection, told, stopping, number == 0)))
            for number in range(options.readers):
                reader = Reader(url, random.Random(f"{options.seed} {number}"), asked)
                threads.append(threading.Thread(target=_read, args=(reader, stopping)))
        for thread in threads:
            thread.start()
        traffic.start()
        stopping.wait(options.minutes * 60)
        traffic.stop()
        time.sleep(3.0 if is_watched else 0.0)  # what was stored last is told
        stopping.set()
        for thread in threads:
            thread.join()
    counted = _stored(store, began)
    lost = traffic.acknowledged - counted
    beside = f"beside {options.listeners} listeners, {options.slow} that do not read, {options.readers} readers"
    show(
        f"\n{options.minutes:g} minutes of {options.spans_per_second:,} spans/s, {beside if is_watched else 'alone'};"
        f" {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    show(f"  acknowledged {traffic.acknowledged:,}, stored {counted:,}, lost or doubled {lost:+,} {traffic.failure}")
    show(f"  acknowledgements, of 200 spans each: {_quantiles(traffic.waits)}; asked to wait {traffic.refused} times")
    if is_watched:
        show(f"  readers: {_quantiles(asked.waits)}")
        show(f"  listeners were told {told.events}; the first of {told.operations:,} operations; {told.closed} closed")
    for failure in asked.failures[:10]:
        show(f"FAILED: {failure}")
    return not (lost or asked.failures or traffic.failure)


def _stored(store: RemoteStore, began: dt.datetime) -> int:
    """Count what is stored once everything is in."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while store.status()["spool"]["records"] and time.monotonic() < deadline:
        time.sleep(0.2)
    minute = dt.timedelta(minutes=1)
    window = Window(began - minute, dt.datetime.now(dt.UTC) + minute, began)
    rows = read(store, OVERVIEW, window, settings=Settings())
    return rows[0]["requests"] if rows else 0


@contextlib.contextmanager
def _listening(url: str, *, receive_bytes: int = 0) -> Iterator[socket.socket]:
    where = urlsplit(url)
    with socket.socket() as connection:
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(1.0)
        connection.connect((where.hostname or "", where.port or 0))
        connection.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        yield connection


def _listen(connection: socket.socket, told: Told, stopping: threading.Event, is_first: bool) -> None:  # noqa: FBT001 - a thread's argument
    """Read events and count them."""
    rest = b""
    while not stopping.is_set():
        try:
            received = connection.recv(65536)
        except TimeoutError:
            continue
        if not received:
            with told.lock:
                told.closed += 1
            return
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line[6:])
            with told.lock:
                told.events[event["kind"]] = told.events.get(event["kind"], 0) + 1
                if is_first and event["kind"] == "operations":
                    told.operations += event["data"]["count"]


def _read(reader: Reader, stopping: threading.Event) -> None:
    while not stopping.wait(2.0):
        reader.ask()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5, help="how long each of the two runs takes")
    parser.add_argument("--spans-per-second", type=int, default=2_000)
    parser.add_argument("--listeners", type=int, default=50)
    parser.add_argument("--slow", type=int, default=20, help="listeners that never read")
    parser.add_argument("--readers", type=int, default=10)
    parser.add_argument("--roll-interval", type=float, default=60, help="seconds between two rollups")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
