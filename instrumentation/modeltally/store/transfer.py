"""Moves everything a store knows to another one: export to a directory, import from it.

Both work on any store that runs jobs, in this process or behind a running server, which must see the same files. An
export is one moment of the store, whatever arrives meanwhile. An import happens whole or not at all, and once.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modeltally.errors import InputError, ModelTallyError, StoreError
from modeltally.store.transfer_jobs import (
    ALWAYS,
    EARLIER,
    LANDING,
    METRICS,
    PACKED,
    hash_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.store.client import Row, Store

__all__ = [
    "Export",
    "Imported",
    "export_store",
    "import_export",
    "read_export",
]

MANIFEST_NAME: Final = "manifest.json"
_TABLES: Final = frozenset((*ALWAYS, *LANDING, *METRICS, *EARLIER))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SchemaFile(_Strict):
    """A file of the schema that the exported store had applied."""

    name: str
    checksum: str


class ExportedFile(_Strict):
    """One file of an export: a partition of a table."""

    path: str
    table: str
    partition_id: Annotated[str, Field(pattern=r"^[\w-]+$")]
    rows: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Export(_Strict):
    """What an export holds: the content of ``manifest.json``."""

    format: Literal[1]
    export_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    made_at: str
    made_by: str
    schema_files: list[SchemaFile]
    rows: dict[str, int]
    files: list[ExportedFile]

    @property
    def total_rows(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        export: What was imported.
        was_done: It had been imported here before, and nothing was changed.
    """

    export: Export
    was_done: bool


def export_store(
    store: Store,
    directory: Path,
    *,
    with_landing: bool = False,
    with_metrics: bool = False,
    on_rows: Callable[[int, int], None] = lambda _done, _total: None,
) -> Export:
    """Write everything a store knows to a directory, as it is at one moment.

    Args:
        store: The store; what runs its jobs must be able to write to the directory.
        directory: Made when missing; must be empty. A failed export leaves it as it was.
        with_landing: Also the spans as they were received.
        with_metrics: Also the metrics.
        on_rows: Told after each file how many rows are written, and of how many.

    Returns:
        What was written; the last file, ``manifest.json``, holds the same.

    Raises:
        InputError: The directory is not empty or cannot be written.
        StoreError: The engine refused, or the disk is full.
        ServerError: The server went away.
    """
    directory = directory.resolve()
    existed = directory.exists()
    begun = store.run("export_begin", {"to": str(directory), "landing": with_landing, "metrics": with_metrics})[0]
    export_id = str(begun["export_id"])
    try:
        export = _write(store, directory, begun, on_rows)
    except BaseException:
        for table in _TABLES:
            shutil.rmtree(directory / table, ignore_errors=True)
        (directory / f".{MANIFEST_NAME}").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            if not existed:
                directory.rmdir()
        with contextlib.suppress(ModelTallyError):
            store.run("export_end", {"export_id": export_id})
        raise
    store.run("export_end", {"export_id": export_id})
    return export


def _write(store: Store, directory: Path, begun: Row, on_rows: Callable[[int, int], None]) -> Export:
    pieces: Any = begun["pieces"]
    total = sum(piece["stored_rows"] for piece in pieces)
    rows: Counter[str] = Counter(dict.fromkeys(_names(begun["tables"]), 0))
    files = []
    on_rows(0, total)
    for piece in pieces:
        table, partition_id = piece["table_name"], piece["partition_id"]
        asked = {"export_id": begun["export_id"], "to": str(directory), "table": table, "partition_id": partition_id}
        written = store.run("export_piece", asked)[0]
        if written["rows"] != piece["stored_rows"]:
            raise StoreError(
                f"{written['path']} holds {written['rows']} of {piece['stored_rows']} rows; is the disk full?"
            )
        files.append(ExportedFile.model_validate({**written, "table": table, "partition_id": partition_id}))
        rows[table] += piece["stored_rows"]
        on_rows(rows.total(), total)
    export = Export(
        format=1,
        export_id=str(begun["export_id"]),
        made_at=str(begun["made_at"]),
        made_by=str(begun["made_by"]),
        schema_files=[SchemaFile.model_validate(row) for row in _rows(begun["schema"])],
        rows=dict(rows),
        files=files,
    )
    try:
        _write_manifest(directory, export)
    except OSError as error:
        raise StoreError(f"cannot write {directory / MANIFEST_NAME}: {error}") from error
    return export


