"""House rules for SQL that no linter knows: each rule gives the offences of one file, as a line and what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Offences = Iterator[tuple[int, str]]
    Rule = Callable[["File"], Offences]

CREATED = re.compile(r"^CREATE TABLE IF NOT EXISTS (\w+)", re.MULTILINE)
FILLS = re.compile(r"CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+) TO (\w+) AS\b")
# What may change in a schema that was released: killed halfway, each can be applied again.
CHANGED = re.compile(
    r"^ALTER TABLE (\w+)\s+(?:ADD COLUMN IF NOT EXISTS\b|ADD INDEX IF NOT EXISTS\b|MODIFY COLUMN \w+ Array\(Tuple\()"
)
# How an earlier version's table is left: what it held goes into another one, and then it goes.
FILLED = re.compile(r"^INSERT INTO (\w+)\s+SELECT\b")
DROPPED = re.compile(r"^DROP TABLE IF EXISTS (\w+) SYNC$")
ALTERS = re.compile(r"^ALTER TABLE (\w+)")
# The files whose default is the one clock of ours.
LANDING = re.compile(r"\d{4}_create_otel_(traces|metrics_\w+)")
CLOCKS = re.compile(r"\b(now|now64|nowInBlock|today|yesterday|current_timestamp|utcTimestamp)\s*\(", re.IGNORECASE)
ZONED = re.compile(r"(Array\()?(DateTime64\(6, 'UTC'\)|DateTime\('UTC'\))\)?")
SOURCE = re.compile(r"\b(?:FROM|JOIN|ALTER TABLE)\s+(\w+)\b")
POSITIONS = re.compile(r"\b(GROUP|ORDER) BY\s+(ALL\b|\d)")
STAR = re.compile(r"(^|[\s,.])\*\s*(,|$)")
_LONGEST_LINE = 120
_INDENT = 4


@dataclass(frozen=True)
class File:
    """One statement.

    Attributes:
        folder: The folder below ``queries/``.
        name: The file's name without its ending.
        text: Everything in it.
        known: Names of tables and views.
    """

    folder: str
    name: str
    text: str
    known: frozenset[str] = field(repr=False)

    @property
    def bare(self) -> str:
        """The statement without comments and texts; as many lines as the file, so that a place in it can be named."""
        return re.sub(r"'(?:[^'\\]|\\.)*'", "''", re.sub(r"--[^\n]*", "", self.text)).rstrip()

    @property
    def statement(self) -> str:
        """The same from its first word on."""
        return self.bare.lstrip()

    @property
    def header(self) -> list[str]:
        """The lines of comment it begins with."""
        lines = []
        for line in self.text.splitlines():
            if not line.startswith("--"):
                break
            lines.append(line.removeprefix("--").strip())
        return lines

    def named(self, label: str) -> str | None:
        """What the header says behind a label."""
        return next((line.removeprefix(label).strip() for line in self.header if line.startswith(label)), None)

    def line_of(self, position: int) -> int:
        """The line of a place in :attr:`bare`."""
        return self.bare.count("\n", 0, position) + 1


def files() -> list[File]:
    """Read every statement of ``queries/``."""
    root = sql.root()
    texts = {path: path.read_text() for path in sorted(root.rglob("*.sql"))}
    made = {found[1] for text in texts.values() for found in CREATED.finditer(text)}
    known = frozenset(made | {path.stem for path in texts if path.is_relative_to(root / "views")})
    return [File(str(path.parent.relative_to(root)), path.stem, text, known) for path, text in texts.items()]


def has_header(file: File) -> Offences:
    """Begin with a sentence about the purpose, then the grain where there are rows, then what is read."""
    if not file.header or not file.header[0][:1].isupper() or not any(line.endswith(".") for line in file.header):
        yield 1, "does not begin with a sentence about its purpose"
    has_rows = not ALTERS.match(file.statement) and not file.statement.startswith("CREATE MATERIALIZED VIEW")
    if has_rows and not file.named("Grain:"):
        yield 1, "names no grain"
    if not file.statement.startswith("CREATE TABLE") and not file.named("Reads:"):
        yield 1, "does not say what it reads"


def reads_what_it_says(file: File) -> Offences:
    """Read every table and view that the header names, and no other."""
    said = file.named("Reads:")
    if said is None:
        return
    read = set(SOURCE.findall(file.bare)) & file.known
    named = set() if said in {"nothing", "a file"} else {part.strip() for part in said.split(",")}
    line = next(number for number, text in enumerate(file.header, start=1) if text.startswith("Reads:"))
    for name in sorted(named - read):
        yield line, f"says that it reads {name} and does not"
    for name in sorted(read - named):
        yield line, f"reads {name} and does not say so"


def is_one_statement_in_short_lines(file: File) -> Offences:
    """Hold one statement without a semicolon, in lines of at most 120 columns, indented by fours."""
    for found in re.finditer(";", file.bare):
        yield file.line_of(found.start()), "has a semicolon"
    lines = file.text.splitlines()
    if not file.text.endswith("\n") or file.text.endswith("\n\n"):
        yield len(lines), "does not end with one end of line"
    for number, line in enumerate(lines, start=1):
        if len(line) > _LONGEST_LINE:
            yield number, f"is {len(line)} columns long"
        if line != line.rstrip():
            yield number, "ends with a blank"
        if "\t" in line:
            yield number, "has a tab"
        if (len(line) - len(line.lstrip())) % _INDENT:
            yield number, "is not indented by fours"


def takes_time_as_a_parameter(file: File) -> Offences:
    """Never ask the clock, but for the default of the time of receipt."""
    found = list(CLOCKS.finditer(file.bare))
    if LANDING.fullmatch(file.name):
        if [clock[1] for clock in found] != ["now64"]:
            yield 1, "has another clock than the one now64 of the time of receipt"
        return
    for clock in found:
        yield file.line_of(clock.start()), f"asks the clock: {clock[1]}"


def names_the_zone_of_times(file: File) -> Offences:
    """Give a parameter that is a time its zone: without it a session elsewhere would read another time."""
    for name, kind in sql.Statement(file.name, file.text).parameters.items():
        if "DateTime" in kind and not ZONED.fullmatch(kind):
            yield file.line_of(max(file.bare.find(f"{{{name}:"), 0)), f"{name} is a {kind}"


def groups_and_orders_by_name(file: File) -> Offences:
    """Name the columns of GROUP BY and ORDER BY: a position means another one after an edit."""
    for found in POSITIONS.finditer(file.bare):
        yield file.line_of(found.start()), f"has {found[0]}"


def lists_its_columns(file: File) -> Offences:
    """List what is given back where it is given; a star may only pass a CTE on inside."""
    if file.folder in {"schema", "ingest"}:
        return
    start, end = _final_select(file.bare)
    if STAR.search(file.bare[start:end].strip()):
        yield file.line_of(start), "gives back a star"


def says_who_reads_the_view(file: File) -> Offences:
    """Be a SELECT, if a view, and say for whom."""
    if not file.folder.startswith("views"):
        return
    if not file.named("Read by:"):
        yield 1, "does not say who reads it"
    if not file.statement.startswith(("SELECT", "WITH")):
        yield file.line_of(len(file.bare) - len(file.statement)), "is no SELECT"


def is_a_step_named_after_what_it_makes(file: File) -> Offences:
    """Make or change one object, if in the schema, in a way that can be repeated, and be named after it."""
    if file.folder != "schema":
        return
    made, changed = CREATED.search(file.statement), CHANGED.match(file.statement)
    filled, dropped = FILLED.match(file.statement), DROPPED.match(file.statement)
    if [bool(found) for found in (made, changed, filled, dropped)].count(True) != 1:
        yield 1, "does not make or change one object in a way that can be repeated"
    number, verb, rest = [*file.name.split("_", 2), "", ""][:3]
    if not re.fullmatch(r"\d{4}", number):
        yield 1, f"has no number of four digits: {number}"
    if changed and not (verb == "add" and rest.endswith(changed[1])):
        yield 1, f"is not named after what it adds to {changed[1]}"
    if made and (verb, rest) != ("create", made[1]):
        yield 1, f"is not named after the table {made[1]}"
    if filled and not (verb == "fill" and rest.startswith(f"{filled[1]}_from_")):
        yield 1, f"is not named after the table {filled[1]} and what it is filled from"
    if dropped and (verb, rest) != ("drop", dropped[1]):
        yield 1, f"is not named after the table {dropped[1]}"


def fills_the_table_it_is_named_after(file: File) -> Offences:
    """Make the one materialised view, if of the ingest, that its name and the table it fills say, but for ``otel_``."""
    if file.folder != "ingest":
        return
    made = FILLS.match(file.statement)
    if made is None:
        yield 1, "does not make a materialised view in a way that can be repeated"
    elif made[1] != file.name or not file.name.startswith(f"{made[2].removeprefix('otel_')}_from_"):
        yield 1, f"is not named after the view {made[1]} and the table {made[2]}"


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        has_header,
        reads_what_it_says,
        is_one_statement_in_short_lines,
        takes_time_as_a_parameter,
        names_the_zone_of_times,
        groups_and_orders_by_name,
        lists_its_columns,
        says_who_reads_the_view,
        is_a_step_named_after_what_it_makes,
        fills_the_table_it_is_named_after,
    )
}


def offences(rule: Rule, given: list[File]) -> list[str]:
    """List where files break a rule."""
    return [f"{file.folder}/{file.name}.sql:{line} {what}" for file in given for line, what in rule(file)]


def _final_select(bare: str) -> tuple[int, int]:
    """Where the columns of the last SELECT are that is in no parentheses."""
    depth, start, end = 0, len(bare), len(bare)
    for found in re.finditer(r"[()]|\bSELECT\b|\bFROM\b", bare):
        if found[0] in "()":
            depth += 1 if found[0] == "(" else -1
        elif depth == 0 and found[0] == "SELECT":
            start, end = found.end(), len(bare)
        elif depth == 0 and found[0] == "FROM" and end == len(bare):
            end = found.start()
    return start, end
