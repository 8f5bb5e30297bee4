"""The invariants of the store: each file of ``queries/checks/`` must return no rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.store._database_store import DatabaseStore
    from modeltally.store.client import Row

__all__ = ["checks", "run_checks"]

# of each broken invariant; the rest is counted
_SHOWN_ROWS = 5


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

    Raises:
        StoreError: The database refused or failed.
    """
    del parameters
    report: list[Row] = []
    for check in checks():
        rows = store.database.query(check)
        report.append(
            {"check": check.name, "broken_rows": len(rows), "rule": _rule(check), "first_rows": rows[:_SHOWN_ROWS]}
        )
    return report
