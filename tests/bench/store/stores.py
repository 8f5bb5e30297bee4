"""Stores to measure on: made by SQL from a seed, merged, rolled, and kept in a folder so that the next run finds them.

A store is a data directory. Its events depend on the schema and the statements here, its rolls on every statement of
the project: each has a folder named by a checksum of what it depends on.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.store.usage import Usage, say
from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, sql
from modeltally.store.client import Database
from modeltally.store.embedded import database_directory
from support.stores import copy_store

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "BEGIN",
    "DAY_AFTER",
    "END",
    "Shape",
    "add_events",
    "derived_store",
    "events_store",
    "merge",
    "open_directory",
    "rolled_store",
    "statement",
]

HERE = Path(__file__).parent
DAYS = 90
# Not a Monday: whole weeks do not fit thirty days any better than usual.
END = dt.datetime(2026, 5, 29, tzinfo=dt.UTC)
BEGIN = END - dt.timedelta(days=DAYS)
DAY_AFTER = END + dt.timedelta(days=1)
_STEP = 500_000
_SAID = 2_000_000


@dataclass(frozen=True)
class Shape:
    """What a store holds.

    Attributes:
        events: How many operations; 2 % of them come twice.
        seed: What they are drawn from.
        models: How many models there are.
        users: How many users there are.
    """

    events: int
    seed: int = 1
    models: int = 500
    users: int = 5_000

    @property
    def name(self) -> str:
        """The name of its folder, for people."""
        return f"{self.events}-events-{self.models}-models-seed-{self.seed}"


def statement(name: str) -> sql.Statement:
    """Read one statement of this folder, named by its path without the ending."""
    return sql.Statement(name, (HERE / f"{name}.sql").read_text())


def open_directory(
    directory: Path, *, as_of: Callable[[], dt.datetime] = lambda: DAY_AFTER, database: type[Database] = Database
) -> EmbeddedStore:
    """Open the store of a data directory.

    Args:
        directory: The data directory.
        as_of: The store's time, one of the events' own; when given none, nothing is to come any more.
        database: The kind of database, where somebody has one of their own.
    """
    opened = database.open_directory(database_directory(directory))
    return EmbeddedStore(opened, settings=Settings(dir=directory), jobs=runners(), clock=as_of)


def add_events(  # noqa: PLR0913 - each says another thing about what is added
    store: EmbeddedStore,
    shape: Shape,
    *,
    begin: dt.datetime,
    length: dt.timedelta,
    count: int,
    seed: int,
    of_total: int | None = None,
    first: int = 0,
    is_daily: bool = False,
) -> None:
    """Insert events.

    Args:
        store: Where.
        shape: How many models and users they are of.
        begin: When the first of all begins.
        length: Over how long all are spread.
        count: How many are inserted now.
        seed: What they are drawn from; the same events come out of the same seed.
        of_total: How many there are of this seed in the end.
        first: The number of the first that is inserted now.
        is_daily: Days have a night.
    """
    values = {"begin": begin, "seconds": length.total_seconds(), "total": of_total or count, "seed": seed}
    values |= {"models": shape.models, "users": shape.users, "is_daily": int(is_daily)}
    for start in range(first, first + count, _STEP):
        piece = {"first": start, "count": min(_STEP, first + count - start)}
        store.database.command(statement("events"), {**values, **piece})
        if count > _STEP and (start - first) % _SAID == 0:
            say(f"  {piece['first'] + piece['count'] - first:,} of {count:,} events")


def merge(store: EmbeddedStore, *tables: str) -> None:
    """Have the engine merge the parts of tables into one a month, as it would do by and by."""
    for table in tables:
        store.database.command(statement("merge").with_names({"table": table}))


def events_store(cache: Path, shape: Shape) -> Path:
    """Give the data directory of a store of so many events, nothing of them rolled; must not be changed."""

    def make(directory: Path) -> Usage:
        store = open_directory(directory)
        store.migrate()
        with Usage() as usage:
            add_events(
                store, shape, begin=BEGIN, length=END - BEGIN, count=shape.events, seed=shape.seed, is_daily=True
            )  # fmt: skip
            store.database.command(statement("heartbeats"))
            merge(store, "usage_events", "heartbeats")
        store.close()
        return usage

    own = [path.read_text() for path in (HERE / "events.sql", HERE / "heartbeats.sql")]
    checksum = _checksum(*own, *(path.read_text() for path in _sql_files("schema", "ingest")))
    return _made(cache / shape.name / f"events-{checksum}", make)


def rolled_store(cache: Path, shape: Shape) -> tuple[Path, Usage]:
    """Give the data directory of the same store, rolled and merged, and what the roll took; must not be changed."""
    events = events_store(cache, shape)

    def make(directory: Path) -> Usage:
        store = open_directory(directory)
        store.migrate()
        with Usage() as usage:
            store.run("roll", {})
        merge(store, "usage_rolls")
        store.close()
        return usage

    directory = _made(cache / shape.name / f"rolled-{_checksum(events.name, _all_sql())}", make, begin_with=events)
    return directory, Usage(**json.loads((directory / "made.json").read_text()))


def derived_store(rolled: Path, shape: Shape, state: str, change: Callable[[Path, Shape], None]) -> Path:
    """Give a rolled store to which something was done; must not be changed."""

    def make(directory: Path) -> Usage:
        with Usage() as usage:
            change(directory, shape)
        return usage

    checksum = _checksum(rolled.name, *(path.read_text() for path in (HERE / "events.sql", HERE / "rollups.py")))
    return _made(rolled.parent / f"{state}-{checksum}", make, begin_with=rolled)


def _all_sql() -> str:
    return "\0".join(path.read_text() for path in _sql_files(""))


def _sql_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (sql.root() / folder).rglob("*.sql"))


def _checksum(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:10]


def _made(directory: Path, make: Callable[[Path], Usage], *, begin_with: Path | None = None) -> Path:
    """Make a store unless it is there; one that was not finished is made anew."""
    note = directory / "made.json"
    if not note.exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        say(f"making {directory}")
        if begin_with:
            copy_store(begin_with, directory)
        began = time.perf_counter()
        usage = make(directory)
        note.write_text(json.dumps(asdict(usage)))
        say(f"made {directory} in {time.perf_counter() - began:.0f} s")
    return directory
