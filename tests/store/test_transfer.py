"""Export and import: the same answers afterwards, once, whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.errors import InputError, StoreError
from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, ServedStore, sql
from modeltally.store.client import Database
from modeltally.store.transfer import export_store, import_export
from modeltally.store.transfer_jobs import ALWAYS, LANDING, METRICS, NOT_EXPORTED
from queries.given import Alias, Given, Operation, give
from store.answers import AS_OF, MARCH, answers, lived_in
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store import DatabaseStore, Row
    from support.stores import Template

Opened = Callable[[Path], contextlib.AbstractContextManager[EmbeddedStore]]


@contextlib.contextmanager
def opened_as_it_is(directory: Path) -> Iterator[EmbeddedStore]:
    """Open the store of a directory; a process can have one open at a time."""
    database = Database.open_directory(directory / "chdb")
    store = EmbeddedStore(database, settings=Settings(), jobs=runners(), clock=lambda: AS_OF)
    try:
        store.migrate()
        yield store
    finally:
        store.close()


@pytest.fixture(scope="module")
def opened(template: Template) -> Opened:
    """Open the store of a directory, a migrated one where there is none."""

    def opened(directory: Path) -> contextlib.AbstractContextManager[EmbeddedStore]:
        if not (directory / "chdb").exists():
            template.copy(directory)
        return opened_as_it_is(directory)

    return opened


@contextlib.contextmanager
def opened_as_server(directory: Path) -> Iterator[ServedStore]:
    """Open a directory as a server's store is used: files are sent to it, it does not read them itself."""
    store = ServedStore(
        Database.open_directory(directory / "chdb"),
        settings=Settings(),
        jobs=runners(is_served=True),
        clock=lambda: AS_OF,
    )
    try:
        store.migrate()
        yield store
    finally:
        store.close()


def table_rows(store: DatabaseStore) -> dict[str, list[Row]]:
    """Every row of every exported table, as text."""
    lines = "SELECT formatRow('JSONCompactEachRow', *) AS line FROM {table:Identifier} ORDER BY line"
    return {
        table: store.database.query(sql.Statement(table, lines).with_names({"table": table}))
        for table in (*ALWAYS, *LANDING)
    }


@pytest.fixture(scope="module")
def exported(opened: Opened, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[Row]]]:
    """Export a store that has been lived in, with its landing table; give the directory and its rows."""
    root = tmp_path_factory.mktemp("exported")
    with opened(root / "from") as store:
        lived_in(store)
        export_store(store, root / "export", with_landing=True, with_metrics=True)
        return root / "export", table_rows(store)


@pytest.mark.slow(seconds=200, why="every view twice")
def test_every_view_answers_the_same_after_an_import(
    opened: Opened, exported: tuple[Path, dict[str, list[Row]]], tmp_path: Path
) -> None:
    """Every view gives every row as before, also after everything is rolled anew and the invariants hold."""
    directory, rows = exported
    with opened(directory.parent / "from") as store:
        before = {**answers(store), **answers(store, only="usage_by_model")}
    assert any("flux" in str(answer) for answer in before.values())
    with opened(tmp_path) as store:
        assert not import_export(store, directory).was_done
        assert table_rows(store) == rows
        assert {**answers(store), **answers(store, only="usage_by_model")} == before
        store.run("roll", {})
        for question, answer in answers(store, only="usage_by_model").items():
            assert answer == before[question]
        store.run("expire", {"as_of": AS_OF})
        for check in (sql.root() / "checks").glob("*.sql"):
            assert store.database.query(sql.Statement(check.stem, check.read_text())) == [], check.stem
        # numbers of users go on where they were
        give(store, Given(operations=[Operation(at=AS_OF, user=77)]), first_id=20_000)
        store.run("roll", {})
        numbers = ask(store, "SELECT count() AS users, uniqExact(number) AS numbers FROM users")[0]
        assert numbers["users"] == numbers["numbers"]


@pytest.mark.slow(seconds=9, why="a store served")
def test_server_is_sent_the_files(exported: tuple[Path, dict[str, list[Row]]], tmp_path: Path) -> None:
    """Sent through the client instead of read by the engine, every table has every row, once."""
    directory, rows = exported
    with opened_as_server(tmp_path) as store:
        assert not import_export(store, directory).was_done
        assert table_rows(store) == rows
        assert import_export(store, directory).was_done
        assert table_rows(store) == rows


