"""Tests are shared out so that no process is left alone with the longest."""

from __future__ import annotations

from typing import NamedTuple, cast

import pytest

from support.spread import CUT, longest_first, piece_of

CASES = "tests/queries/test_cases.py"


def test_a_file_is_one_piece() -> None:
    """What shares a module's fixtures stays in one process."""
    assert piece_of("tests/store/test_sql.py::test_a[1]") == piece_of("tests/store/test_sql.py::test_b")


def test_cases_of_a_view_stay_together_in_one_of_a_few_pieces() -> None:
    """The long file of cases is cut, between views only."""
    before = piece_of(f"{CASES}::test_before[usage_by_model: One.-UTC]")
    assert before == piece_of(f"{CASES}::test_filling[usage_by_model: Another.]")
    pieces = {piece_of(f"{CASES}::test_before[view_{number}: One.-UTC]") for number in range(100)}
    assert len(pieces) == CUT[CASES]


def test_the_longest_piece_begins() -> None:
    """Pieces go by the seconds that their tests say, a function's for all its cases; the order within one stays."""

    class Test(NamedTuple):
        nodeid: str
        seconds: float | None = None

        def get_closest_marker(self, _name: str) -> pytest.Mark | None:
            return None if self.seconds is None else pytest.mark.slow(seconds=self.seconds, why="it waits").mark

    short = [Test("tests/a.py::test_1"), Test("tests/a.py::test_2"), Test("tests/a.py::test_3")]
    cases = [Test("tests/b.py::test_1[x]", 2), Test("tests/b.py::test_1[y]", 2)]
    between = [Test("tests/d.py::test_1", 3)]
    long = [Test("tests/c.py::test_1", 9)]
    found: list[object] = list(longest_first(cast("list[pytest.Item]", [*short, *cases, *between, *long])))
    assert found == [*long, *between, *cases, *short]
