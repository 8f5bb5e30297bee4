"""The chance of a use is that of the formula, and right as often as it says."""

from __future__ import annotations

import bisect
import datetime as dt
import random
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.store import sql
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modeltally.store import DatabaseStore
    from support.stores import Template

START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
IDLE_EDGES = (0.05, 0.15, 0.5, 1, 2, 4, 8, 16, 24, 36, 48, 72, 120, 240)
USE_EDGES = (0.001, 0.15, 0.3, 0.6, 1.1, 2.2, 4.5, 10, 30)


class Uses:
    """Uses of every subject by their hours since the window's begin."""

    def __init__(self, of: Mapping[str, Sequence[float]], end: float) -> None:
        """Keep them in order."""
        self.of = {name: sorted(uses) for name, uses in of.items()}
        self.all = sorted(use for uses in of.values() for use in uses)
        self.end = end

    def _level(self, hour: int) -> float:
        now, *before = (_between(self.all, hour - 24 * day - 3, hour - 24 * day) for day in range(8))
        return min(max((now + 3) / (sum(before) / 7 + 3), 0.2), 5)

    def _cell(self, name: str, at: float, within: int) -> tuple[int, int]:
        uses, hour = self.of[name], int(at)
        idle = at - uses[bisect.bisect_left(uses, at) - 1]
        usual = sum(_between(uses, hour - 24 * day, hour - 24 * day + within) for day in range(1, 8)) / 7
        return bisect.bisect_right(IDLE_EDGES, idle), bisect.bisect_right(USE_EDGES, usual * self._level(hour))

    def chances(self, within: int) -> dict[str, tuple[float, int, int]]:
        """Give each subject's chance at the window's end, how often it was like that, how often a use came."""
        seen: dict[tuple[int, int], list[bool]] = defaultdict(list)
        for name, uses in self.of.items():
            for hour in range(max(171, int(uses[0]) + 1), int(self.end) - within + 1):
                seen[self._cell(name, hour, within)].append(_between(uses, hour, hour + within) > 0)
        found = {}
        for name in self.of:
            cell = self._cell(name, self.end, within)
            row = [came for other, outcomes in seen.items() if other[0] == cell[0] for came in outcomes]
            of_row = (sum(row) + 0.5) / (len(row) + 5)
            n, k = len(seen[cell]), sum(seen[cell])
            found[name] = ((k + 10 * of_row) / (n + 10), n, k)
        return found


def _between(uses: Sequence[float], begin: float, end: float) -> int:
    return bisect.bisect_left(uses, end) - bisect.bisect_left(uses, begin)


def _asked(store: DatabaseStore, since: dt.datetime, until: dt.datetime, within: int) -> Sequence[Mapping[str, Any]]:
    values = {"kind": "model", "subject": "", "operation": "model.request", "within_hours": within}
    return store.read("usage_chance", {**values, "since": since, "until": until})


@pytest.mark.slow(seconds=8, why="many questions")
@pytest.mark.parametrize(("hours", "within"), [(300, 1), (301.75, 4), (290.5, 24), (174, 2)])
def test_chance_is_that_of_the_formula(template: Template, tmp_path: Path, hours: float, within: int) -> None:
    """A store of random use gives the chances that a plain reading of the formula gives."""
    rng = random.Random(hours)
    of = {
        name: [
            hour + rng.random()
            for hour in range(begin, int(hours))
            for _ in range(rng.randrange(3))
            if rng.random() < often
        ]
        for name, begin, often in (("busy", 0, 0.9), ("daily", 0, 0.1), ("rare", 0, 0.01), ("new", 170, 0.2))
    }
    of = {name: [round(use * 3600) / 3600 for use in uses if use < hours] for name, uses in of.items() if uses}
    operations = [
        Operation(at=START + dt.timedelta(hours=use), model=name) for name, uses in of.items() for use in uses
    ]
    with template.opened(tmp_path) as store:
        give(store, Given(operations=operations))
        rows = _asked(store, START, START + dt.timedelta(hours=hours), within)
    expected = Uses(of, hours).chances(within)
    assert {row["subject"]: (row["times_like_now"], row["came_in_time"]) for row in rows} == {
        name: (n, k) for name, (_, n, k) in expected.items()
    }
    assert {row["subject"]: row["chance"] for row in rows} == pytest.approx(
        {name: chance for name, (chance, _, _) in expected.items()}
    )


@pytest.mark.slow(seconds=60, why="a trace replayed, and asked each hour of six days")
def test_published_trace_comes_as_often_as_it_is_said(replayed: DatabaseStore) -> None:
    """Each hour of 25 to 30 November, from what was before: better than the base rate, and no promise is broken."""
    uses_of: dict[str, list[float]] = defaultdict(list)
    for row in replayed.read(
        "usage_operations",
        {
            "kind": "",
            "subject": "",
            "operation": "model.request",
            "since": "2024-11-15",
            "until": "2024-12-01",
            "as_of": "2024-12-01",
            "abandoned_after_seconds": 3600.0,
        },
    ):
        uses_of[str(row["model"])].append(sql.as_utc(row["start"]).timestamp())
    for uses in uses_of.values():
        uses.sort()
    said: list[tuple[float, bool]] = []
    for hour in range(6 * 24):
        until = dt.datetime(2024, 11, 25, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
        at = until.timestamp()
        said += [
            (chance["chance"], _between(uses_of[chance["subject"]], at, at + 3600) > 0)
            for chance in _asked(replayed, dt.datetime(2024, 11, 15, tzinfo=dt.UTC), until, 1)
        ]
    base = sum(came for _, came in said) / len(said)
    brier = sum((chance - came) ** 2 for chance, came in said) / len(said)
    skill = 1 - brier / (base * (1 - base))
    likely = [(chance, came) for chance, came in said if chance >= 0.5]
    mean_said = sum(chance for chance, _ in likely) / len(likely)
    mean_came = sum(came for _, came in likely) / len(likely)
    print(  # noqa: T201 - the figures asked for
        f"{len(said)} chances: base rate {base:.3f}, Brier {brier:.4f}, skill {100 * skill:.0f} %;"
        f" of {len(likely)} said to be likely ({mean_said:.2f}) came {mean_came:.2f}"
    )
    assert skill >= 0.4
    assert abs(mean_said - mean_came) <= 0.05
