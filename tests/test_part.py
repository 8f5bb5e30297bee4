"""A run that takes a part of the long tests leaves none of them out, and other runs take other parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import part

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester"]
THINGS = [f"thing {number}" for number in range(40)]


@pytest.fixture(autouse=True)
def _drawn_as_before(pytestconfig: pytest.Config) -> Iterator[None]:
    """Go on with what this run is drawn from."""
    yield
    part.drawn_from(pytestconfig.getoption("--part"))


def test_everything_is_taken_without_a_seed() -> None:
    """A run of all tests goes through all things, however long it takes."""
    part.drawn_from(None)
    assert part.some(THINGS, seconds=6000) == THINGS


def test_half_a_minute_is_taken_of_what_takes_longer() -> None:
    """An eighth of four minutes, at least one, everything of less than half a minute; always the same, in its order."""
    part.drawn_from(3)
    taken = part.some(THINGS, seconds=240)
    assert len(taken) == 5
    assert taken == [thing for thing in THINGS if thing in taken] == part.some(THINGS, seconds=240)
    assert len(part.some(THINGS, seconds=100_000)) == 1
    assert part.some(THINGS, seconds=30) == THINGS


def test_each_is_taken_by_some_seed() -> None:
    """Nothing is left out by every run."""
    taken = set()
    for seed in range(40):
        part.drawn_from(seed)
        taken |= set(part.some(THINGS, seconds=240))
    assert taken == set(THINGS)


def test_a_test_keeps_some_of_its_cases(pytester: pytest.Pytester) -> None:
    """Of a test's many cases some are left out, and pytest says how many; what is short or has few cases is whole."""
    pytester.makeconftest("from support.part import deselect as pytest_collection_modifyitems")
    pytester.makepyfile(
        """
        import pytest
        pytestmark = pytest.mark.filterwarnings("ignore")
        @pytest.mark.slow(seconds=240, why="long")
        @pytest.mark.parametrize("case", range(20))
        def test_long(case): pass
        @pytest.mark.slow(seconds=30, why="half a minute")
        @pytest.mark.parametrize("case", range(20))
        def test_short(case): pass
        @pytest.mark.slow(seconds=240, why="long")
        @pytest.mark.parametrize("case", range(2))
        def test_few(case): pass
        @pytest.mark.slow(seconds=240, why="long, and never in part", whole=True)
        @pytest.mark.parametrize("case", range(20))
        def test_whole(case): pass
        """
    )
    part.drawn_from(1)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-W", "ignore")
    result.assert_outcomes(passed=3 + 20 + 2 + 20, deselected=17)
