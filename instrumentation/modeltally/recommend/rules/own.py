"""Rules of one's own: SELECTs in a folder, and functions of installed packages. docs/own-rules.md shows one of each.

What a rule gives is checked before any of it is told. A rule that fails, or gives what is no advice, is told of with
its name and what was wrong, and gives no advice; the others go on.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from modeltally.recommend.record import ADVISE, EVERY_MODEL, Made
from modeltally.recommend.rules.reading import nothing_said
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from modeltally.recommend.record import Occasion

__all__ = ["ENTRY_POINTS", "OWN_DAYS", "OwnRule", "own_rules"]

ENTRY_POINTS: Final = "modeltally.advice"
"""A plugin is an entry point of this group that gives an :class:`OwnRule`."""
OWN_DAYS: Final = 30
_NEEDED: Final = ("subject", "reason")
_KNOWN: Final = (*_NEEDED, "action", "confidence", "priority", "evidence", "holds_hours")
_PRIORITIES: Final = ("critical", "high", "medium", "low")
_MOST_ROWS: Final = 10_000
_MOST_CHARACTERS: Final = 2_000
_HOLDS_HOURS: Final = 24.0
_MOST_HOURS: Final = 24.0 * 366


@dataclass(frozen=True, slots=True)
class OwnRule:
    """One rule.

    Attributes:
        name: What people call it.
        make: Gives rows, each a mapping: ``subject`` and ``reason``, and if it likes ``action``, ``confidence`` (0 to
            1), ``priority`` (critical, high, medium, low), ``evidence`` (a mapping), ``holds_hours`` (24 if not given).
    """

    name: str
    make: Callable[[Occasion], Iterable[Mapping[str, Any]]]


class _NonsenseError(Exception):
    """What a rule gave is no advice, or there is no rule."""


def own_rules(occasion: Occasion) -> Iterator[Made]:
    """Ask every rule of one's own.

    Args:
        occasion: When advice is asked for; the window is the last 30 days.

    Yields:
        What they say, and of each that could not be asked or made no sense, why.
    """
    since = occasion.as_of - dt.timedelta(days=OWN_DAYS)
    occasion = replace(occasion, since=since, until=occasion.as_of)
    taken: set[str] = set()
    for name, load in _found(occasion.store.settings.advice_directory):
        try:
            if name in taken:
                raise _NonsenseError("there is another rule of that name")  # noqa: TRY301 - told of like any other
            taken.add(name)
            rows = _rows(load(), occasion)
            yield from [_checked(name, number, row, occasion, since) for number, row in enumerate(rows, start=1)]
        except _NonsenseError as error:
            refusal = nothing_said(occasion, f"rule: {name} is left out: {error}", since)
            yield replace(refusal, action=name)


def _found(folder: Path | None) -> Iterator[tuple[str, Callable[[], OwnRule]]]:
    """Find every rule: files in the order of their names, then plugins."""
    if folder is not None:
        try:
            files = sorted(path for path in folder.iterdir() if path.suffix == ".sql")
        except OSError as error:
            why = f"advice_directory cannot be read: {error.strerror or error}"
            yield str(folder), partial(_fails, why)
            files = []
        for path in files:
            yield path.stem, partial(_of_file, path)
    for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda one: one.name):
        yield entry_point.name, partial(_of_plugin, entry_point)


def _fails(why: str) -> OwnRule:
    raise _NonsenseError(why)


def _of_file(path: Path) -> OwnRule:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _NonsenseError(f"{path} cannot be read: {error}") from error
    statement = sql.Statement(f"rule {path.name}", text.strip().removesuffix(";"))

    def make(occasion: Occasion) -> list[dict[str, Any]]:
        # on one line, which is all that a parameter can be; comments are out of it
        asked = {"query": " ".join(statement.body.split())}
        (read,) = occasion.store.database.query(sql.statement("clickhouse/parse"), asked)
        said = str(read["query"])
        if not said.startswith(("SELECT ", "WITH ")) or " INTO OUTFILE " in said:
            raise _NonsenseError(f"{path} is no SELECT: {said[:80]}")
        known = {"as_of": occasion.as_of, "since": occasion.since, "until": occasion.until}
        unknown = sorted(statement.parameters.keys() - known.keys())
        if unknown:
            raise _NonsenseError(f"{path} has the parameter {unknown[0]!r}; allowed: {', '.join(known)}")
        return [
            dict(row)
            for row in occasion.store.database.query(
                statement, {name: known[name] for name in statement.parameters}, limit_rows=_MOST_ROWS
            )
        ]

    return OwnRule(path.stem, make)


def _of_plugin(entry_point: EntryPoint) -> OwnRule:
    try:
        rule = entry_point.load()
    except (Exception, SystemExit) as error:
        raise _NonsenseError(f"importing {entry_point.value} raised {type(error).__name__}: {error}") from error
    if not isinstance(rule, OwnRule) or not callable(rule.make):
        raise _NonsenseError(f"{entry_point.value} is {type(rule).__name__}; allowed: an OwnRule with a function")
    return rule


def _rows(rule: OwnRule, occasion: Occasion) -> list[Mapping[str, Any]]:
    rows = []
    try:
        for row in rule.make(occasion):
            rows.append(row)
            if len(rows) > _MOST_ROWS:
                break
    except _NonsenseError:
        raise
    except (Exception, SystemExit) as error:
        raise _NonsenseError(f"it raised {type(error).__name__}: {str(error)[:_MOST_CHARACTERS]}") from error
    if len(rows) > _MOST_ROWS:
        raise _NonsenseError(f"it gives more than {_MOST_ROWS:,} rows")
    return rows


def _checked(name: str, number: int, row: object, occasion: Occasion, since: dt.datetime) -> Made:
    where = f"row {number}"
    if not isinstance(row, dict):
        raise _NonsenseError(f"{where} is {type(row).__name__}; allowed: a dict")
    missing = [column for column in _NEEDED if not isinstance(row.get(column), str) or not row[column].strip()]
    if missing:
        raise _NonsenseError(f"{where} has no text as {missing[0]!r}: {row.get(missing[0])!r}"[:_MOST_CHARACTERS])
    unknown = [column for column in row if column not in _KNOWN]
    if unknown:
        raise _NonsenseError(f"{where} has {str(unknown[0])[:80]!r}; allowed: {', '.join(_KNOWN)}")
    if row["subject"] == EVERY_MODEL:
        raise _NonsenseError(f"{where} is about {EVERY_MODEL!r}, which stands for the run itself")
    action = _text(where, "action", row.get("action"))
    priority = _text(where, "priority", row.get("priority"))
    if priority and priority not in _PRIORITIES:
        raise _NonsenseError(f"{where} has priority = {priority!r}; allowed: {', '.join(_PRIORITIES)}")
    hours = _number(where, "holds_hours", row.get("holds_hours"), most=_MOST_HOURS)
    hours = _HOLDS_HOURS if hours is None else hours
    if hours == 0:
        raise _NonsenseError(f"{where} has holds_hours = 0; allowed: more than 0")
    return Made(
        subject=row["subject"],
        verdict=ADVISE,
        # two rules may say the same of one model
        action=f"{action} ({name})" if action else name,
        reason=f"{name}: {row['reason']}"[:_MOST_CHARACTERS],
        confidence=_number(where, "confidence", row.get("confidence"), most=1.0),
        horizon_seconds=hours * 3600,
        priority=priority,
        evidence=_evidence(where, row.get("evidence")),
        window_since=since,
        window_until=occasion.as_of,
        expires_at=occasion.as_of + dt.timedelta(hours=hours),
    )


def _text(where: str, column: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
        raise _NonsenseError(f"{where} has {column} = {value!r:.80}; allowed: a text")
    return value


def _number(where: str, column: str, value: object, *, most: float) -> float | None:
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(float(str(value))) or not 0 <= float(str(value)) <= most:
        raise _NonsenseError(f"{where} has {column} = {value!r:.80}; allowed: 0 to {most:g}")
    return float(str(value))


def _evidence(where: str, value: object) -> dict[str, Any]:
    """Read evidence: a mapping, or as SQL gives it JSON in a text."""
    if value is None:
        return {}
    try:
        found = json.loads(value) if isinstance(value, str) else value
        if not isinstance(found, dict):
            raise TypeError("it is no record")  # noqa: TRY301 - told of like any other
        return {str(name): part for name, part in json.loads(json.dumps(found, default=str)).items()}
    except (TypeError, ValueError, RecursionError) as error:
        raise _NonsenseError(
            f"{where} has evidence = {value!r:.80}: {error}; allowed: a record of plain values"
        ) from error
