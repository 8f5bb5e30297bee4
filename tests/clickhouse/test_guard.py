"""The guard's lists against the engine that is installed: another version of it says here what has to be looked at."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import chdb
import pytest

from modeltally.clickhouse import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Rows = Callable[[str], list[str]]

CANARY = "canary-2c81"
# In other builds of the engine.
NOT_IN_THIS_BUILD = {"catboostevaluate", "reversednsquery"}
NOT_ASKED = {"sleep", "sleepeachrow"}  # they would wait

READING = {
    "DescribeQuery": "DESCRIBE TABLE t",
    "ExistsDatabaseQuery": "EXISTS DATABASE t",
    "ExistsDictionaryQuery": "EXISTS DICTIONARY t",
    "ExistsTableQuery": "EXISTS TABLE t",
    "ExistsViewQuery": "EXISTS VIEW t",
    "Explain": "EXPLAIN SELECT 1",
    "SelectIntersectExceptQuery": "SELECT 1 INTERSECT SELECT 2",
    "SelectQuery": "SELECT 1",
    "SelectWithUnionQuery": "SELECT 1 UNION ALL SELECT 2",
    "ShowColumns": "SHOW COLUMNS FROM t",
    "ShowCreateDatabaseQuery": "SHOW CREATE DATABASE t",
    "ShowCreateDictionaryQuery": "SHOW CREATE DICTIONARY t",
    "ShowCreateTableQuery": "SHOW CREATE TABLE t",
    "ShowCreateViewQuery": "SHOW CREATE VIEW t",
    "ShowEngineQuery": "SHOW ENGINES",
    "ShowFunctions": "SHOW FUNCTIONS",
    "ShowIndexes": "SHOW INDEX FROM t",
    "ShowSetting": "SHOW SETTING max_threads",
    "ShowTables": "SHOW TABLES",
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """Ask an engine without a store, in readonly mode as the interface does; gives lines."""
    connection = chdb.connect(str(tmp_path_factory.mktemp("engine")))
    connection.query("SET readonly = 1", "TSV")
    yield lambda text: str(connection.query(text, "TSVRaw").bytes(), "utf-8", "replace").splitlines()
    connection.close()


def test_each_statement_that_reads_has_the_engines_name(rows: Rows) -> None:
    """The engine calls every statement that reads as the guard does, and the guard knows no other."""
    for kind, text in READING.items():
        assert kind in {line.split()[0] for line in rows(f"EXPLAIN AST {text}")}, text
    assert set(READING) == guard.READS


def test_what_the_guard_names_is_there(rows: Rows) -> None:
    """Tables, table functions and functions of the guard's lists exist: a renamed one is not refused any more."""
    assert set(rows("SELECT name FROM system.tables WHERE database = 'system'")) >= guard.SYSTEM_TABLES
    assert set(rows("SELECT lower(name) FROM system.table_functions")) >= guard.TABLE_FUNCTIONS
    assert set(rows("SELECT lower(name) FROM system.functions")) >= guard.FUNCTIONS - NOT_IN_THIS_BUILD


def test_no_function_asks_a_model_of_another_company(rows: Rows) -> None:
    """Every function that the engine counts under AI is refused."""
    asking = set(rows("SELECT lower(name) FROM system.functions WHERE categories = 'AI' OR alias_to LIKE 'ai%'"))
    assert len(asking) >= 8
    assert asking <= guard.FUNCTIONS


def test_no_other_function_reads_a_file_or_connects(rows: Rows, tmp_path: Path) -> None:
    """Every function is asked with a path and with an address: only what the guard refuses reaches either."""
    secret = tmp_path / "secret.txt"
    secret.write_text(CANARY)
    reaching = set()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        for name in rows("SELECT name FROM system.functions WHERE NOT is_aggregate"):
            if name.lower() not in NOT_ASKED and reaches(rows, listening, name, [str(secret), address]):
                reaching.add(name.lower())
    assert reaching == {"file"}
    assert reaching <= guard.FUNCTIONS


def reaches(rows: Rows, listening: socket.socket, function: str, places: list[str]) -> bool:
    """Tell whether a function gives a file's content, in an answer or in an error, or connects."""
    said = ""
    for place in places:
        try:
            said += "".join(rows(f"SELECT toString(`{function}`('{place}'))"))
        except RuntimeError as error:
            said += str(error)
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return CANARY in said
    return True
