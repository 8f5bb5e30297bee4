"""Which files are broken, and which tests guard them; in every checkout that has these folders or had them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = "instrumentation/modeltally"


@dataclass(frozen=True)
class Room:
    """A part of the project.

    Attributes:
        name: What it is called.
        sources: Folders of the files to break.
        tests: Folders of the tests that guard them.
        most_tests: How many files of tests are run for one break.
    """

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    most_tests: int = 5

    def files(self, root: Path) -> list[Path]:
        """The files that may be broken."""
        found = [path for folder in self.sources for path in (root / folder).rglob("*.*") if path.is_file()]
        return sorted(path for path in found if path.suffix in {".py", ".sql"} and path.name != "__init__.py")

    def guards(self, root: Path, file: Path) -> list[list[str]]:
        """Arguments for one pytest after the other: the tests that speak of a file the most, the most telling first."""
        if file.suffix == ".sql":
            return _guards_of_sql(root, file)
        words = {file.stem.strip("_"), *_public_names(file)}
        speaks = re.compile("|".join(rf"\b_?{re.escape(word)}\b" for word in sorted(words)))
        tests = [path for folder in self.tests for path in (root / folder).rglob("test_*.py")]
        weighed = {path: _weight(path, file, speaks) for path in tests if "chaos" not in path.name}
        best = sorted(weighed, key=lambda path: (-weighed[path], path))[: self.most_tests]
        names = [str(path.relative_to(root)) for path in best]
        return [names[:1], names[1:]]


ROOMS = (
    Room("store", (f"{_PACKAGE}/store",), ("tests/store",)),
    Room(
        "receiver",
        tuple(f"{_PACKAGE}/{folder}" for folder in ("receiver", "clickhouse", "server", "local")),
        ("tests/receiver", "tests/clickhouse", "tests/server", "tests/local"),
    ),
    Room("instrument", (f"{_PACKAGE}/instrument",), ("tests/instrument",)),
    Room("sql", ("queries/views", "queries/jobs", "queries/ingest", "queries/schema", "queries/checks"), ()),
)


def _public_names(file: Path) -> list[str]:
    return re.findall(r"^(?:class|def|async def) ([A-Za-z]\w{4,})", file.read_text(), flags=re.MULTILINE)


def _weight(test: Path, file: Path, speaks: re.Pattern[str]) -> float:
    text = test.read_text()
    is_named_alike = file.stem.strip("_") in test.stem
    return 1000.0 * is_named_alike + len(speaks.findall(text)) / max(len(text.splitlines()), 50) * 100


def _guards_of_sql(root: Path, file: Path) -> list[list[str]]:
    """The cases named like the statement, then everything that is asked of views and jobs."""
    cases = ["tests/queries/test_cases.py"]
    own = root / "tests" / "queries" / "cases" / f"{file.stem}.yaml"
    if file.parent.name in _OF_JOBS:
        others = [f"tests/store/test_{name}.py" for name in _OF_JOBS[file.parent.name]]
    else:
        others = ["tests/queries/test_checks.py", "tests/store/test_roll.py", "tests/store/test_retention.py"]
    if "metrics" in file.stem:
        others = [f"tests/{room}/test_metrics{more}.py" for room in ("receiver", "local") for more in ("", "_once")]
    others = [path for path in others if (root / path).exists()]
    first = [[*cases, "-k", file.stem]] if own.exists() else []
    is_read = file.parent.name not in {"transfer", "migrate", "check"} and "metrics" not in file.stem
    return [*first, cases, others] if is_read else [others]


# Tests of statements that no view reads, by their folder.
_OF_JOBS = {
    "transfer": ("transfer",),
    "migrate": ("migrate", "upgrade", "cluster"),
    "erase": ("erasure",),
    "expire": ("retention",),
    "roll": ("roll", "retention"),
    "check": ("embedded",),
    "checks": ("check",),
    "ingest": ("embedded", "upgrade"),
    "schema": ("migrate", "migration", "upgrade", "embedded"),
}
