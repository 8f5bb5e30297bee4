"""The queue reaches its limit, or its disk is full to the last byte."""

from __future__ import annotations

import contextlib
import subprocess
import time
from typing import TYPE_CHECKING, Final

from chaos.collector.parts import Stored, Verdict, bodies
from collector.feed import Feed
from collector.running import Collector, StubStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPANS_PER_BODY: Final = 500
RETRYABLE: Final = frozenset({429, 502, 503, 504})
LIMIT_BYTES: Final = 16 * 1024**2
_FILL_SECONDS: Final = 60.0
_QUIET_REFUSALS: Final = 40


@contextlib.contextmanager
def _small_disk(directory: Path) -> Iterator[None]:
    """Mount a disk of 32 MiB."""
    directory.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(directory)], check=True)  # noqa: S607
    try:
        yield
    finally:
        subprocess.run(["umount", str(directory)], check=True)  # noqa: S607


def _fill(feed: Feed) -> bool:
    """Send until nothing is taken any more; tells whether that came."""
    feed.start()
    deadline = time.monotonic() + _FILL_SECONDS
    while time.monotonic() < deadline:
        taken, refused = feed.acknowledged, sum(feed.refusals.values())
        time.sleep(1.0)
        if feed.acknowledged == taken and sum(feed.refusals.values()) >= refused + _QUIET_REFUSALS:
            return True
    return False


def _text(feed: Feed, found: Stored, refused: dict[int, int]) -> str:
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(refused.items()))
    return f"{answers} {feed.last_refusal.encode('ascii', 'ignore').decode().strip()!r}; " + found.text(
        feed.acknowledged * SPANS_PER_BODY
    )


def queue_full(root: Path) -> Verdict:
    """At the limit of the queue senders are told to come back; when the store is back, all of it is stored.

    Args:
        root: An empty directory.
    """
    store = StubStore(root / "data")
    collector = Collector(root / "collector", store.dsn, environment={"MODELTALLY_QUEUE_BYTES": str(LIMIT_BYTES)})
    feed = Feed(collector.otlp_port, bodies(SPANS_PER_BODY), count=400)
    with store, collector:
        store.stop()
        is_full = _fill(feed)
        refused, on_disk = dict(feed.refusals), collector.queue_bytes()
        store.start()
        is_healed = feed.join(timeout_seconds=120) and collector.wait_until_drained()
    found = Stored.read(root / "data")
    is_right = is_full and is_healed and refused.keys() <= RETRYABLE and on_disk <= 2.5 * LIMIT_BYTES
    is_right = is_right and found.says_exactly(400 * SPANS_PER_BODY)
    return Verdict(
        is_right,
        f"limit {LIMIT_BYTES / 2**20:.0f} MiB, {on_disk / 2**20:.0f} MiB on disk; " + _text(feed, found, refused),
    )


def disk_full(root: Path) -> Verdict:
    """On a full disk senders are told to come back, nothing is lost, a restart comes up, and room is all it takes.

    Args:
        root: An empty directory.
    """
    store = StubStore(root / "data")
    collector = Collector(root / "collector", store.dsn)
    feed = Feed(collector.otlp_port, bodies(SPANS_PER_BODY), count=400)
    with _small_disk(collector.queue), store, collector:
        store.stop()
        is_full = _fill(feed)
        refused = dict(feed.refusals)
        is_alive = collector.process is not None and collector.process.poll() is None
        before = feed.acknowledged
        collector.kill()
        collector.start()
        store.start()
        time.sleep(5.0)
        stuck = feed.acknowledged
        subprocess.run(["mount", "-o", "remount,size=96m", str(collector.queue)], check=True)  # noqa: S607
        began = time.monotonic()
        is_taken = feed.join(timeout_seconds=120)
        healed = time.monotonic() - began
        # what was sent on the full disk and could not be deleted there is sent again by the next process
        collector.stop()
        collector.start()
        is_drained = collector.wait_until_drained()
    found = Stored.read(root / "data")
    is_right = is_full and is_alive and is_taken and is_drained and refused.keys() <= RETRYABLE
    is_right = is_right and found.says_exactly(400 * SPANS_PER_BODY)
    return Verdict(
        is_right,
        f"full after {before * SPANS_PER_BODY:,} spans, killed and restarted full,"
        f" {stuck - before} bodies taken while full,"
        f" level {healed:.0f} s after it had room; " + _text(feed, found, refused),
    )
