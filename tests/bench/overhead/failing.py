"""A collector that answers, refuses, hangs, is slow or resets: what the calling thread and the exit notice of it."""

# ruff: noqa: T201 - printing what was measured is the purpose

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bench.overhead.environments import ROOT
from bench.overhead.measure import Estimate, median, ratio
from bench.overhead.parts import command, environment, us
from bench.overhead.sink_process import MODES, Sink, refused_url
from bench.overhead.verdicts import Target

if TYPE_CHECKING:
    from concurrent.futures import Future

    from bench.overhead.parts import Effort

__all__ = ["failing_collector"]

ANSWERING, *BAD_MODES = MODES
ALL_MODES: Final = (ANSWERING, "refused", *BAD_MODES)


class Run(NamedTuple):
    """One process; its exit may not be over yet."""

    side: str
    mode: str
    figures: dict[str, Any]
    exit_seconds: Future[float]


class Runs:
    """Starts the processes one after the other and keeps what they measured."""

    def __init__(self) -> None:
        """Begin with none."""
        self._runs: list[Run] = []
        self._waiting = ThreadPoolExecutor(64)
        self._sinks = ExitStack()

    def start(self, side: str, mode: str) -> None:
        """Run a process until it has measured; its exit is waited for beside the next one, since it only waits."""
        url = refused_url() if mode == "refused" else self._sinks.enter_context(Sink(mode)).url
        process = subprocess.Popen(
            command("exporting", "failing", side, url),
            env=environment(),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        self._runs.append(Run(side, mode, json.loads(line), self._waiting.submit(_exit, process, time.perf_counter())))

    def close(self) -> None:
        """Wait for the exits, and end the receivers."""
        self._waiting.shutdown()
        self._sinks.close()

    def of(self, side: str, mode: str, figure: str) -> list[float]:
        """Return a figure of a side's runs."""
        return [run.figures[figure] for run in self._runs if (run.side, run.mode) == (side, mode)]

    def exits(self, side: str, mode: str) -> list[float]:
        """Return how long a side's runs took to exit."""
        return [run.exit_seconds.result() for run in self._runs if (run.side, run.mode) == (side, mode)]


def failing_collector(effort: Effort) -> list[Target]:
    """Measure the calling thread and the exit, ours and the stock SDK's."""
    runs = Runs()
    for repeat in range(effort.repeats):
        runs.start("off", ANSWERING)
        for mode in ALL_MODES:
            runs.start("ours", mode)
        for mode in ALL_MODES[: effort.stock_modes if repeat == 0 else 0]:
            runs.start("stock", mode)
    runs.close()
    base = median(runs.exits("off", ANSWERING)).middle
    print("   us of wall time in the calling thread while the collector fails, and extra seconds at the exit")
    print("   paced, ten between two sleeps: p50, p99; in a tight loop: hot p99/p50")
    print(f"   {'':20}{'p50':>8}{'p99':>8}{'hot p99/p50':>13}{'exit':>8}")
    for side, modes in (("ours", ALL_MODES), ("stock", ALL_MODES[: effort.stock_modes])):
        for mode in modes:
            p50, p99 = us(runs.of(side, mode, "p50_ns")), us(runs.of(side, mode, "p99_ns"))
            spread = median(runs.of(side, mode, "hot_p99_to_p50")).middle
            extra = median(runs.exits(side, mode)).middle - base
            print(f"   {side + ', ' + mode:20}{p50:8.1f}{p99:8.1f}{spread:13.1f}{extra:8.2f}")
    slowest = max((median([seconds - base for seconds in runs.exits("ours", mode)]) for mode in ALL_MODES), key=_middle)
    spread_of_worst = max((median(runs.of("ours", mode, "hot_p99_to_p50")) for mode in ALL_MODES[1:]), key=_middle)
    return [
        # "the same", as far as wall times can tell on a shared machine
        Target("collector failing, worst case: p50 / p50 when it answers", 1.25, _worst(runs, "p50_ns")),
        Target("collector failing, worst case: p99 / p99 when it answers", 1.5, _worst(runs, "p99_ns")),
        Target("collector failing, worst case: p99 / p50 in a tight loop", 6, spread_of_worst),
        Target("collector failing, worst case: extra time at the exit", 2.0, slowest, unit=" s"),
    ]


def _worst(runs: Runs, figure: str) -> Estimate:
    answering = runs.of("ours", ANSWERING, figure)
    return max((ratio(runs.of("ours", mode, figure), answering) for mode in ALL_MODES[1:]), key=_middle)


def _exit(process: subprocess.Popen[str], since: float) -> float:
    process.wait()  # without a timeout: with one it polls, 50 ms apart
    seconds = time.perf_counter() - since
    if process.stdout is not None:
        process.stdout.close()
    return seconds


def _middle(estimate: Estimate) -> float:
    return estimate.middle
