"""The database client: errors that say what failed, one process at a time, times that are aware."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import ParameterError, StoreError, StoreInUseError
from modeltally.store import sql
from modeltally.store.client import Database

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import pathlib, sys
from modeltally.store.client import Database
database = Database.open_directory(pathlib.Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
database.close()
"""


def test_directory_open_in_another_process_is_refused(tmp_path: Path) -> None:
    """A second process is told that the directory is in use, and gets it once the first is gone."""
    directory = tmp_path / "chdb"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreInUseError, match=f"is in use by process {holder.pid};"):
            Database.open_directory(directory)
        holder.communicate()
    Database.open_directory(directory).close()


def test_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """The message names the directory."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot make the database directory .*/file/chdb"):
        Database.open_directory(tmp_path / "file" / "chdb")


def test_statement_the_engine_refuses_is_named(database: Database) -> None:
    """A query, a command, a view and an insert that fail say which one it was."""
    broken = sql.Statement("broken", "SELECT nothing FROM nowhere")
    with pytest.raises(StoreError, match=r"broken failed: .*nowhere"):
        database.query(broken)
    with pytest.raises(StoreError, match=r"broken failed: .*nowhere"):
        database.command(sql.Statement("broken", "TRUNCATE TABLE nowhere"))
    with pytest.raises(StoreError, match="view broken cannot be installed"):
        database.install_view(broken)
    with pytest.raises(StoreError, match="inserting into nowhere failed"):
        database.insert_rows("nowhere", ["a"], [[1]])


def test_query_checks_its_parameters(database: Database) -> None:
    """A value that does not fit never reaches the engine."""
    question = sql.Statement("question", "SELECT {number:UInt8} AS number")
    assert database.query(question, {"number": "7"}) == [{"number": 7}]
    with pytest.raises(ParameterError):
        database.query(question, {"number": 256})


def test_text_parameter_stays_text(database: Database) -> None:
    """Quotes and backslashes of a value come back as they went in."""
    text = 'it\'s \\n a "model"; DROP TABLE users'
    assert database.query(sql.Statement("q", "SELECT {text:String} AS text"), {"text": text}) == [{"text": text}]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_times_come_back_aware_in_utc(database: Database, zone: str) -> None:
    """A time is the same moment whatever the session's zone."""
    database._client.set_client_setting("session_timezone", zone)
    at = dt.datetime(2026, 3, 2, 10, 0, 0, 1, tzinfo=dt.UTC)
    (row,) = database.query(sql.Statement("q", "SELECT {at:DateTime64(6, 'UTC')} AS at"), {"at": at})
    assert row == {"at": at}
    assert isinstance(row["at"], dt.datetime)
    assert row["at"].utcoffset() == dt.timedelta(0)


def test_more_rows_than_allowed_are_refused(database: Database) -> None:
    """A limit on rows is an error, not a cut."""
    many = sql.Statement("many", "SELECT number FROM numbers(100000)")
    assert len(database.query(many)) == 100_000
    with pytest.raises(StoreError, match=r"many failed: .*max rows"):
        database.query(many, limit_rows=10)