@pytest.mark.slow(seconds=6, why="a server stopped in an import")
def test_server_that_was_stopped_while_rows_were_put_in_place_is_mended_by_the_next_import(
    exported: tuple[Path, dict[str, list[Row]]], tmp_path: Path
) -> None:
    """A server is never opened, so the import repeated finishes what the one that was killed began."""
    directory, rows = exported
    _import_killed(tmp_path, directory, statement="transfer/publish_piece", after=4, opener="opened_as_server")
    with opened_as_server(tmp_path) as store:
        assert table_rows(store) != rows
        assert import_export(store, directory).was_done
        assert table_rows(store) == rows


def test_every_table_is_exported_or_known_not_to_be(opened: Opened, tmp_path: Path) -> None:
    """A table that nobody thought of would stay behind."""
    with opened(tmp_path) as store:
        tables = ask(
            store,
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine NOT LIKE '%View' ORDER BY 1",
        )
    assert {row["name"] for row in tables} == {*ALWAYS, *LANDING, *METRICS, *NOT_EXPORTED}


def test_rows_that_others_replaced_are_left_behind(opened: Opened, tmp_path: Path) -> None:
    """Rolls that later ones replace, not yet merged by the engine, are no reason to refuse the import."""
    question = "SELECT count() AS rows, (SELECT count() FROM usage_rolls FINAL) AS kept FROM usage_rolls"
    with opened(tmp_path / "from") as store:
        store.database.command(sql.Statement("keep_apart", "SYSTEM STOP MERGES usage_rolls"))
        for number in range(2):
            give(store, Given(operations=[Operation(at=MARCH)]), first_id=1 + number)
            store.run("roll", {})
        (found,) = ask(store, question)
        assert found["rows"] == 2 * found["kept"] > 0
        export_store(store, tmp_path / "export")
    with opened(tmp_path / "to") as store:
        assert not import_export(store, tmp_path / "export").was_done
        assert ask(store, question) == [{"rows": found["kept"], "kept": found["kept"]}]


@pytest.mark.slow(seconds=10, why="two stores brought through months")
def test_second_import_changes_nothing(
    opened: Opened, exported: tuple[Path, dict[str, list[Row]]], tmp_path: Path
) -> None:
    """Importing the same export again adds nothing, also after more came, and after a restart.

    What an empty store was told to tell of itself is no data.
    """
    directory, _ = exported
    with opened(tmp_path) as store:
        store.database.command(sql.Statement("tell", "INSERT INTO alerts (rule, status) VALUES ('no_data', 'firing')"))
        import_export(store, directory)
        give(store, Given(operations=[Operation(at=AS_OF, user=5)]), first_id=30_000)
        rows = table_rows(store)
        assert import_export(store, directory).was_done
        assert table_rows(store) == rows
    with opened(tmp_path) as store:
        assert import_export(store, directory).was_done
        assert table_rows(store) == rows


def test_store_with_other_data_is_refused(
    opened: Opened, exported: tuple[Path, dict[str, list[Row]]], tmp_path: Path
) -> None:
    """A store that holds one row of anything takes no import, and says which table holds it."""
    directory, _ = exported
    with opened(tmp_path) as store:
        give(store, Given(aliases=[Alias(alias="a", name="b")]))
        rows = table_rows(store)
        with pytest.raises(InputError, match=r"already holds data: aliases \(1 rows\)"):
            import_export(store, directory)
        assert table_rows(store) == rows


@pytest.mark.slow(seconds=12, why="every view twice")
def test_export_is_one_moment_while_more_arrives(opened: Opened, tmp_path: Path) -> None:
    """What comes after the beginning is not in the export, whichever file is written when it comes."""
    with opened(tmp_path / "from") as store:
        lived_in(store)
        rows = table_rows(store)
        given = iter(range(50_000, 60_000, 100))

        def more(_done: int, _total: int) -> None:
            number = next(given)
            give(store, Given(operations=[Operation(at=MARCH, user=50, times=3)]), first_id=number)
            if number % 500 == 0:
                store.run("roll", {})

        export_store(store, tmp_path / "export", with_landing=True, on_rows=more)
        assert table_rows(store) != rows
    with opened(tmp_path / "to") as store:
        import_export(store, tmp_path / "export")
        assert table_rows(store) == rows


@pytest.mark.slow(seconds=200, why="every view twice")
def test_export_without_options_leaves_spans_and_metrics_out(opened: Opened, tmp_path: Path) -> None:
    """No figure needs them: the answers are the same without."""
    with opened(tmp_path / "from") as store:
        lived_in(store)
        before = answers(store)
        made = export_store(store, tmp_path / "export")
        assert set(made.rows) == set(ALWAYS)
        assert ask(store, "SELECT count() AS left FROM system.databases WHERE name LIKE 'modeltally_%'")[0]["left"] == 0
    with opened(tmp_path / "to") as store:
        import_export(store, tmp_path / "export")
        assert answers(store) == before