def _write_manifest(directory: Path, export: Export) -> None:
    temporary = directory / f".{MANIFEST_NAME}"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(export.model_dump(), file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(directory / MANIFEST_NAME)


def read_export(directory: Path) -> Export:
    """Read what an export holds.

    Raises:
        InputError: There is no export, it was never finished, or this version cannot read it.
    """
    path = directory / MANIFEST_NAME
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"{directory} holds no {MANIFEST_NAME}: it is no export, or one that was stopped before its end"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from None
    found = content.get("format") if isinstance(content, dict) else None
    if found != 1:
        raise InputError(
            f"{path} has the format {found!r}, and this version reads format 1; use the version it is from"
        )
    try:
        export = Export.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise InputError(f"{path} is damaged: {where}: {problem['msg']}") from None
    rows: Counter[str] = Counter()
    for file in export.files:
        if file.table not in _TABLES or PurePosixPath(file.path) != PurePosixPath(
            file.table, f"{file.partition_id}{PACKED}"
        ):
            raise InputError(f"{path} is damaged: it names the file {file.path!r}")
        rows[file.table] += file.rows
    if rows != Counter(export.rows):
        raise InputError(f"{path} is damaged: its files do not have the rows that its tables have")
    return export


def import_export(
    store: Store,
    directory: Path,
    *,
    on_bytes: Callable[[int, int], None] = lambda _done, _total: None,
) -> Imported:
    """Bring an export into an empty store, whole or not at all, and once.

    Args:
        store: The store; what runs its jobs must be able to read the directory.
        directory: What ``export_store`` wrote.
        on_bytes: Told after each file how many bytes are done, and of how many; each counts twice, once when it is
            checked and once when it is read.

    Returns:
        What was imported, and whether that had been done before.

    Raises:
        InputError: The directory is no whole export, a file is damaged, the store holds other data, or the export is
            from a newer version. The store is as it was.
        StoreError: The engine refused, or the disk is full. The store is as it was.
        ServerError: The server went away. Repeat the import: it begins again, or finds that it was done.
    """
    directory = directory.resolve()
    export = read_export(directory)
    total = 2 * sum(file.bytes for file in export.files)
    done = 0
    on_bytes(0, total)
    for file in export.files:
        _check_file(directory / file.path, file)
        on_bytes(done := done + file.bytes, total)
    schema = [file.model_dump() for file in export.schema_files]
    begun = store.run("import_begin", {"export_id": export.export_id, "schema": schema})
    if begun[0]["state"] == "done":
        on_bytes(total, total)
        return Imported(export, was_done=True)
    try:
        for file in export.files:
            path = str(directory / file.path)
            store.run("import_piece", {"export_id": export.export_id, "table": file.table, "path": path})
            on_bytes(done := done + file.bytes, total)
        rows = {f"{file.table}/{file.partition_id}": file.rows for file in export.files}
        store.run("import_publish", {"export_id": export.export_id, "rows": rows})
    except (ModelTallyError, KeyboardInterrupt):
        with contextlib.suppress(ModelTallyError):
            store.run("import_abort", {"export_id": export.export_id})
        raise
    return Imported(export, was_done=False)


def _check_file(path: Path, file: ExportedFile) -> None:
    try:
        size = path.stat().st_size
        if size != file.bytes:
            raise InputError(f"{path} is damaged: it has {size} bytes, and had {file.bytes} when it was exported")
        if hash_file(path) != file.sha256:
            raise InputError(f"{path} is damaged: its SHA-256 is not what it was when it was exported")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error}") from None


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list | tuple) else []


def _rows(value: object) -> list[Row]:
    return list(value) if isinstance(value, list | tuple) else []
