"""A part of a table that is gone is missed, whenever it went; one that was merged or dropped is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import StoreError
from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, open_store, sql
from modeltally.store.parts import FILE_NAME, is_damage
from support.stores import ask

if TYPE_CHECKING:
    from support.stores import Template

WRITE = sql.Statement(
    "write", "INSERT INTO users (user_hash, number) SELECT {number:UInt64} AS user_hash, {number:UInt64} AS number"
)
PARTS = "SELECT path FROM system.parts WHERE active AND table = 'users' AND database = currentDatabase() ORDER BY name"


def opened(directory: Path) -> EmbeddedStore:
    """Open a store as the commands do."""
    return open_store(directory, settings=Settings(dir=directory), jobs=runners())


def write(store: EmbeddedStore, *numbers: int) -> None:
    """Write a part with a row for each number."""
    for number in numbers:
        store.database.command(WRITE, {"number": number})


def parts(store: EmbeddedStore) -> list[Path]:
    """Give the folders of the parts of a table."""
    return [Path(str(row["path"])) for row in ask(store, PARTS)]


@pytest.fixture(scope="module")
def made(template: Template, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """Make a data directory whose table has three parts, on record; gives it, and where the parts are in it."""
    directory = template.copy(tmp_path_factory.mktemp("made"))
    store = opened(directory)
    store.database.command(sql.Statement("stop", "SYSTEM STOP MERGES users"))
    write(store, 1, 2, 3)
    found = [part.relative_to(directory) for part in parts(store)]
    assert len(found) == 3
    store.close()
    return directory, found


@pytest.fixture
def directory(made: tuple[Path, list[Path]], tmp_path: Path) -> Path:
    """Copy that directory."""
    return shutil.copytree(made[0], tmp_path / "data", symlinks=True)


@pytest.fixture
def folders(made: tuple[Path, list[Path]], directory: Path) -> list[Path]:
    """Give the folders of the three parts."""
    return [directory / part for part in made[1]]


def test_a_part_deleted_before_the_start_is_missed_for_good(directory: Path, folders: list[Path]) -> None:
    """It is named with its rows at each start, until somebody deletes the record."""
    gone = folders[1]
    shutil.rmtree(gone)
    for _ in range(2):
        store = opened(directory)
        (lost,) = store.lost_parts()
        assert lost["part"] == f"users/{gone.name}"
        assert lost["what"] == "gone since it was last seen, with 1 rows"
        assert "1 parts of tables are gone or broken" in (store.damage() or "")
        report = {row["check"]: row["broken_rows"] for row in store.run("check", {})}
        assert report["parts_are_there"] == 1
        store.close()
    (directory / FILE_NAME).unlink()
    store = opened(directory)
    assert (store.lost_parts(), store.damage()) == ([], None)
    assert "parts_are_there" not in {row["check"] for row in store.run("check", {})}
    store.close()


def test_a_part_deleted_under_the_engine_is_told_after_the_next_job(directory: Path) -> None:
    """Its files are looked for whenever the record is taken."""
    store = opened(directory)
    assert store.damage() is None
    shutil.rmtree(parts(store)[0])
    store.run("roll", {})
    assert [row["what"] for row in store.lost_parts()] == ["its files are gone"]
    assert store.damage() is not None
    store.close()


@pytest.mark.parametrize("name", ["checksums.txt", "count.txt", "columns.txt"])
def test_a_part_that_the_engine_puts_aside_is_told(directory: Path, folders: list[Path], name: str) -> None:
    """A part that does not load is no silence."""
    (folders[0] / name).write_bytes(b"\xff nothing")
    store = opened(directory)
    assert store.damage() is not None
    store.close()


def test_what_is_merged_is_held_by_another_part(directory: Path) -> None:
    """One large part in place of three is no loss, though the process is killed before the record says so."""
    store = opened(directory)
    before = (directory / FILE_NAME).read_text()
    store.database.command(sql.Statement("merge", "OPTIMIZE TABLE users FINAL"))
    assert len(parts(store)) == 1
    store.close()
    (directory / FILE_NAME).write_text(before)
    store = opened(directory)
    assert store.lost_parts() == []
    store.close()


@pytest.mark.parametrize(("at_work", "lost"), [("roll", 0), ("", 3)])
def test_what_a_job_may_have_dropped_when_it_was_killed_is_not_missed(
    directory: Path,
    folders: list[Path],
    at_work: str,
    lost: int,
) -> None:
    """A partition of which nothing is left, in a record taken while a job was at work."""
    for folder in folders:
        shutil.rmtree(folder)
    record = json.loads((directory / FILE_NAME).read_text())
    assert record["is_changing"] is False
    (directory / FILE_NAME).write_text(json.dumps({**record, "is_changing": bool(at_work)}))
    store = opened(directory)
    assert len(store.lost_parts()) == lost
    store.close()


def test_what_a_job_drops_is_not_missed(directory: Path) -> None:
    """The record is taken anew at the end of each job, and says meanwhile that one is at work."""
    store = opened(directory)
    drop = sql.Statement("drop", "ALTER TABLE users DROP PARTITION tuple()")
    said = []

    def run(*_: object) -> list[dict[str, object]]:
        store.database.command(drop)
        said.append(json.loads((directory / FILE_NAME).read_text())["is_changing"])
        return []

    store._jobs = {"drop": run}
    store.run("drop", {})
    store.database.close()  # killed: nothing is written at the end
    again = opened(directory)
    assert (said, again.lost_parts()) == ([True], [])
    again.close()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"parts": 1}', "\x00"])
def test_a_record_that_cannot_be_read_is_none(directory: Path, content: str) -> None:
    """After a power failure it may be empty; the store opens all the same."""
    (directory / FILE_NAME).write_text(content)
    store = opened(directory)
    assert store.lost_parts() == []
    store.close()
    assert json.loads((directory / FILE_NAME).read_text())["parts"]["users"]


def test_a_flipped_bit_is_found_by_reading_everything_and_by_whoever_reads_it(directory: Path) -> None:
    """The check of all files names the table; a query that meets it says so too, until all is whole."""
    store = opened(directory)
    assert store.verify() == []
    data = parts(store)[0] / "data.bin"
    whole = data.read_bytes()
    data.unlink()
    data.write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
    assert store.damage() is None
    with pytest.raises(StoreError, match="Code: "):
        ask(store, "SELECT sum(user_hash) AS sum FROM users")
    assert "a file of the engine is damaged" in (store.damage() or "")
    assert store.verify() == [{"table": "users"}]
    assert "files of users are damaged or missing" in (store.damage() or "")
    data.write_bytes(whole)
    assert store.verify() == []
    assert store.damage() is None
    store.close()


@pytest.mark.parametrize(
    ("said", "is_one"),
    [
        ("Code: 40. DB::Exception: Checksum doesn't match: corrupted data.", True),
        ("Code: 76. Cannot open file /d/chdb/store/a/data.bin: , errno: 2, strerror: No such file or directory", True),
        ("Code: 76. Cannot open file /d/chdb/store/a/data.bin: , errno: 24, strerror: Too many open files", False),
        ("Code: 33. Cannot read all data: /d/spool/1.spool", False),
        ("Code: 62. DB::Exception: Syntax error", False),
        ("Code: 400. DB::Exception: something else", False),
    ],
)
def test_damage_is_told_from_other_errors(said: str, is_one: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """A process without descriptors, or a body that cannot be read, is no damage of the engine's files."""
    assert is_damage(Exception(said)) is is_one
