"""The store is away for a while, or refuses an insert for good."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from chaos.collector.parts import Stored, Verdict, bodies
from collector.feed import Bodies, Feed
from collector.running import Collector, StubStore
from modeltally.store import open_store, sql

if TYPE_CHECKING:
    from pathlib import Path

SPANS_PER_SECOND: Final = 2000
DRAIN_SECONDS: Final = 300.0
# below this nothing is given back: `rebound_needed_threshold_mib`
LEFT_BYTES: Final = 64 * 2**20
# What the queue may take on disk for what waits in it: its pages, and what a compaction has not given back yet.
LARGEST_SHARE: Final = 2.5
QUEUE_BYTES: Final = 2 * 1024**3
_RETRIES: Final = 3
_SHOWN_CHARACTERS: Final = 400
_WAIT_SECONDS: Final = 60.0
_ERROR: Final = re.compile(r'"error": "(.*?)", "interval"')


def down(root: Path, *, seconds: float) -> Verdict:
    """A store away for so long at 2,000 spans a second loses nothing, and is level again within five minutes.

    Args:
        root: An empty directory.
        seconds: How long it is away.
    """
    store = StubStore(root / "data")
    collector = Collector(root / "collector", store.dsn)
    made = Bodies(spans_per_body=500)  # spans of a usual size
    count = int(seconds * SPANS_PER_SECOND / made.spans_per_body)
    feed = Feed(collector.otlp_port, made, count=count, spans_per_second=SPANS_PER_SECOND)
    with store, collector:
        store.stop()
        feed.start()
        is_taken = feed.join(timeout_seconds=seconds * 2 + 60)
        largest, waiting = collector.queue_bytes(), collector.figures("otelcol_exporter_queue_size")
        usage = collector.usage()
        store.start()
        began = time.monotonic()
        is_drained = collector.wait_until_drained(timeout_seconds=DRAIN_SECONDS)
        drained = time.monotonic() - began
        # given back by a compaction, a few seconds after
        deadline = time.monotonic() + _WAIT_SECONDS
        while collector.queue_bytes() > LEFT_BYTES and time.monotonic() < deadline:
            time.sleep(0.2)
        left = collector.queue_bytes()
    sent = feed.acknowledged * made.spans_per_body
    found = Stored.read(root / "data")
    minutes = QUEUE_BYTES / (waiting / sent) / SPANS_PER_SECOND / 60
    is_bounded = largest <= waiting * LARGEST_SHARE + 32 * 2**20 and left <= LEFT_BYTES
    text = (
        f"{seconds:.0f} s away at {SPANS_PER_SECOND:,} spans/s; {found.text(sent)}; queue {waiting / 2**20:.0f} MiB of"
        f" spans in {largest / 2**20:.0f} MiB on disk, {left / 2**20:.0f} MiB afterwards,"
        f" 2 GiB would hold {minutes:.0f} min; drained in {drained:.0f} s;"
        f" refused {sum(feed.refusals.values())}; {usage.cpu_seconds:.1f} s of processor,"
        f" {usage.peak_bytes / 2**20:.0f} MiB of memory"
    )
    return Verdict(is_taken and is_drained and is_bounded and found.says_exactly(sent), text)


def _refused(collector: Collector) -> str:
    """Wait until an insert was refused a few times; gives what the operator reads."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        lines = [line for line in collector.log.read_text().splitlines() if "Will retry" in line]
        if len(lines) >= _RETRIES:
            said = _ERROR.search(lines[-1])
            return said[1][:_SHOWN_CHARACTERS] if said else lines[-1][:_SHOWN_CHARACTERS]
        time.sleep(0.1)
    return ""


def too_large(root: Path) -> Verdict:
    """A body larger than the server takes is kept and tried again; once the server takes it, nothing is missing.

    Args:
        root: An empty directory.
    """
    store = StubStore(root / "data", max_body_bytes=1_000_000)
    collector = Collector(root / "collector", store.dsn)
    feed = Feed(collector.otlp_port, bodies(), count=40)
    with store, collector:
        feed.start()
        feed.join(timeout_seconds=60)
        said = _refused(collector)
        held = collector.figures("otelcol_exporter_queue_size")
        store.stop()
        store.max_body_bytes = 2**40
        store.start()
        is_drained = collector.wait_until_drained()
    sent = feed.acknowledged * 1000
    found = Stored.read(root / "data")
    is_right = is_drained and held > 0 and "MEMORY_LIMIT_EXCEEDED" in said and found.says_exactly(sent)
    return Verdict(is_right, f"the log says {said!r}; held {held:,.0f} bytes until it fitted; {found.text(sent)}")


def wrong_schema(root: Path) -> Verdict:
    """A landing table without a column is named in the log; the spans wait until the column is back.

    Args:
        root: An empty directory.
    """
    store = StubStore(root / "data")
    collector = Collector(root / "collector", store.dsn)
    feed = Feed(collector.otlp_port, bodies(), count=40)
    with store, collector:
        store.stop()
        _alter(store, "ALTER TABLE otel_traces RENAME COLUMN Links.TraceState TO Links.State")
        store.start()
        feed.start()
        feed.join(timeout_seconds=60)
        said = _refused(collector)
        held = collector.figures("otelcol_exporter_queue_size")
        store.stop()
        _alter(store, "ALTER TABLE otel_traces RENAME COLUMN Links.State TO Links.TraceState")
        store.start()
        is_drained = collector.wait_until_drained()
    sent = feed.acknowledged * 1000
    found = Stored.read(root / "data")
    is_right = is_drained and held > 0 and "Links.TraceState" in said and found.says_exactly(sent)
    return Verdict(is_right, f"the log says {said!r}; held {held:,.0f} bytes until it was mended; {found.text(sent)}")


def _alter(store: StubStore, statement: str) -> None:
    opened = open_store(store.directory)
    try:
        opened.database.command(sql.Statement("alter", statement))
    finally:
        opened.close()
