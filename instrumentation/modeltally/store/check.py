"""The invariants of the store: each file of ``queries/checks/`` must return no rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeltally.errors import StoreError
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.store._database_store import DatabaseStore
    from modeltally.store.client import Row

__all__ = ["checks", "run_checks"]

# of each broken invariant; the rest is counted
_SHOWN_ROWS = 5
_ERROR_CHARACTERS = 300
TABLES_CHECK, PARTS_CHECK = "tables_are_whole", "parts_are_there"


def checks() -> list[sql.Statement]:
    """Every check, by name."""
    return [sql.Statement(path.stem, path.read_text()) for path in sorted((sql.root() / "checks").glob("*.sql"))]


def _rule(check: sql.Statement) -> str:
    """The sentence a check begins with: what must hold."""
    lines = []
    for line in check.text.splitlines():
        text = line.removeprefix("--").strip()
        if not line.startswith("--") or text.startswith(("Grain:", "Reads:")):
            break
        lines.append(text)
    return " ".join(lines)


def run_checks(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Ask a store every invariant: a row each, with how many rows break it and the first of them.

    Where the engine runs in this process, damage of its files is a row too.

    Raises:
        StoreError: The database refused or failed.
    """
    del parameters
    damaged = _damaged_tables(store)
    report: list[Row] = []
    rows: list[Row]
    for check in checks():
        try:
            rows = store.database.query(check)
        except StoreError as error:
            if not damaged:
                raise
            rows = [{"error": str(error)[:_ERROR_CHARACTERS]}]
        report.append(
            {"check": check.name, "broken_rows": len(rows), "rule": _rule(check), "first_rows": rows[:_SHOWN_ROWS]}
        )
    if damaged:
        rows = [{"table": table} for table in damaged]
        rule = "Every file of the engine has the checksum it was written with."
        report.append({"check": TABLES_CHECK, "broken_rows": len(rows), "rule": rule, "first_rows": rows[:_SHOWN_ROWS]})
    if lost := store.lost_parts():
        rule = "No part of a table is gone; what was in those below is lost. Delete parts.json to be told no more."
        report.append({"check": PARTS_CHECK, "broken_rows": len(lost), "rule": rule, "first_rows": lost[:_SHOWN_ROWS]})
    return report


def _damaged_tables(store: DatabaseStore) -> list[str]:
    """Give the tables of which a file is missing or damaged; a server looks after its own."""
    database = store.database
    if not database.is_embedded:
        return []
    check = sql.statement("check/table")
    tables = [str(row["name"]) for row in database.query(sql.statement("check/tables"))]
    return [table for table in tables if not database.is_whole(check.with_names({"table": table}))]
