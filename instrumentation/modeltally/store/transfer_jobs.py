"""The engine's side of export and import: steps, each short enough to be asked for over the control channel.

An export copies every table first, at one moment at which no insert of spans is under way; the copies are links to
the engine's own files. Then each step writes one partition of a copy to one file. An import reads every file into
staged tables, and puts all of them in place in its last step; until then the store is as it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.errors import InputError, ParameterError, StoreError
from modeltally.store import sql
from modeltally.store.received import METRIC_TABLES
from modeltally.store.rollup import numbering_stopped

if TYPE_CHECKING:
    import datetime as dt

    from modeltally.store._database_store import DatabaseStore
    from modeltally.store.client import Database, Row

__all__ = [
    "ALWAYS",
    "EARLIER",
    "LANDING",
    "METRICS",
    "NOT_EXPORTED",
    "PACKED",
    "finish_import",
    "hash_file",
]

# In the order they are copied in. Figures come after the events they were made from, and numbers of users after the
# figures that use them: a roll that ends in between is then complete, or not there.
ALWAYS: Final = (
    "usage_events",
    "usage_late",
    "usage_quarantine",
    "heartbeats",
    "evaluations",
    "other_spans",
    "inventory_items",
    "usage_rolls",
    "users",
    "frozen_months",
    "tombstones",
    "aliases",
    "layers",
    "layer_days",
    "prices",
    "recommendations",
    "verdicts",
)
LANDING: Final = ("otel_traces",)
METRICS: Final = (*METRIC_TABLES, "metrics_quarantine")
# What a store has of its own: its schema, its past imports, erasures that are not done, what it told of alerts, and
# tables that keep nothing.
NOT_EXPORTED: Final = ("schema_migrations", "imports", "erasing", "alerts", "usage_input", "metrics_input")
PACKED: Final = ".native.zst"

_EXPORT_PREFIX: Final = "modeltally_export_"
_IMPORT_PREFIX: Final = "modeltally_import_"
_ID: Final = re.compile(r"[0-9a-f]{16}")
# SHA-256 over names and checksums of the schema as it was before it began anew: an export made with it is taken over.
_SCHEMA_BEFORE: Final = "8ae4af783a2d48105481f37d00578ce473ea87769df366726b79708030632ad6"
_ROLLS, _ROLLS_BEFORE = "usage_rolls", "usage_rolls_before"
# Tables that only exports of earlier versions have: something else is made of what they hold.
EARLIER: Final = ("erased_users",)
_CHUNK_BYTES: Final = 1024**2
# One step of one transfer at a time: a second one would take the first one's scratch database away.
_TRANSFERRING: Final = threading.Lock()


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def finish_import(database: Database, *, as_of: dt.datetime) -> None:
    """Finish an import that was stopped while its rows were put in place, and take away what else was left behind.

    Called when a store is opened, before anything else is stored.

    Args:
        database: The store's database.
        as_of: The time noted.

    Raises:
        StoreError: The engine refused.
    """
    left = _scratch_databases(database, _IMPORT_PREFIX)
    if left:  # else a store of an earlier version may have no table to ask
        for row in database.query(sql.statement("transfer/import_states")):
            export_id, scratch = str(row["export_id"]), _IMPORT_PREFIX + str(row["export_id"])
            if row["state"] == "publishing" and scratch in left:
                for piece in _pieces(database, scratch):
                    _put_in_place(database, scratch, piece)
                _mark(database, export_id, "done", as_of=as_of)
    _drop_scratch(database, _IMPORT_PREFIX)
    _drop_scratch(database, _EXPORT_PREFIX)


def export_begin(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Copy the tables as they are at one moment; the row says what there is to write."""
    database = store.database
    directory = _path(parameters, "to")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise InputError(f"{directory} is not empty; an export goes to a directory of its own")
    except OSError as error:
        raise InputError(f"cannot write to {directory}: {error}") from None
    tables = (
        *ALWAYS,
        *(LANDING if parameters.get("landing") else ()),
        *(METRICS if parameters.get("metrics") else ()),
    )
    export_id = secrets.token_hex(8)
    scratch = _EXPORT_PREFIX + export_id
    with _one_transfer(), _disk_errors():
        _drop_scratch(database, _EXPORT_PREFIX)
        _command(database, "create_scratch", scratch=scratch)
        with database.insert_barrier, numbering_stopped():
            for table in tables:
                _command(database, "copy_table", scratch=scratch, table=table)
        for row in database.query(sql.statement("transfer/replacing_tables"), {"scratch": scratch}):
            _command(database, "drop_replaced", scratch=scratch, table=str(row["table_name"]))
        pieces = _pieces(database, scratch)
    known = {file.name for file in sql.schema()}  # what fills the tables may change, and an export fits as before
    applied = [row for row in database.query(sql.statement("migrate/applied")) if row["name"] in known]
    return [
        {
            "export_id": export_id,
            "made_at": store.as_of(parameters).isoformat(),
            "made_by": f"modeltally {version('modeltally')}, chdb-core {version('chdb-core')}",
            "tables": tables,
            "schema": applied,
            "pieces": pieces,
        }
    ]


