"""Applies the schema: the numbered files once each, then every view anew."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from modeltally.errors import StoreError
from modeltally.store import sql

if TYPE_CHECKING:
    import datetime as dt

    from modeltally.store.client import Database

__all__ = ["migrate"]


def migrate(database: Database, *, as_of: dt.datetime) -> list[str]:
    """Bring the database up to the schema of this version; safe to repeat and to interrupt.

    Args:
        database: Where to apply it.
        as_of: The time noted beside each file.

    Returns:
        The names of the schema files that were applied now.

    Raises:
        StoreError: A file that was applied before has changed since, or the engine refused one.
    """
    ledger, *files = sql.schema()
    database.command(ledger)
    applied = {str(row["name"]): row["checksum"] for row in database.query(sql.statement("migrate/applied"))}
    done = []
    for file in files:
        checksum = hashlib.sha256(file.body.encode()).hexdigest()
        if applied.get(file.name, checksum) != checksum:
            raise StoreError(
                f"schema file {file.name} was applied to this database in another form; "
                "released schema files are never edited: install the version that made this database, or a later one"
            )
        if file.name not in applied:
            database.command(file)
            mark = {"name": file.name, "checksum": checksum, "as_of": as_of}
            database.command(sql.statement("migrate/mark_applied"), mark)
            done.append(file.name)
    for view in sql.views_in_order():
        database.install_view(view)
    return done
