"""A statement about rolled figures reads the few rows it needs: nothing hides the key of the rolls from the engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import pytest

from bench.store.reads import last_days, read_view
from bench.store.stores import open_directory, rolled_store
from modeltally.store import sql
from modeltally.store.client import Database
from support.stores import copy_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.store.stores import Shape
    from modeltally.store import Row

# A view over each kind of subject that is rolled.
VIEWS = ("usage_overview", "usage_by_model", "failures_by_error_type", "usage_by_operation")
READING = re.compile(r"ReadFromMergeTree \(\w+\.usage_rolls\)")
GRANULES = re.compile(r"Granules: (\d+)/(\d+)")


def granules(plan: list[str]) -> tuple[int, int]:
    """Find how many granules of the rolls a plan reads, and out of how many."""
    chosen = total = 0
    for block in re.split(r"(?=ReadFromMergeTree)", "\n".join(plan)):
        found = [(int(kept), int(of)) for kept, of in GRANULES.findall(block)]
        if READING.match(block) and found:
            chosen, total = chosen + found[-1][0], total + found[0][1]
    return chosen, total


class Explained(Database):
    """A database that keeps the plan of every statement it is asked.

    Attributes:
        plans: The plans, in order.
    """

    plans: list[list[str]]

    def query(
        self, statement: sql.Statement, values: Mapping[str, object] | None = None, *, limit_rows: int | None = None
    ) -> list[Row]:
        """Explain a statement, and run it."""
        plan = super().query(sql.Statement("plan", f"EXPLAIN indexes = 1\n{statement.body}"), values)
        self.plans.append([str(row["explain"]) for row in plan])
        return super().query(statement, values, limit_rows=limit_rows)


@pytest.mark.slow(seconds=7, why="20,000 events rolled")
@pytest.mark.parametrize("view", VIEWS)
def test_one_clean_day_reads_at_most_two_granules_of_the_rolls(
    cache: Path, shape: Shape, tmp_path: Path, view: str
) -> None:
    """Of ninety days, each with its hours, one day takes two granules: requests and what else there is."""
    store = open_directory(copy_store(rolled_store(cache, shape)[0], tmp_path), database=Explained)
    database = cast("Explained", store.database)
    database.plans = []
    rows = read_view(store, view, last_days(1))
    store.close()
    # the first asks what serves the window, the last reads it
    chosen, total = granules(database.plans[-1])
    assert rows
    assert 1 <= chosen <= 2
    assert total > 20
