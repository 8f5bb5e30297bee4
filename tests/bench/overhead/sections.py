"""The sections of the benchmark: each measures in processes of its own, prints what it saw, and returns its targets."""

# ruff: noqa: T201 - printing what was measured is the purpose

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.overhead.environments import ENVIRONMENTS, Unavailable, python_of
from bench.overhead.failing import failing_collector
from bench.overhead.measure import Estimate, chained, exactly, median, ratio, undisturbed
from bench.overhead.parts import differences, figures_of, us
from bench.overhead.sink_process import Sink
from bench.overhead.verdicts import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.overhead.parts import Effort

__all__ = ["SECTIONS"]

OURS: Final = "modeltally"
MEGABYTE: Final = 1 << 20
# 40 ms where the SDK takes 61: on another machine both take longer
IMPORT_LIMIT: Final = 40 / 61
BURST: Final = 50_000


def around_openai(effort: Effort) -> list[Target]:
    """Measure us and the peers around one openai call."""
    print("   us of CPU added to one call by openai's client, answered in process; x: to the minimum by hand there;")
    print("   record: our small record in a tight loop, in the same process, and its part of what is added")
    print(
        f"   {'':16}{'sdk':9}{'attr.':>6}{'bare':>8}{'by hand':>9}{'adds':>8}{'x':>8}{'process':>10}{'x':>8}"
        f"{'record':>9}{'part':>8}"
    )
    ratios: dict[str, Estimate] = {}
    parts: dict[str, Estimate] = {}
    for name in ENVIRONMENTS:
        try:
            python = python_of(name)
        except Unavailable as error:
            print(f"   {name:16}not measured: {error}")
            continue
        # ours adds so little that it takes more rounds to see it beside the call
        rounds = effort.rounds * (2 if name == OURS else 1)
        figures = figures_of("around_openai", name, "--rounds", str(rounds), python=python)
        added = {
            clock: {side: differences(figures[clock][side], figures[clock]["bare"]) for side in ("by hand", "peer")}
            for clock in ("thread", "process")
        }
        ratios[name] = ratio(added["thread"]["peer"], added["thread"]["by hand"])
        parts[name] = ratio(figures["thread"]["record"], added["thread"]["peer"])
        process = ratio(added["process"]["peer"], added["process"]["by hand"])
        print(
            f"   {name:16}{figures['sdk']:9}{figures['attributes']:6}{us(figures['thread']['bare']):8.0f}"
            f"{us(added['thread']['by hand']):9.1f}{us(added['thread']['peer']):8.1f}{ratios[name].middle:8.2f}"
            f"{us(added['process']['peer']):10.1f}{process.middle:8.2f}"
            f"{us(figures['thread']['record']):9.1f}{parts[name].middle:8.3f}"
        )
    ours = ratios.pop(OURS, None)
    best = min(ratios, key=lambda name: ratios[name].middle, default=None)
    to_best = None if ours is None or best is None else chained(ours, ratios[best])
    # A real call leaves cold caches, in which each function entered costs a few hundred nanoseconds: a record of
    # ours takes three to four times there what it takes in a tight loop, and a tuple in a queue, and no more, five
    # microseconds. So both are held: the record itself, and what is added to the call.
    return [
        Target(f"small record / what the best peer adds to a call ({best})", 1 / 12, parts.get(best or "")),
        Target(f"around one openai call, thread: ours / best peer ({best})", 1 / 4, to_best, goal=1 / 12),
        Target("around one openai call, thread: ours / by hand", 1 / 3, ours, goal=1 / 4),
    ]


def in_call(effort: Effort) -> list[Target]:
    """Measure the records in a tight loop."""
    figures = figures_of("in_call", "--rounds", str(effort.hot_rounds))
    targets = []
    print("   us of CPU in the calling thread per record, nothing else between two; p50 and p99 of wall time")
    print(f"   {'':28}{'attr.':>6}{'us':>8}{'x':>8}{'p50':>8}{'p99':>8}{'p99/p50':>9}")
    for name, taken in figures["thread"].items():
        record, _, way = name.partition(", ")
        relation = ratio(taken, figures["thread"][f"{record}, by hand"])
        wall = figures["wall"][name]
        spread = median(undisturbed([high / low for low, high in wall]))
        print(
            f"   {name:28}{figures['attributes'][name]:6}{us(taken):8.1f}{relation.middle:8.3f}"
            f"{us(undisturbed([low for low, _ in wall])):8.1f}{us(undisturbed([high for _, high in wall])):8.1f}"
            f"{spread.middle:9.1f}"
        )
        if way != "by hand":
            limit = 1 / 4 if record == "small" else 1 / 5
            targets.append(Target(f"{record} record, {way}: ours / by hand", limit, relation))
            if record == "small":
                targets.append(Target(f"{record} record, {way}: p99 / p50", 6, spread))
    targets.append(Target("records lost in the loops above", 0, exactly(figures["lost"]), is_count=True))
    return targets