def test_empty_store_moves_too(opened: Opened, tmp_path: Path) -> None:
    """An export of nothing is an export, and can be imported once."""
    with opened(tmp_path / "from") as store:
        assert export_store(store, tmp_path / "export").files == []
    with opened(tmp_path / "to") as store:
        assert not import_export(store, tmp_path / "export").was_done
        assert import_export(store, tmp_path / "export").was_done


def _edit(directory: Path, **changes: Any) -> None:
    path = directory / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _flip(directory: Path) -> None:
    path = next(iter(sorted((directory / "usage_rolls").iterdir())))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _other_path(directory: Path) -> None:
    files = json.loads((directory / "manifest.json").read_text())["files"]
    files[0]["path"] = "../../etc/passwd"
    _edit(directory, files=files)


def _fewer_rows(directory: Path) -> None:
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["files"][0]["rows"] -= 1
    manifest["rows"][manifest["files"][0]["table"]] -= 1
    _edit(directory, files=manifest["files"], rows=manifest["rows"])


def _newer_schema(directory: Path) -> None:
    schema = json.loads((directory / "manifest.json").read_text())["schema_files"]
    _edit(directory, schema_files=[*schema, {"name": "9000_of_the_future", "checksum": "0" * 64}])


@pytest.mark.slow(seconds=8, why="an import for each damage")
@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda at: (at / "manifest.json").unlink(), InputError, "holds no manifest.json"),
        (lambda at: (at / "manifest.json").write_text("{"), InputError, "cannot read"),
        (lambda at: _edit(at, format=2), InputError, "has the format 2, and this version reads format 1"),
        (lambda at: _edit(at, rows={}), InputError, "its files do not have the rows"),
        (lambda at: _edit(at, export_id="x"), InputError, "is damaged: export_id"),
        (_other_path, InputError, "it names the file '../../etc/passwd'"),
        (_flip, InputError, "its SHA-256 is not what it was"),
        (lambda at: os.truncate(next((at / "usage_events").iterdir()), 10), InputError, "is damaged: it has 10 bytes"),
        (lambda at: next((at / "users").iterdir()).unlink(), InputError, "cannot read"),
        (_newer_schema, InputError, "9000_of_the_future, and this version does not know it: it is older"),
        (_fewer_rows, StoreError, "what was read is not what the export says"),
    ],
    ids=[
        "no manifest",
        "half a manifest",
        "another format",
        "rows that do not add up",
        "no id",
        "a file elsewhere",
        "a bit flipped",
        "a file cut off",
        "a file gone",
        "a newer schema",
        "fewer rows than in the file",
    ],
)
def test_damaged_export_changes_nothing(
    opened: Opened,
    exported: tuple[Path, dict[str, list[Row]]],
    tmp_path: Path,
    damage: Any,
    error: type[Exception],
    message: str,
) -> None:
    """What is damaged, incomplete or from a newer version is refused by name, and the store is as it was."""
    shutil.copytree(exported[0], tmp_path / "export")
    damage(tmp_path / "export")
    with opened(tmp_path / "to") as store:
        with pytest.raises(error, match=message):
            import_export(store, tmp_path / "export")
        stored = store.database.query(sql.statement("transfer/stored_tables"))
        assert [row["table_name"] for row in stored] == ["schema_migrations"]
        assert import_export(store, exported[0]).was_done is False


