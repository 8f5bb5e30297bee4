"""Applies the schema: the numbered files once each, what fills the tables and what reads them when it changed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from modeltally.errors import StoreError
from modeltally.store import sql

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator

    from modeltally.store.client import Database

__all__ = ["check_schema", "migrate"]

# What the ledger calls all views together.
_VIEWS = "views"


def check_schema(database: Database) -> dict[str, str]:
    """Refuse a database whose schema this version does not know; nothing but an empty ledger is made.

    Args:
        database: Which.

    Returns:
        The checksum of each file that was applied to it, by name.

    Raises:
        StoreError: It was made by another version, or the engine refused.
    """
    ledger, *files = sql.schema()
    database.command(ledger)
    applied = {str(row["name"]): str(row["checksum"]) for row in database.query(sql.statement("migrate/applied"))}
    tables = {file.name: _checksum(file) for file in files}
    known = tables.keys() | {view.name for view in sql.ingest()} | {_VIEWS}
    for name, checksum in applied.items():
        if name in known and tables.get(name, checksum) == checksum:
            continue
        how = "in another form" if name in known else "and this version does not know it"
        raise StoreError(
            f"schema file {name} was applied to this database {how}: another version of modeltally made it. Nothing was"
            " changed. Use that version, or a later one; or take its data over: `modeltally export --to` with that"
            " version, then `modeltally import` with this one into an empty store"
        )
    return applied


def migrate(database: Database, *, as_of: dt.datetime) -> list[str]:
    """Bring the database up to the schema of this version; safe to repeat and to interrupt.

    Args:
        database: Where to apply it.
        as_of: The time noted beside each file.

    Returns:
        The names of the files that were applied now.

    Raises:
        StoreError: Another version made the database, or the engine refused a file.
    """
    applied = check_schema(database)
    done = []

    def note(file: sql.Statement) -> None:
        values = {"name": file.name, "checksum": _checksum(file), "as_of": as_of}
        database.command(sql.statement("migrate/mark_applied"), values)

    def mark(file: sql.Statement) -> None:
        note(file)
        done.append(file.name)

    def apply(files: Iterable[sql.Statement]) -> None:
        for file in files:
            if file.name not in applied:
                database.command(file)
                mark(file)

    tables = sql.schema()[1:]
    apply(file for file in tables if not file.is_removal)
    there = {str(row["name"]) for row in database.query(sql.statement("migrate/views_there"))}
    for view, statement in _ingest_changes(applied, there):
        database.command(statement)
        mark(view)
    apply(file for file in tables if file.is_removal)  # what fills the tables read it until now
    # they hold nothing, so they are installed all together, whatever changed
    together = sql.Statement(_VIEWS, sql.views_as_written(is_embedded=database.is_embedded))
    if applied.get(_VIEWS) != _checksum(together) or not there.issuperset(sql.view_names()):
        for reader in sql.views_to_install(is_embedded=database.is_embedded):
            database.install_view(reader)
        note(together)
    return done


def _ingest_changes(applied: dict[str, str], there: set[str]) -> Iterator[tuple[sql.IngestView, sql.Statement]]:
    """Give each view that fills a table and is missing or another one, with the statement that mends it."""
    for view in sql.ingest():
        if view.name not in there:
            yield view, view
        elif applied.get(view.name) != _checksum(view):  # changed, or killed before it was noted
            yield view, view.redefinition


def _checksum(file: sql.Statement) -> str:
    return hashlib.sha256(file.body.encode()).hexdigest()