def export_piece(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Write one partition of a copy to its file, see it on the disk, and read it back."""
    scratch = _EXPORT_PREFIX + _export_id(parameters)
    table, partition_id = _table(parameters), str(parameters.get("partition_id", ""))
    relative = Path(table) / f"{partition_id}{PACKED}"
    path = _path(parameters, "to") / relative
    with _one_transfer(), _disk_errors():
        if scratch not in _scratch_databases(store.database, _EXPORT_PREFIX):
            raise StoreError("the copies of this export are gone: another export began since; begin again")
        path.parent.mkdir(exist_ok=True)
        names = {"scratch": scratch, "table": table}
        statement = sql.statement("transfer/write_piece").with_names(names)
        store.database.command(statement, {"path": str(path), "partition_id": partition_id})
        _sync(path)
        counted = store.database.query(sql.statement("transfer/count_piece"), {"path": str(path)})
    size, digest = path.stat().st_size, hash_file(path)
    return [{"path": str(relative), "rows": counted[0]["stored_rows"], "bytes": size, "sha256": digest}]


def export_end(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Take the copies away."""
    scratch = _EXPORT_PREFIX + _export_id(parameters)
    with _one_transfer():
        _command(store.database, "drop_scratch", scratch=scratch)
    return []


def import_begin(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Check that an export can come in here, and make empty tables to read it into."""
    database = store.database
    export_id = _export_id(parameters)
    states = {row["export_id"]: row["state"] for row in database.query(sql.statement("transfer/import_states"))}
    if states.get(export_id) == "publishing":  # on a server, which nobody opens; a directory is mended when opened
        with _one_transfer():
            finish_import(database, as_of=store.as_of({}))
        return [{"state": "done"}]
    if states.get(export_id) == "done":
        return [{"state": "done"}]
    is_of_before = _is_of_before(_schema_files(parameters))
    if not is_of_before:
        _check_schema(database, _schema_files(parameters))
    _check_empty(database)
    scratch = _IMPORT_PREFIX + export_id
    with _one_transfer(), _disk_errors():
        _drop_scratch(database, _IMPORT_PREFIX)
        _command(database, "create_scratch", scratch=scratch)
        for table in (*ALWAYS, *LANDING, *METRICS):
            _command(database, "stage_table", scratch=scratch, table=table)
        for table in EARLIER:
            _command(database, f"stage_{table}", scratch=scratch)
        if is_of_before:
            _command(database, "stage_rolls_before", scratch=scratch)
    return [{"state": "staging"}]


def import_piece(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Read one file into its staged table."""
    scratch, table = _IMPORT_PREFIX + _export_id(parameters), _table(parameters)
    with _one_transfer(), _disk_errors():
        if table == _ROLLS and _has_rolls_before(store.database, scratch):
            table = _ROLLS_BEFORE
        store.load_file(_path(parameters, "path"), database_name=scratch, table=table)
    return []


def import_publish(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Put everything that was read in place, all of it or nothing."""
    database = store.database
    export_id = _export_id(parameters)
    scratch = _IMPORT_PREFIX + export_id
    as_of = store.as_of({})
    with _one_transfer(), database.insert_barrier, numbering_stopped(), _disk_errors():
        pieces = _pieces(database, scratch)
        came_from = {_ROLLS_BEFORE: _ROLLS}
        read = {
            f"{came_from.get(str(piece['table_name']), piece['table_name'])}/{piece['partition_id']}": piece[
                "stored_rows"
            ]
            for piece in pieces
        }
        wanted = parameters.get("rows")
        if not isinstance(wanted, Mapping) or read != dict(wanted):
            raise StoreError("what was read is not what the export says it holds; nothing was changed: import it again")
        _check_empty(database)
        if _has_rolls_before(database, scratch):
            _command(database, "take_over_rolls", scratch=scratch)
            _command(database, "drop_taken_over", scratch=scratch, table=_ROLLS_BEFORE)
        for table in EARLIER:
            _command(database, f"take_over_{table}", scratch=scratch)
            _command(database, "drop_taken_over", scratch=scratch, table=table)
        pieces = _pieces(database, scratch)
        _mark(database, export_id, "publishing", as_of=as_of)
        try:
            for piece in pieces:
                _put_in_place(database, scratch, piece)
            _mark(database, export_id, "done", as_of=as_of)
        except Exception:
            for piece in pieces:
                names = {"table": str(piece["table_name"])}
                statement = sql.statement("transfer/withdraw_piece").with_names(names)
                database.command(statement, {"partition_id": piece["partition_id"]})
            _mark(database, export_id, "withdrawn", as_of=as_of)
            raise
    with contextlib.suppress(StoreError):  # it is done; what is left is taken away when the store is opened next
        _command(database, "drop_scratch", scratch=scratch)
    return [{"state": "done"}]


def import_abort(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Take staged rows away."""
    with _one_transfer():
        _command(store.database, "drop_scratch", scratch=_IMPORT_PREFIX + _export_id(parameters))
    return []


def _schema_files(parameters: Mapping[str, object]) -> list[Mapping[str, object]]:
    exported = parameters.get("schema")
    if not isinstance(exported, list) or not all(isinstance(row, Mapping) for row in exported):
        raise ParameterError("schema must list the schema files of the export")
    return exported


def _is_of_before(exported: list[Mapping[str, object]]) -> bool:
    files = sorted(f"{row.get('name')} {row.get('checksum')}" for row in exported)
    return hashlib.sha256("\n".join(files).encode()).hexdigest() == _SCHEMA_BEFORE


def _has_rolls_before(database: Database, scratch: str) -> bool:
    names = {"database_name": scratch, "table_name": _ROLLS_BEFORE}
    return bool(database.query(sql.statement("transfer/structure"), names)[0]["structure"])


def _check_schema(database: Database, exported: list[Mapping[str, object]]) -> None:
    here = {str(row["name"]): row["checksum"] for row in database.query(sql.statement("migrate/applied"))}
    for row in exported:
        name = str(row.get("name"))
        if here.get(name) != row.get("checksum"):
            how = "has it in another form" if name in here else "does not know it: it is older"
            raise InputError(
                f"the export was made with the schema file {name}, and this version {how};"
                " import with the version that made the export, or a later one"
            )


def _check_empty(database: Database) -> None:
    own = {"schema_migrations", "imports", "alerts"}
    held = [row for row in database.query(sql.statement("transfer/stored_tables")) if row["table_name"] not in own]
    if held:
        names = ", ".join(f"{row['table_name']} ({row['stored_rows']} rows)" for row in held)
        raise InputError(
            f"the store already holds data: {names}. Two stores number their users differently, so their figures"
            " cannot be put together; import into an empty one"
        )


def _put_in_place(database: Database, scratch: str, piece: Row) -> None:
    names = {"scratch": scratch, "table": str(piece["table_name"])}
    statement = sql.statement("transfer/publish_piece").with_names(names)
    database.command(statement, {"partition_id": piece["partition_id"]})


def _pieces(database: Database, scratch: str) -> list[Row]:
    return database.query(sql.statement("transfer/pieces"), {"scratch": scratch})


def _mark(database: Database, export_id: str, state: str, *, as_of: dt.datetime) -> None:
    values = {"export_id": export_id, "state": state, "as_of": as_of}
    database.command(sql.statement("transfer/mark_import"), values)


def _command(database: Database, name: str, **names: str) -> None:
    database.command(sql.statement(f"transfer/{name}").with_names(names))


def _scratch_databases(database: Database, prefix: str) -> set[str]:
    rows = database.query(sql.statement("transfer/scratch_databases"), {"prefix": prefix})
    return {str(row["name"]) for row in rows}


def _drop_scratch(database: Database, prefix: str) -> None:
    for scratch in _scratch_databases(database, prefix):
        _command(database, "drop_scratch", scratch=scratch)


@contextlib.contextmanager
def _one_transfer() -> Iterator[None]:
    if not _TRANSFERRING.acquire(blocking=False):
        raise StoreError("another export or import is running on this store; wait until it is done")
    try:
        yield
    finally:
        _TRANSFERRING.release()


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot write or read a file of the transfer: {error}") from error


def _sync(path: Path) -> None:
    for target in (path, path.parent):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _export_id(parameters: Mapping[str, object]) -> str:
    export_id = str(parameters.get("export_id", ""))
    if not _ID.fullmatch(export_id):
        raise ParameterError(f"export_id = {export_id[:80]!r} is not 16 hex digits")
    return export_id


def _table(parameters: Mapping[str, object]) -> str:
    table = str(parameters.get("table", ""))
    if table not in {*ALWAYS, *LANDING, *METRICS, *EARLIER}:
        raise ParameterError(f"table = {table[:80]!r} is none that is exported")
    return table


def _path(parameters: Mapping[str, object], name: str) -> Path:
    path = Path(str(parameters.get(name, "")))
    if not path.is_absolute():
        raise ParameterError(f"{name} = {str(path)[:80]!r} is no absolute path")
    return path
