"""House rules for SQL that no linter knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from modeltally.store import sql

if TYPE_CHECKING:
    from pathlib import Path

ROOT = sql.root()
FILES = sorted(ROOT.rglob("*.sql"))
IDS = [str(path.relative_to(ROOT)) for path in FILES]
VIEWS = [path for path in FILES if path.is_relative_to(ROOT / "views")]
# Statements that give rows back or store them: their last SELECT says which columns.
LISTED = [path for path in FILES if not path.is_relative_to(ROOT / "schema")]
STEPS = {path.stem: path for path in FILES if path.is_relative_to(ROOT / "schema")}
CREATED = re.compile(r"^CREATE (TABLE|MATERIALIZED VIEW) IF NOT EXISTS (\w+)", re.MULTILINE)
# What may change in a schema that was released: killed halfway, each can be applied again.
CHANGED = re.compile(r"^ALTER TABLE (\w+)\s+(?:ADD COLUMN IF NOT EXISTS|ADD INDEX IF NOT EXISTS|MODIFY QUERY)\b")
TABLES = {found[2] for path in STEPS.values() for found in CREATED.finditer(path.read_text()) if found[1] == "TABLE"}
KNOWN = TABLES | {path.stem for path in VIEWS}
# The files whose default is the one clock of ours.
LANDING = re.compile(r"\d{4}_create_otel_(traces|metrics_\w+)")
CLOCKS = re.compile(r"\b(now|now64|nowInBlock|today|yesterday|current_timestamp|utcTimestamp)\s*\(", re.IGNORECASE)
ALTERS = re.compile(r"^ALTER TABLE (\w+)")
SOURCE = re.compile(r"\b(?:FROM|JOIN|ALTER TABLE)\s+(\w+)\b")


def _bare(text: str) -> str:
    """The statement without comments and texts."""
    return re.sub(r"'(?:[^'\\]|\\.)*'", "''", re.sub(r"--[^\n]*", "", text)).strip()


def _header(text: str) -> list[str]:
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return lines


def _named(header: list[str], label: str) -> str | None:
    return next((line.removeprefix(label).strip() for line in header if line.startswith(label)), None)


def _final_select(bare: str) -> str:
    """The last SELECT that is in no parentheses, up to its FROM."""
    depth, start, end = 0, -1, len(bare)
    for found in re.finditer(r"[()]|\bSELECT\b|\bFROM\b", bare):
        if found[0] in "()":
            depth += 1 if found[0] == "(" else -1
        elif depth == 0 and found[0] == "SELECT":
            start, end = found.end(), len(bare)
        elif depth == 0 and found[0] == "FROM" and end == len(bare):
            end = found.start()
    return bare[start:end] if start >= 0 else ""


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_header_says_what_the_statement_is_for(path: Path) -> None:
    """A file begins with a sentence about its purpose, then its grain where it has rows, then what it reads."""
    header = _header(path.read_text())
    bare = _bare(path.read_text())
    assert header
    assert header[0][0].isupper()
    assert any(line.endswith(".") for line in header)
    if not ALTERS.match(bare) and not bare.startswith("CREATE MATERIALIZED VIEW"):
        assert _named(header, "Grain:"), "no grain"
    if not bare.startswith("CREATE TABLE"):
        assert _named(header, "Reads:"), "does not say what it reads"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_reads_is_true(path: Path) -> None:
    """What a header says is read is what the statement reads: every table and view it names, and no other."""
    text = path.read_text()
    said = _named(_header(text), "Reads:")
    bare = _bare(text)
    if said is None:
        return
    read = set(SOURCE.findall(bare)) & KNOWN
    named = set() if said in {"nothing", "a file"} else {part.strip() for part in said.split(",")}
    assert named == read


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_file_is_one_statement_in_short_lines(path: Path) -> None:
    """A file holds one statement without a semicolon, in lines of at most 120 columns, indented by fours."""
    text = path.read_text()
    assert ";" not in _bare(text)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    for number, line in enumerate(text.splitlines(), start=1):
        assert len(line) <= 120, number
        assert line == line.rstrip(), number
        assert "\t" not in line, number
        assert (len(line) - len(line.lstrip())) % 4 == 0, number


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_time_comes_as_a_parameter(path: Path) -> None:
    """No statement asks the clock, but for the default of the time of receipt."""
    clocks = CLOCKS.findall(_bare(path.read_text()))
    assert clocks == (["now64"] if LANDING.fullmatch(path.stem) else [])


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_time_parameters_carry_their_zone(path: Path) -> None:
    """A parameter of type DateTime64 names UTC: without it a session elsewhere would read another time."""
    for name, kind in sql.Statement(path.stem, path.read_text()).parameters.items():
        assert not kind.startswith("DateTime") or kind == "DateTime64(6, 'UTC')", name


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_groups_and_orders_are_named(path: Path) -> None:
    """GROUP BY and ORDER BY name columns: a position means another one after an edit."""
    assert not re.search(r"\b(GROUP|ORDER) BY\s+(ALL\b|\d)", _bare(path.read_text()))


@pytest.mark.parametrize("path", LISTED, ids=[str(path.relative_to(ROOT)) for path in LISTED])
def test_last_select_lists_its_columns(path: Path) -> None:
    """What a view or job gives back is listed where it is given; a star may only pass a CTE on inside."""
    assert not re.search(r"(^|[\s,.])\*\s*(,|$)", _final_select(_bare(path.read_text())))


@pytest.mark.parametrize("path", VIEWS, ids=[path.stem for path in VIEWS])
def test_view_says_who_reads_it_and_selects(path: Path) -> None:
    """A view is a SELECT, and its header says for whom."""
    assert _named(_header(path.read_text()), "Read by:")
    assert _bare(path.read_text()).startswith(("SELECT", "WITH"))


@pytest.mark.parametrize("name", sorted(STEPS))
def test_step_of_the_schema_is_named_after_what_it_makes(name: str) -> None:
    """A file of the schema makes or changes one object, in a way that can be repeated, and is named after it."""
    bare = _bare(STEPS[name].read_text())
    made, changed = CREATED.search(bare), CHANGED.match(bare)
    number, verb, rest = name.split("_", 2)
    assert bool(made) != bool(changed)
    assert re.fullmatch(r"\d{4}", number)
    if changed and "ADD " in changed[0]:
        assert (verb, rest.endswith(changed[1])) == ("add", True)
    if made and made[1] == "TABLE":
        assert (verb, rest) == ("create", made[2]) or name == "0000_schema_migrations"


def test_steps_of_the_schema_have_numbers_of_their_own() -> None:
    """The schema is applied in the order of its numbers, so no two steps share one."""
    numbers = [int(name[:4]) for name in STEPS]
    assert len(set(numbers)) == len(numbers)


def test_names_of_statements_are_unique_within_their_kind() -> None:
    """A view or check is found by its name alone."""
    for folder in ("views", "checks"):
        names = [path.stem for path in (ROOT / folder).rglob("*.sql")]
        assert len(set(names)) == len(names)