def whole_process(effort: Effort) -> list[Target]:
    """Measure whole processes, from the call to the other side of a socket."""
    print("   us of CPU of the whole process per operation, spans and metrics delivered to a receiver elsewhere")
    targets = []
    for record, count, per_second in (("small", 16_000, 4_000), ("image", 8_000, 2_000)):
        cpu: dict[str, list[float]] = {"ours": [], "stock": []}
        lost = dict.fromkeys(cpu, 0)
        arrived: dict[str, dict[str, int]] = {}
        for _ in range(effort.repeats):
            for side, taken in cpu.items():
                load = ("--record", record, "--count", str(count), "--per-second", str(per_second))
                with Sink() as sink:
                    figures = figures_of("exporting", "cpu", side, sink.url, *load)
                    arrived[side] = sink.arrived()
                taken.append(figures["cpu_ns"])
                lost[side] += figures["made"] - arrived[side]["spans"]
        relation = ratio(cpu["ours"], cpu["stock"])
        for side, taken in cpu.items():
            seen = arrived[side]
            print(
                f"   {record}, {side:6}{us(taken):8.1f} us; lost {lost[side]}; last run: {seen['spans']} spans and a"
                f" count of {seen['counted']} in {seen['requests']} requests of {seen['bytes'] / MEGABYTE:.1f} MiB"
            )
        what = f"whole process, {record} record"
        targets.append(Target(f"{what}: ours / stock exporter", 0.6, relation, goal=0.25))
        targets.append(Target(f"{what}: lost, ours and stock", 0, exactly(sum(lost.values())), is_count=True))
    return targets


def burst(effort: Effort) -> list[Target]:
    """Measure what a burst loses and takes."""
    print("   operations with 60 attributes in a tight loop, defaults on both sides")
    targets = []
    for side, count in (("ours", BURST), ("stock", effort.stock_burst)):
        with Sink() as sink:
            figures = figures_of("exporting", "burst", side, sink.url, "--count", str(count))
            lost = figures["made"] - sink.arrived()["spans"]
        megabytes = figures["memory_bytes"] / MEGABYTE
        print(
            f"   {side:6} lost {lost} of {count}, {megabytes:.1f} MiB more memory; the loop took"
            f" {figures['seconds'] / count * 1e6:.0f} us of wall time per operation"
        )
        if side == "ours":
            targets.append(Target("burst: lost", 0, exactly(lost), is_count=True))
            targets.append(Target("burst: added memory", 64, exactly(megabytes), unit=" MiB"))
    return targets


def imports(effort: Effort) -> list[Target]:
    """Measure the import."""
    figures = figures_of("imports", "--rounds", str(5 * effort.repeats))
    milliseconds = {name: median(figures[name]).middle * 1e3 for name in ("sdk", "ours", "alone")}
    print(
        f"   ms: the SDK {milliseconds['sdk']:.1f}; ours beyond it {milliseconds['ours']:.1f}; ours alone, with the"
        f" part of OpenTelemetry it needs, {milliseconds['alone']:.1f}"
    )
    brought = [name for name in figures["modules"] if not name.startswith(OURS)]
    of_ours = len(figures["modules"]) - len(brought)
    print(f"   it brings {of_ours} modules of its own and {len(brought)} others: {', '.join(brought)}")
    if figures["heavy"]:
        print(f"   HEAVY: {', '.join(figures['heavy'])}")
    return [
        Target("import: ours beyond the SDK / the SDK", IMPORT_LIMIT, ratio(figures["ours"], figures["sdk"])),
        Target("import: heavy modules brought", 0, exactly(len(figures["heavy"])), is_count=True),
    ]


def encoding(effort: Effort) -> list[Target]:
    """Measure the encoders; no target of their own, since the whole process has one."""
    figures = figures_of("encoding", "--rounds", str(effort.hot_rounds // 2))
    print("   us of CPU per span in the background thread, the same spans")
    for record, sides in figures.items():
        relation = ratio(sides["ours"], sides["stock"])
        print(
            f"   {record:6} stock encoder {us(sides['stock']):7.1f}; ours {us(sides['ours']):6.1f}"
            f" (x {relation.middle:.3f}); making the span of a record, hashes included {us(sides['convert']):6.1f}"
        )
    return []


SECTIONS: Final[dict[str, tuple[str, Callable[[Effort], list[Target]]]]] = {
    "openai": ("us and the peers around one openai call", around_openai),
    "records": ("the calling thread, hot", in_call),
    "process": ("the whole process, export included", whole_process),
    "failing": ("a collector that fails", failing_collector),
    "burst": ("a burst", burst),
    "imports": ("the import", imports),
    "encoding": ("the encoders", encoding),
}
