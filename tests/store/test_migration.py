"""A store that an earlier version left is migrated: every figure stays, wherever it is stopped.

``data/before_tombstones.tar.xz`` is a data directory of the version before tombstones lost their hashes, and what that
version answered; ``record_before.py`` wrote it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, open_store, sql
from modeltally.store.check import checks
from modeltally.store.client import Database
from modeltally.store.migrate import migrate
from queries.given import Given, Operation, give
from store.answers import AS_OF, ERASED
from support.engine_files import files_with
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHIVE = Path(__file__).with_name("data") / "before_tombstones.tar.xz"
# what takes a table away comes last
STEPS = [
    file.name for file in sorted(sql.schema(), key=lambda file: (file.is_removal, file.name)) if file.name >= "0023"
]
# What views are asked besides that they did not know then: as the figures were then.
ASKED_SINCE: dict[str, object] = {"zone": "UTC", "made_at": "1970-01-01"}
COUNTS = "SELECT table, sum(rows) AS held FROM system.parts WHERE active AND database = 'modeltally' GROUP BY table"


class _Stopping(Database):
    """A database whose process dies after so many statements."""

    left: int | None = None

    def command(self, statement: sql.Statement, *args: object, **kwargs: object) -> None:
        if self.left is not None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
        super().command(statement, *args, **kwargs)  # type: ignore[arg-type] # passed through


@contextlib.contextmanager
def _opened(directory: Path) -> Iterator[tuple[_Stopping, EmbeddedStore]]:
    database = _Stopping.open_directory(directory / "chdb")
    assert isinstance(database, _Stopping)
    store = EmbeddedStore(database, settings=Settings(dir=directory), jobs=runners(), clock=lambda: AS_OF)
    try:
        yield database, store
    finally:
        store.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Unpack the data directory."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="tar")
    return tmp_path / "data"


@pytest.fixture
def answered(directory: Path) -> list[dict[str, Any]]:
    """Read what the earlier version answered."""
    found: list[dict[str, Any]] = json.loads((directory / "answers.json").read_text())
    assert any(known["rows"] for known in found)
    return found


def answered_again(store: EmbeddedStore, answered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the store answers to the same questions, in the columns there were."""
    again = []
    for known in answered:
        view = sql.view(known["view"])
        asked = {name: known["ask"].get(name, ASKED_SINCE.get(name)) for name in view.parameters}
        rows = store.database.query(view, asked)
        names = known["rows"][0] if known["rows"] else ()
        kept = [{name: row[name] for name in names} for row in rows]
        again.append({**known, "rows": json.loads(json.dumps(sorted(kept, key=str), default=str))})
    return again


def assert_migrated(store: EmbeddedStore, directory: Path, answered: list[dict[str, Any]]) -> None:
    """Every figure is there; who was erased is known by a tombstone, and their hash is nowhere."""
    again = answered_again(store, answered)
    for known, now in zip(answered, again, strict=True):
        assert now == known
    assert [check.name for check in checks() if store.database.query(check)] == []
    tables = ask(store, "SELECT name FROM system.tables WHERE database = 'modeltally' AND name = 'erased_users'")
    assert tables == []
    assert ask(store, "SELECT uniqExact(digest) AS tombstones FROM tombstones") == [{"tombstones": 1}]
    give(store, Given(operations=[Operation(at=AS_OF, user=ERASED)]), first_id=60_000)
    his = "SELECT count() AS his FROM usage_events WHERE user_hash = {his:UInt64}"
    assert ask(store, his, {"his": ERASED}) == [{"his": 0}]
    store.run("expire", {"as_of": AS_OF + dt.timedelta(hours=1)})
    assert files_with(directory, ERASED) == {}


@pytest.mark.slow(seconds=8, why="a store of before, migrated")
def test_store_of_before_keeps_its_rows_and_figures(directory: Path, answered: list[dict[str, Any]]) -> None:
    """Rolls, slices, users, aliases, advice and the erased user are what they were; nothing is applied twice."""
    assert files_with(directory, ERASED), "the earlier version leaves the hash"
    store = open_store(directory, settings=Settings(dir=directory), jobs=runners())
    try:
        before = {row["table"]: row["held"] for row in ask(store, COUNTS)}
        assert {"usage_rolls", "usage_late", "users", "aliases", "recommendations", "erased_users"} <= before.keys()
        applied = store.migrate()
        assert [name for name in applied if name in STEPS] == STEPS
        assert store.migrate() == []
        after = {row["table"]: row["held"] for row in ask(store, COUNTS)}
        changed = {"schema_migrations", "erased_users"}
        assert {table: held for table, held in before.items() if table not in changed} == {
            table: held for table, held in after.items() if table not in {*changed, "tombstones"}
        }
        assert_migrated(store, directory, answered)
    finally:
        store.close()


@pytest.mark.slow(seconds=40, why="a migration killed at each of its statements")
def test_migration_killed_at_each_statement_goes_on(directory: Path, answered: list[dict[str, Any]]) -> None:
    """Killed between each file and its mark, after each mark, and while hashes are taken out, no figure is lost."""
    with _opened(directory) as (database, store):
        for left in (2, 3) * 100:
            database.left = left
            try:
                migrate(database, as_of=AS_OF)
            except KeyboardInterrupt:
                continue
            break
        database.left = None
        assert migrate(database, as_of=AS_OF) == []
    with _opened(directory) as (database, store):
        for left in (6, 9, 14, 20):  # before the tombstone is set, between two tables, while nothing is merged, later
            database.left = left
            with pytest.raises(KeyboardInterrupt):
                store.migrate()
        database.left = None
        store.migrate()
        assert_migrated(store, directory, answered)
