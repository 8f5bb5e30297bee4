"""Breaks are what they say: one line, still a module or a statement, nowhere that nothing depends on it."""

from __future__ import annotations

import pytest

from bench.breaks.__main__ import ROOT, chosen
from bench.breaks.mutations import is_python, python_breaks, sql_breaks
from bench.breaks.rooms import ROOMS

MODULE = '''"""Says what it is for: 1 < 2."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elsewhere import Thing

__all__ = ["count"]
LEAST = 3


def count(things: list[Thing], *, is_strict: bool = True) -> int:
    """Count them and 1 more."""
    found = []
    if len(things) > LEAST and not is_strict:
        found.append(things[0])
    return len(found) + 1
'''
STATEMENT = """-- Counts 3 events, AND no other.
-- Grain: one row.
SELECT countIf(outcome = 'error AND 3') AS errors, max(start) AS last_start
FROM usage_events FINAL
WHERE start >= {since:DateTime64(6, 'UTC')}
    AND NOT is_nested
ORDER BY errors DESC
SETTINGS max_threads = 3
"""


def test_a_module_is_broken_in_every_way_and_nowhere_else() -> None:
    """Comparisons, conditions, constants, operators, results and statements; no docstring, import or annotation."""
    found = python_breaks(MODULE)
    kinds = {"comparison", "and/or", "condition", "dropped condition", "constant", "operator"}
    assert {one.kind for one in found} == kinds | {"dropped result", "dropped statement"}
    assert {one.line for one in found} == {9, 12, 14, 15, 16, 17}
    after = {one.after.strip() for one in found}
    assert {
        "LEAST = 4",
        "if len(things) >= LEAST and not is_strict:",
        "if len(things) > LEAST or not is_strict:",
        "if len(things) > LEAST and is_strict:",
        "if True:",
        "found.append(things[1])",
        "return len(found) - 1",
    } <= after
    assert all(is_python(one.applied(MODULE)) for one in found)


def test_a_statement_is_broken_in_every_way_and_nowhere_else() -> None:
    """Names, functions, comparisons and words; no comment, text or setting."""
    found = sql_breaks(STATEMENT)
    assert {one.line for one in found} == {3, 4, 5, 6, 7}
    assert {one.after.strip() for one in found} == {
        "SELECT countIf(NOT outcome = 'error AND 3') AS errors, max(start) AS last_start",
        "SELECT countIf(outcome != 'error AND 3') AS errors, max(start) AS last_start",
        "SELECT countIf(outcome = 'error AND 3') AS errors, min(start) AS last_start",
        "FROM usage_events",
        "WHERE start > {since:DateTime64(6, 'UTC')}",
        "OR NOT is_nested",
        "AND is_nested",
        "ORDER BY errors ASC",
        "",
    }


@pytest.mark.slow(seconds=6, why="every line that can break, twice")
def test_the_same_seed_breaks_the_same_lines() -> None:
    """A run can be gone on with, and another seed gives others."""
    for room in ROOMS:
        first = chosen(ROOT, room, count=20, seed=1)
        assert first == chosen(ROOT, room, count=20, seed=1)
        assert first != chosen(ROOT, room, count=20, seed=2)


def test_every_file_has_its_guards() -> None:
    """No room is empty, and whatever is broken in it some test is run."""
    for room in ROOMS:
        files = room.files(ROOT)
        assert len(files) > 5
        for file in files:
            named = [name for arguments in room.guards(ROOT, file) for name in arguments if name.endswith(".py")]
            assert named
            assert all((ROOT / name).is_file() for name in named)
