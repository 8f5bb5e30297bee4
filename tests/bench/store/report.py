"""Prints what was measured, beside what it took before and what it is held to."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.store.limits import BYTES_PER_EVENT, MOST_GROWTH, PEAK_BYTES, ROLLUPS_MS, read_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.store.stores import Shape

__all__ = ["Cost", "Report", "Size", "show"]

# The same benchmark on the store as it was before slices, weeks and one pass over the events.
_BEFORE = Path(__file__).with_name("before.json")


@dataclass(frozen=True)
class Cost:
    """What one piece of work takes, each the median of the rounds.

    Attributes:
        name: What was done.
        days: How many days were asked about; 0 where none are.
        cpu_ms: Processor time of all threads.
        wall_ms: Time that passed.
        analysis_ms: Processor time of the same statement on an empty window.
        peak_bytes: The most memory the process held, in any round.
        rows: How many rows came back.
    """

    name: str
    days: int
    cpu_ms: float
    wall_ms: float
    analysis_ms: float = 0.0
    peak_bytes: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Size:
    """What a table takes on disk.

    Attributes:
        table: Its name.
        codec: What its parts are packed with.
        stored_bytes: How much.
        is_chosen: Packed with that codec for the comparison, not by the engine's own choice.
    """

    table: str
    codec: str
    stored_bytes: int
    is_chosen: bool


class Report:
    """Prints the tables of one run.

    Attributes:
        shape: What was measured on.
        figures: Everything printed, by group and name.
    """

    def __init__(self, shape: Shape) -> None:
        """Take what is measured on."""
        self.shape = shape
        before = json.loads(_BEFORE.read_text()) if _BEFORE.exists() else {}
        self._before: dict[str, dict[str, float]] = before.get(shape.name, {})
        self.figures: dict[str, dict[str, float | int | str]] = {}

    def reads(self, state: str, costs: Sequence[Cost]) -> None:
        """Print what views took while a store was in one state."""
        show(f"\nreads, {state}: processor ms of the engine, all threads")
        show(f"  {'':28} days    cpu    wall  analysis   rows   before  limit")
        for cost in costs:
            key = f"{state}/{cost.name}/{cost.days}"
            self.figures[key] = asdict(cost)
            limit = read_limit(state, cost.name, cost.days)
            show(
                f"  {cost.name:28} {cost.days or '':>4} {cost.cpu_ms:6.0f} {cost.wall_ms:7.0f} {cost.analysis_ms:9.0f}"
                f" {cost.rows:6} {self._was(key, 'cpu_ms'):>8} {_beside(cost.cpu_ms, limit)}"
            )

    def rollups(self, costs: Sequence[Cost]) -> None:
        """Print what rollups took."""
        show("\nrollups, all kinds: processor seconds of the engine, all threads, and the most memory held")
        show(f"  {'':40}    cpu    wall   peak MB   before  limit")
        for cost in costs:
            key = f"rollup/{cost.name}"
            self.figures[key] = asdict(cost)
            limit = ROLLUPS_MS.get(cost.name)
            show(
                f"  {cost.name:40} {cost.cpu_ms / 1000:6.2f} {cost.wall_ms / 1000:7.2f} {cost.peak_bytes / 1e6:9.0f}"
                f" {self._was(key, 'cpu_ms', 1000):>8} {_beside(cost.cpu_ms / 1000, limit and limit / 1000)}"
                f"{' memory over ' + str(PEAK_BYTES // 10**6) if cost.peak_bytes > PEAK_BYTES else ''}"
            )

    def sizes(self, sizes: Sequence[Size]) -> None:
        """Print what tables take for each event."""
        show("\nbytes on disk for each event, merged")
        show(f"  {'':16} {'packed with':22} {'MB':>9} {'B/event':>9}   before  limit")
        for size in sizes:
            each = size.stored_bytes / self.shape.events
            key = f"size/{size.table}/{size.codec if size.is_chosen else 'by the engine'}"
            self.figures[key] = {**asdict(size), "bytes_per_event": each}
            limit = BYTES_PER_EVENT.get(size.table) if size.is_chosen else None
            codec = size.codec + ("" if size.is_chosen else " (the engine)")
            show(
                f"  {size.table:16} {codec:22} {size.stored_bytes / 1e6:9.1f} {each:9.1f}"
                f" {self._was(key, 'bytes_per_event', digits=1):>8} {_beside(each, limit)}"
            )

    def growth(self, smaller: Report) -> None:
        """Print how much more thirty days take than on a smaller store."""
        show(f"\nreads of 30 days, clean: times what they take at {smaller.shape.events:,} events")
        for key, figures in self.figures.items():
            group, name, days = (*key.split("/"), "", "")[:3]
            if group == "clean" and days == "30" and key in smaller.figures:
                ratio = float(figures["cpu_ms"]) / float(smaller.figures[key]["cpu_ms"])
                limit = MOST_GROWTH if read_limit(group, name, 30) else None
                show(f"  {name:28} {ratio:6.2f} {_beside(ratio, limit)}")

    def _was(self, key: str, name: str, per: float = 1, digits: int | None = None) -> str:
        found = self._before.get(key, {}).get(name)
        if found is None:
            return "-"
        return f"{found / per:.{(2 if per > 1 else 0) if digits is None else digits}f}"


def show(text: str) -> None:
    """Print a line of the report."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _beside(value: float, limit: float | None) -> str:
    return f"{limit:6g}{'  OVER' if value > limit else ''}" if limit is not None else ""
