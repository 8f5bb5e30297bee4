"""Measures the way through the collector and the local receiver on the same spans, by turns in one run.

Run it with ``make bench-collector``, with ``--rounds 3`` for fewer. Both acknowledge what
is on disk. The engine and the schema are the same: behind the collector they are in the process that stands for a
ClickHouse server, in the local receiver they are in the one process. Each process's time on processors and its largest
memory are printed beside the spans a second.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cli.conftest import start_server, stop_server
from collector.feed import Bodies, Feed
from collector.running import BINARY, MISSING, Collector, Running, StubStore, Usage, usage_of
from modeltally.server.client import find_server
from support.stores import stored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SPANS_PER_BODY = 500
SETTLE_SECONDS = 600.0


@dataclass
class Way:
    """One way from a sender to the engine.

    Attributes:
        port: Where it takes OTLP.
        wait: Waits until everything acknowledged is stored; tells whether it is.
        usages: What each of its processes has used so far.
        acknowledged: Spans a second until acknowledged, by round.
        visible: Spans a second until stored, by round.
        before: What the processes had used before the first measured round.
    """

    port: int
    wait: Callable[[], bool]
    usages: Callable[[], Mapping[str, Usage]]
    acknowledged: list[float] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)
    before: Mapping[str, Usage] = field(default_factory=dict)

    def run(self, bodies: Bodies, *, first: int, count: int) -> None:
        """Send bodies and note how long they took."""
        feed = Feed(self.port, bodies, count=count, first=first)
        began = time.perf_counter()
        feed.start()
        if not feed.join(timeout_seconds=SETTLE_SECONDS):
            raise SystemExit(f"not everything was taken: {feed.refusals} {feed.last_refusal}")
        acknowledged = time.perf_counter() - began
        if not self.wait():
            raise SystemExit("not everything was stored")
        spans = count * bodies.spans_per_body
        self.acknowledged.append(spans / acknowledged)
        self.visible.append(spans / (time.perf_counter() - began))

    def lines(self, name: str, spans: int) -> list[str]:
        """Say how it did."""
        rates = statistics.median(self.acknowledged), statistics.median(self.visible)
        lines = [f"{name:16} {rates[0]:9,.0f} spans/s acknowledged {rates[1]:9,.0f} spans/s stored (medians)"]
        for process, usage in self.usages().items():
            seconds = usage.cpu_seconds - self.before[process].cpu_seconds
            peak = usage.peak_bytes / 2**20
            lines.append(
                f"  {process:14} {seconds:7.1f} s of processor, {seconds / spans * 1e6:5.1f} us a span, {peak:5.0f} MiB"
            )
        return lines


def _local_is_stored(directory: Path) -> bool:
    deadline = time.monotonic() + SETTLE_SECONDS
    server = find_server(directory)
    while server is not None and time.monotonic() < deadline:
        if not server.status()["spool"]["records"]:
            return True
        time.sleep(0.02)
    return False


def main() -> int:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bodies", type=int, default=300, help="bodies of 500 spans in a round")
    options = parser.parse_args()
    if not BINARY.is_file():
        parser.error(MISSING)
    bodies = Bodies(spans_per_body=SPANS_PER_BODY)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        variables = {"MODELTALLY_MIN_FREE_DISK_BYTES": "0", "MODELTALLY_CLICKHOUSE_PORT": "0"}
        local = start_server(root / "local", root, environment=variables)
        with StubStore(root / "data") as store, Collector(root / "collector", store.dsn) as collector:
            processes: dict[str, Running] = {"collector": collector, "engine": store}
            ways = {
                "collector": Way(
                    collector.otlp_port,
                    lambda: collector.wait_until_drained(timeout_seconds=SETTLE_SECONDS),
                    lambda: {process: running.usage() for process, running in processes.items()},
                ),
                "local receiver": Way(
                    int(local.otlp_url.rpartition(":")[2]),
                    lambda: _local_is_stored(local.directory),
                    lambda: {"all of it": usage_of(local.process.pid)},
                ),
            }
            for number in range(options.rounds + 1):
                for way in ways.values():
                    way.run(bodies, first=number * options.bodies, count=options.bodies)
                    if not number:  # the first round warms everything up
                        way.acknowledged.clear()
                        way.visible.clear()
                        way.before = way.usages()
            spans = options.rounds * options.bodies * SPANS_PER_BODY
            machine = f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
            size = f"{options.bodies * SPANS_PER_BODY:,} spans, {bodies.bytes_per_span:.0f} bytes each"
            report = [f"{machine}; {options.rounds} rounds of {size}"]
            for title, way in ways.items():
                report += way.lines(title, spans)
        stop_server(local)
        counts = [
            stored(directory, "SELECT uniqExact(TraceId, SpanId) AS spans FROM otel_traces")[0]["spans"]
            for directory in (store.directory, local.directory)
        ]
    sys.stdout.write("\n".join(report) + "\n")
    expected = (options.rounds + 1) * options.bodies * SPANS_PER_BODY
    if counts != [expected, expected]:
        sys.stdout.write(f"WRONG: {counts} spans are stored, {expected} were sent\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
