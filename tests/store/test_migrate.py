"""The schema: applied once, again without effect, on from wherever it stopped, never in another form."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import StoreError
from modeltally.store import sql
from modeltally.store.client import Database
from modeltally.store.migrate import migrate

if TYPE_CHECKING:
    from pathlib import Path

AS_OF = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
FILES = [file.name for file in sql.schema()][1:]
TABLES = sql.Statement(
    "tables",
    "SELECT name, create_table_query AS made, engine FROM system.tables"
    " WHERE database = currentDatabase() ORDER BY name",
)


class _Stopping(Database):
    """A database whose process dies after so many statements."""

    left: int | None = None

    def command(self, statement: sql.Statement, *args: object, **kwargs: object) -> None:
        if self.left is not None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
        super().command(statement, *args, **kwargs)  # type: ignore[arg-type] # passed through


def test_migrate_applies_every_file_and_installs_every_view(database: Database) -> None:
    """An empty database gets all of the schema."""
    assert migrate(database, as_of=AS_OF) == FILES
    made = {str(row["name"]) for row in database.query(TABLES)}
    assert set(sql.view_names()) <= made
    assert {"otel_traces", "usage_events", "usage_rolls"} <= made


def test_migrate_does_nothing_when_repeated(database: Database) -> None:
    """What is applied is not applied again, and nothing looks different."""
    migrate(database, as_of=AS_OF)
    before = [row for row in database.query(TABLES) if row["engine"] != "View"]
    assert migrate(database, as_of=AS_OF) == []
    assert [row for row in database.query(TABLES) if row["engine"] != "View"] == before


def test_migrate_refuses_a_file_that_changed(database: Database) -> None:
    """A file applied in another form stops everything: its tables are not what this version expects."""
    migrate(database, as_of=AS_OF)
    name = "0003_create_usage_events"
    mark = {"name": name, "checksum": "of another form", "as_of": AS_OF + dt.timedelta(seconds=1)}
    database.command(sql.statement("migrate/mark_applied"), mark)
    with pytest.raises(StoreError, match=f"{name} was applied to this database in another form"):
        migrate(database, as_of=AS_OF)


def test_migrate_goes_on_wherever_it_was_interrupted(tmp_path: Path) -> None:
    """Stopped between each file and its mark, and after each mark, it makes the schema of one that never stopped."""
    whole = _Stopping.open_directory(tmp_path / "chdb", name="whole")
    migrate(whole, as_of=AS_OF)
    expected = [str(row["made"]).replace("whole.", "") for row in whole.query(TABLES)]
    stopped = _Stopping.open_directory(tmp_path / "chdb", name="stopped")
    assert isinstance(stopped, _Stopping)
    for left in (2, 3) * len(FILES):
        stopped.left = left
        try:
            migrate(stopped, as_of=AS_OF)
        except KeyboardInterrupt:
            continue
        break
    stopped.left = None
    assert migrate(stopped, as_of=AS_OF) == []
    assert [str(row["made"]).replace("stopped.", "") for row in stopped.query(TABLES)] == expected
    applied = [row["name"] for row in stopped.query(sql.statement("migrate/applied"))]
    assert applied == FILES
    stopped.close()
    whole.close()
