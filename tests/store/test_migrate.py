"""The schema: applied once, again without effect, on from wherever it stopped, never in another form."""

from __future__ import annotations

import datetime as dt
import shutil
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import StoreError
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, sql
from modeltally.store.client import Database
from modeltally.store.migrate import migrate

if TYPE_CHECKING:
    from pathlib import Path

CHANGED = "usage_quarantine_from_input"
AS_OF = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
TABLE_FILES = sql.schema()[1:]
# What takes a table away comes when nothing reads it any more.
FILES = [
    file.name
    for file in (
        *(file for file in TABLE_FILES if not file.is_removal),
        *sql.ingest(),
        *(file for file in TABLE_FILES if file.is_removal),
    )
]
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


def mark(database: Database, name: str, checksum: str) -> None:
    """Note a file as applied."""
    database.command(sql.statement("migrate/mark_applied"), {"name": name, "checksum": checksum, "as_of": AS_OF})


def changed(view: sql.IngestView) -> sql.IngestView:
    """The view as another version might have it."""
    if view.name != CHANGED:
        return view
    return sql.IngestView(view.name, view.text.replace("operation) AS name", "upper(operation)) AS name"))


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
    """A table made in another form stops everything: it is not what this version expects."""
    migrate(database, as_of=AS_OF)
    mark(database, "0002_create_usage_events", "of another form")
    with pytest.raises(StoreError, match="0002_create_usage_events was applied to this database in another form"):
        migrate(database, as_of=AS_OF)


@pytest.mark.parametrize(
    "ledger",
    [
        {"0014_read_spans": "a"},
        {"0002_create_usage_input": "a", "0003_create_usage_events": "b", "0035_read_custom_in_spans": "c"},
        {"9999_add_extra_to_usage_events": "a"},
        {"extra_from_spans": "a"},
    ],
    ids=["before the release", "all of it", "a later version", "a later view"],
)
def test_database_of_another_version_is_left_as_it_is(database: Database, ledger: dict[str, str]) -> None:
    """Whoever opens a store with another schema is told how to keep its data, and nothing in it is touched."""
    database.command(sql.schema()[0])
    database.command(
        sql.Statement("events", "CREATE TABLE usage_events (start Date) ENGINE = MergeTree ORDER BY start")
    )
    database.command(sql.Statement("rows", "INSERT INTO usage_events SELECT '2026-03-02' AS start"))
    database.command(sql.Statement("import", "CREATE DATABASE modeltally_import_0123456789abcdef"))
    for name, checksum in ledger.items():
        mark(database, name, checksum)
    before = (database.query(TABLES), database.query(sql.statement("migrate/applied")))
    store = EmbeddedStore(database, settings=Settings(), jobs={})
    told = f"{min(ledger)} was applied .* Nothing was changed.*`modeltally export --to` with that .*`modeltally import`"
    with pytest.raises(StoreError, match=told):
        store.migrate()
    assert (database.query(TABLES), database.query(sql.statement("migrate/applied"))) == before
    assert database.query(sql.Statement("kept", "SELECT count() AS kept FROM usage_events")) == [{"kept": 1}]
    left = sql.statement("transfer/scratch_databases")
    assert database.query(left, {"prefix": "modeltally_import_"}) == [{"name": "modeltally_import_0123456789abcdef"}]


def test_what_fills_a_table_follows_its_file(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A materialised view whose file changed gets the new query, also when the clock went back, and only then."""
    migrate(database, as_of=AS_OF)
    ours = sql.ingest()
    theirs = [changed(view) for view in ours]
    for views, at in ((theirs, AS_OF), (ours, AS_OF - dt.timedelta(days=1)), (theirs, AS_OF - dt.timedelta(days=2))):
        monkeypatch.setattr(sql, "ingest", lambda views=views: views)
        assert migrate(database, as_of=at) == [CHANGED]
        assert migrate(database, as_of=at) == []
        made = next(str(row["made"]) for row in database.query(TABLES) if row["name"] == CHANGED)
        assert ("upper(operation)" in made) == (views is theirs)


def test_what_fills_a_table_is_made_again_where_it_is_missing(database: Database) -> None:
    """The ledger says what a view was, not that it is there."""
    migrate(database, as_of=AS_OF)
    before = database.query(TABLES)
    database.command(sql.Statement("drop", f"DROP VIEW {CHANGED}"))
    assert migrate(database, as_of=AS_OF) == [CHANGED]
    assert database.query(TABLES) == before


def test_view_made_and_not_noted_gets_the_query_of_its_file(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between a view and its note, by whatever version: the next one brings it to its own query."""
    with monkeypatch.context() as patch:
        views = [changed(view) for view in sql.ingest()]
        patch.setattr(sql, "ingest", lambda: views)
        migrate(database, as_of=AS_OF)
    database.command(sql.Statement("forget", f"ALTER TABLE schema_migrations DELETE WHERE name = '{CHANGED}'"))
    assert migrate(database, as_of=AS_OF) == [CHANGED]
    made = next(str(row["made"]) for row in database.query(TABLES) if row["name"] == CHANGED)
    assert "upper(operation)" not in made


def test_views_are_made_before_what_brings_them_rows() -> None:
    """A view that fills a table comes after those that take rows on from it, and each is about its own table."""
    names = [view.name for view in sql.ingest()]
    assert names.index("usage_input_from_spans") > max(
        names.index(f"{table}_from_input") for table in ("usage_events", "usage_late", "usage_quarantine")
    )
    assert names == [view.name for view in sql.ingest()]
    with pytest.raises(RuntimeError, match=r"ingest/other\.sql does not make the materialised view of its name"):
        sql.IngestView("other", sql.ingest()[0].text).target  # noqa: B018 - what raises


@pytest.mark.slow(seconds=7, why="a migration stopped at each file")
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
    assert sorted(map(str, applied)) == sorted([*FILES, "views"])
    stopped.close()
    whole.close()


@pytest.mark.slow(seconds=5, why="every view installed twice")
def test_views_are_installed_when_one_changed_or_is_missing_and_not_otherwise(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Opening a store that is up to date installs no view; one that was dropped or has another text comes back."""
    installed: list[str] = []
    install_view = type(database).install_view

    def noted(self: Database, view: sql.Statement) -> None:
        installed.append(view.name)
        install_view(self, view)

    monkeypatch.setattr(type(database), "install_view", noted)
    counts = []
    for change in ("SELECT 1", "SELECT 1", "DROP VIEW usage_by_model", "SELECT 1"):
        database.command(sql.Statement("change", change))
        installed.clear()
        migrate(database, as_of=AS_OF)
        counts.append(len(installed))
    views = len(sql.view_names())
    assert counts == [views, 0, views, 0]
    changed = shutil.copytree(sql.root(), tmp_path / "sql")
    one = changed / "views" / "usage" / "usage_by_model.sql"
    one.write_text(f"{one.read_text()}\n-- changed\n")
    monkeypatch.setattr(sql, "root", lambda: changed)
    installed.clear()
    assert migrate(database, as_of=AS_OF) == []
    assert len(installed) == views
