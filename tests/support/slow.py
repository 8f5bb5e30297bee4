"""What ``make test`` leaves out: each test that takes more than five seconds or needs real programs says so itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Slow:
    """What a collection of tests found.

    Attributes:
        tests: Seconds on a quiet core and the reason, by file and function; all of a function's cases together.
        files: The files that were collected.
    """

    tests: dict[str, tuple[float, str]]
    files: frozenset[str]

    @classmethod
    def of(cls, items: Iterable[pytest.Item]) -> Self:
        """Read the markers of tests."""
        tests, files = {}, set()
        for item in items:
            name = item.nodeid.split("[")[0]
            files.add(name.split("::")[0])
            if marker := item.get_closest_marker("slow"):
                tests[name] = _said(**marker.kwargs)
        return cls(tests, frozenset(files))

    def table(self) -> str:
        """A table of it, the longest first."""
        lines = ["| test | seconds | why |", "|---|---|---|"]
        longest_first = sorted(self.tests.items(), key=lambda item: (-item[1][0], item[0]))
        return "\n".join([*lines, *(f"| `{name}` | {seconds:g} | {why} |" for name, (seconds, why) in longest_first)])


SLOW = pytest.StashKey[Slow]()


def _said(*, seconds: float, why: str, whole: bool = False) -> tuple[float, str]:
    del whole  # for the part that a run takes
    return seconds, why


class _Collected:
    """Keeps what pytest collects."""

    def __init__(self) -> None:
        self.found = Slow({}, frozenset())

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.found = session.config.stash[SLOW]


def collect() -> Slow:
    """Collect every test of the project.

    Raises:
        SystemExit: A file cannot be collected.
    """
    plugin = _Collected()
    if code := pytest.main(["--collect-only", "-qqq", "--no-header"], plugins=[plugin]):
        raise SystemExit(int(code))
    return plugin.found
