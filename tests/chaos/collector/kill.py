"""The collector is killed with -9 while it is fed: ten times anywhere, and within a second of a restart."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from chaos.collector.parts import Stored, Verdict, bodies
from collector.feed import Feed
from collector.running import Collector, StubStore

if TYPE_CHECKING:
    from pathlib import Path

KILLS: Final = 10
# How many of them are followed by a second one: at a random moment of the first second, and aimed at the moment when
# the new process takes over what the old one had handed out.
SECOND_KILLS: Final = 3
AIMED_KILLS: Final = 3
SPANS_PER_BODY: Final = 1000
_TAKING_OVER: Final = b"Fetching items left for dispatch by consumers"
_AIM_SECONDS: Final = 10.0


@dataclass
class Aim:
    """Kills a collector in one of three ways.

    Attributes:
        collector: The victim.
        source: The random source.
        kills: How many times it was killed.
        taking_over: How many of these came while it took over what had been handed out.
    """

    collector: Collector
    source: random.Random
    kills: int = 0
    taking_over: int = 0

    def anywhere(self) -> None:
        """Kill it, and start it again."""
        self._kill()
        self.collector.start()

    def within_a_second(self) -> None:
        """Kill it twice, the second time within a second of the restart."""
        self._kill()
        self.collector.start(is_awaited=False)
        time.sleep(self.source.uniform(0.02, 0.98))
        self.anywhere()

    def at_the_takeover(self) -> None:
        """Kill it twice, the second time as soon as it says that it takes over what was handed out."""
        self._kill()
        written = self.collector.log.stat().st_size
        self.collector.start(is_awaited=False)
        deadline = time.monotonic() + _AIM_SECONDS
        while _TAKING_OVER not in (said := self.collector.log.read_bytes()[written:]) and time.monotonic() < deadline:
            if b"Everything is ready" in said:
                break  # there was nothing to take over
            time.sleep(0.001)
        self.taking_over += _TAKING_OVER in said
        time.sleep(self.source.choice([0.0, 0.005, 0.02]))
        self.anywhere()

    def _kill(self) -> None:
        self.collector.kill()
        self.kills += 1


def _run(root: Path, collector: Collector, store: StubStore, *, spans: int, seed: int) -> tuple[int, Aim, Stored, str]:
    """Feed a collector while killing it; gives what was acknowledged, how it was killed, what is stored, how fast."""
    source = random.Random(seed)
    ways = [Aim.within_a_second] * SECOND_KILLS + [Aim.at_the_takeover] * AIMED_KILLS
    ways += [Aim.anywhere] * (KILLS - len(ways))
    source.shuffle(ways)
    count = spans // SPANS_PER_BODY
    aim = Aim(collector, source)
    feed = Feed(collector.otlp_port, bodies(SPANS_PER_BODY), count=count)
    with store, collector:
        began = time.monotonic()
        feed.start()
        for number, kill in enumerate(ways):
            feed.wait_for(number * count // KILLS + source.randrange(max(1, count // KILLS)))
            kill(aim)
        is_sent = feed.join()
        is_drained = collector.wait_until_drained(timeout_seconds=300)
        rate = spans / (time.monotonic() - began)
        usage = collector.usage()
    note = f"{rate:,.0f} spans/s end to end, last process {usage.peak_bytes / 2**20:.0f} MiB at its peak"
    if not is_sent or not is_drained:
        note += f", NOT DRAINED (the log: {collector.log.read_text()[-500:]})"
    return feed.acknowledged * SPANS_PER_BODY, aim, Stored.read(root / "data"), note


def durable(root: Path, *, spans: int, seed: int) -> Verdict:
    """The collector as it is shipped must lose nothing, and no view may count twice.

    Args:
        root: An empty directory.
        spans: How many to send.
        seed: Chooses when it is killed.
    """
    store = StubStore(root / "data")
    collector = Collector(root / "collector", store.dsn)
    sent, aim, found, note = _run(root, collector, store, spans=spans, seed=seed)
    is_right = found.says_exactly(sent) and sent == spans // SPANS_PER_BODY * SPANS_PER_BODY
    text = f"{aim.kills} kills, {aim.taking_over} of them at a take-over; {found.text(sent)}; {note}"
    return Verdict(is_right, text)


def memory_control(root: Path, *, spans: int, seed: int) -> Verdict:
    """The same with a queue in memory must lose, or the kills prove nothing.

    Args:
        root: An empty directory.
        spans: How many to send.
        seed: Chooses when it is killed.
    """
    overlay = root / "memory.yaml"
    overlay.write_text(yaml.safe_dump({"exporters": {"clickhouse": {"sending_queue": {"storage": None}}}}))
    store = StubStore(root / "data")
    collector = Collector(root / "collector", store.dsn, ["collector.yaml", overlay])
    sent, aim, found, note = _run(root, collector, store, spans=spans, seed=seed)
    return Verdict(found.spans < sent, f"{aim.kills} kills, queue in memory; {found.text(sent)}; {note}")