def test_directory_that_is_not_empty_is_refused(opened: Opened, tmp_path: Path) -> None:
    """An export never goes into somebody's files."""
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "letter.txt").write_text("dear")
    with opened(tmp_path / "from") as store:
        with pytest.raises(InputError, match="is not empty"):
            export_store(store, tmp_path / "export")
        with pytest.raises(InputError, match="cannot write to"):
            export_store(store, tmp_path / "export" / "letter.txt" / "deeper")
    assert [path.name for path in (tmp_path / "export").iterdir()] == ["letter.txt"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 256 KiB."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(point)],  # noqa: S607 - the system's own
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small tmpfs needs root: {mounted.stderr.strip()}; run the tests as root")
    yield point
    subprocess.run(["umount", str(point)], check=True)  # noqa: S607 - the system's own


@pytest.mark.slow(seconds=5, why="an export for each step")
def test_full_disk_leaves_no_half_export(opened: Opened, small_disk: Path, tmp_path: Path) -> None:
    """An export that does not fit fails with a word about the disk, leaves nothing behind, and the store works on."""
    with opened(tmp_path / "from") as store:
        lived_in(store)
        give(store, Given(operations=[Operation(at=MARCH, user=3, times=40_000, every_seconds=1)]), first_id=100_000)
        before = table_rows(store)
        with pytest.raises(StoreError, match=r"(?i)no space left|disk"):
            export_store(store, small_disk / "export")
        assert list(small_disk.iterdir()) == []
        assert table_rows(store) == before
        assert ask(store, "SELECT count() AS left FROM system.databases WHERE name LIKE 'modeltally_%'")[0]["left"] == 0
        export_store(store, tmp_path / "export")


KILLED = """
import os, signal, sys
from pathlib import Path
from store import test_transfer
from modeltally.store.client import Database
from modeltally.store.transfer import import_export

statement, after = sys.argv[3], int(sys.argv[4])
command = Database.command
seen = 0

def killing(self, what, *args, **kwargs):
    global seen
    if what.name == statement:
        seen += 1
        if seen > after:
            os.kill(os.getpid(), signal.SIGKILL)
    command(self, what, *args, **kwargs)

Database.command = killing
with getattr(test_transfer, sys.argv[5])(Path(sys.argv[1])) as store:
    import_export(store, Path(sys.argv[2]))
"""


def _import_killed(to: Path, directory: Path, *, statement: str, after: int, opener: str = "opened_as_it_is") -> None:
    """Import in another process, which is killed before a statement."""
    command = [sys.executable, "-c", KILLED, str(to), str(directory), statement, str(after), opener]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    killed = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr


@pytest.mark.slow(seconds=18, why="an import killed at each of its steps")
@pytest.mark.parametrize(
    ("statement", "after"),
    [
        ("transfer/read_piece", 3),
        ("transfer/mark_import", 0),
        ("transfer/publish_piece", 0),
        ("transfer/publish_piece", 4),
        ("transfer/mark_import", 1),
        ("transfer/drop_scratch", 0),
    ],
)
def test_import_killed_anywhere_and_repeated_is_exact(
    opened: Opened,
    exported: tuple[Path, dict[str, list[Row]]],
    tmp_path: Path,
    statement: str,
    after: int,
) -> None:
    """Killed while it reads or while it puts rows in place: the store opens whole, and the import repeated is exact."""
    directory, rows = exported
    _import_killed(tmp_path, directory, statement=statement, after=after)
    with opened(tmp_path) as store:
        stored = {str(row["table_name"]) for row in store.database.query(sql.statement("transfer/stored_tables"))}
        # before anything is put in place there is nothing; from then on there is all of it
        is_published = statement in {"transfer/publish_piece", "transfer/drop_scratch"} or after == 1
        assert (table_rows(store) == rows) == is_published
        assert (stored <= {"schema_migrations", "imports"}) == (not is_published)
        assert ask(store, "SELECT count() AS left FROM system.databases WHERE name LIKE 'modeltally_%'")[0]["left"] == 0
        assert import_export(store, directory).was_done == is_published
        assert table_rows(store) == rows


class _Failing(Database):
    """A database whose nth statement of a name fails."""

    fail_at = ("", 0)

    def command(self, statement: sql.Statement, *args: object, **kwargs: object) -> None:
        if statement.name == self.fail_at[0]:
            self.fail_at = (statement.name, self.fail_at[1] - 1)
            if self.fail_at[1] < 0:
                self.fail_at = ("", 0)
                raise StoreError("no space left on device")
        super().command(statement, *args, **kwargs)  # type: ignore[arg-type] # passed through


@pytest.mark.slow(seconds=7, why="three imports")
@pytest.mark.parametrize(("statement", "after"), [("read_piece", 2), ("publish_piece", 3), ("mark_import", 1)])
def test_import_that_fails_takes_everything_back(
    template: Template,
    exported: tuple[Path, dict[str, list[Row]]],
    tmp_path: Path,
    statement: str,
    after: int,
) -> None:
    """The engine refusing in the middle leaves an empty store, and the import can be repeated."""
    directory, rows = exported
    with template.opened(tmp_path, clock=lambda: AS_OF, database=_Failing) as store:
        assert isinstance(store.database, _Failing)
        store.database.fail_at = (f"transfer/{statement}", after)
        with pytest.raises(StoreError, match="no space left"):
            import_export(store, directory)
        stored = {str(row["table_name"]) for row in store.database.query(sql.statement("transfer/stored_tables"))}
        assert stored <= {"schema_migrations", "imports"}
        assert not import_export(store, directory).was_done
        assert table_rows(store) == rows
