"""A record of the parts that the engine's tables consist of, so that one that is gone is missed.

The engine itself takes the parts it finds for all there are. So their names are written down beside it, anew after
every job, and compared when the store is opened. A part that was merged is held by another of its partition. One that a
job drops is missing from the next record; where the process died in the middle of a job, a partition of which nothing
is left may have been dropped, and is not missed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import re
import threading
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from modeltally.errors import StoreError
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store.client import Database, Row

__all__ = ["FILE_NAME", "Parts", "is_damage"]

_LOGGER: Final = logging.getLogger(__name__)

FILE_NAME: Final = "parts.json"
# What the engine raises when a file of its own is not as it was written: checksums, files and sizes of a part, content.
_DAMAGE: Final = re.compile(
    r"\bCode: (40|226|228|246|271|432)\b|\bCode: (33|107)\b.*/chdb/store/|\bCode: 76\b.*/chdb/store/.*errno: 2\b"
    r"|While reading or decompressing",
    re.DOTALL,
)
_CHARACTERS: Final = 300


class _Part(NamedTuple):
    partition: str
    first_block: int
    last_block: int
    rows: int

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(
            str(row["partition_id"]),
            *(int(str(row[name])) for name in ("first_block", "last_block", "stored_rows")),
        )


class Parts:
    """The record of one data directory, and what is known to be damaged there."""

    def __init__(self, database: Database, file: Path) -> None:
        """Compare the engine with the record, where there is one.

        Args:
            database: The engine, just opened.
            file: The record.

        Raises:
            StoreError: The engine refused.
        """
        self._database = database
        self._file = file
        self._broken: list[str] = []  # tables, found by reading them whole
        self._gone: list[str] = []  # parts whose files vanished under the engine
        self._told = ""  # what the engine said when it read something broken
        before = self._read()
        self._lost: list[dict[str, Any]] = before.get("lost", [])
        self._lost += self._missing(before)
        detached = database.query(sql.statement("check/detached_parts"))
        self._put_aside = [f"{row['table']}/{row['part']}" for row in detached]
        self._lock = threading.Lock()
        self._jobs = 0

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Note that a job is at work, which may drop parts; take the record anew at its end."""
        with self._lock:
            self._jobs += 1
        self.look()
        try:
            yield
        finally:
            with self._lock:
                self._jobs -= 1
            self.look()

    def look(self) -> None:
        """Take the record anew, and look whether the files of each part are there."""
        try:
            rows = self._now()
            gone = [row for row in rows if not (Path(str(row["path"])) / "checksums.txt").exists()]
            if gone:  # or merged meanwhile
                left = {(row["table"], row["part"]) for row in self._now()}
                gone = [row for row in gone if (row["table"], row["part"]) in left]
            self._gone = [f"{row['table']}/{row['part']}" for row in gone]
            self._write(rows)
        except StoreError as error:
            _LOGGER.warning("the record of parts cannot be taken: %s", error)

    def verify(self) -> list[Row]:
        """Read every file of the engine against its checksum; gives the tables of which one is missing or damaged.

        Raises:
            StoreError: The engine refused.
        """
        check = sql.statement("check/table")
        tables = [str(row["name"]) for row in self._database.query(sql.statement("check/tables"))]
        self._broken = [table for table in tables if not self._database.is_whole(check.with_names({"table": table}))]
        if not self._broken:
            self._told = ""
        return [{"table": table} for table in self._broken]

    def notice(self, error: Exception) -> None:
        """Look at an error of the engine: where it says that a file is damaged, that is known from now on."""
        if is_damage(error):
            self._told = str(error)[:_CHARACTERS]

    def lost(self) -> list[Row]:
        """Give the parts that are not there any more, a row each."""
        return [
            *(dict(row) for row in self._lost),
            *({"part": part, "what": "put aside as broken when the engine started"} for part in self._put_aside),
            *({"part": part, "what": "its files are gone"} for part in self._gone),
        ]

    def damage(self) -> str | None:
        """Say in a sentence what is known to be damaged; None when nothing is."""
        said = []
        if lost := self.lost():
            names = ", ".join(str(row["part"]) for row in lost[:3])
            said.append(f"{len(lost)} parts of tables are gone or broken ({names})")
        if self._broken:
            said.append(f"files of {', '.join(self._broken)} are damaged or missing")
        elif self._told:
            said.append(f"a file of the engine is damaged: {self._told}")
        return "; ".join(said) + "; see `modeltally check`" if said else None

    def _now(self) -> list[Row]:
        return self._database.query(sql.statement("check/parts"))

    def _missing(self, before: dict[str, Any]) -> list[dict[str, Any]]:
        there: dict[str, list[_Part]] = defaultdict(list)
        for row in self._now():
            there[str(row["table"])].append(_Part.of(row))
        missing = []
        for table, parts in before.get("parts", {}).items():
            partitions = {part.partition for part in there[table]}
            for name, values in parts.items():
                part = _Part(*values)
                is_held = any(
                    other.partition == part.partition
                    and other.first_block <= part.first_block
                    and other.last_block >= part.last_block
                    for other in there[table]
                )
                was_dropped = before["is_changing"] and part.partition not in partitions
                if not is_held and not was_dropped:
                    missing.append(
                        {
                            "part": f"{table}/{name}",
                            "what": f"gone since it was last seen, with {part.rows} rows",
                            "noticed_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                        }
                    )
        return missing

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # there is none yet, or it was written while the power went
            return {}
        is_one = isinstance(content, dict) and content.keys() == {"is_changing", "parts", "lost"}
        return content if is_one else {}

    def _write(self, rows: list[Row]) -> None:
        parts: dict[str, dict[str, _Part]] = defaultdict(dict)
        for row in rows:
            parts[str(row["table"])][str(row["part"])] = _Part.of(row)
        temporary = self._file.with_suffix(".new")
        try:
            with self._lock:
                content = {"is_changing": self._jobs > 0, "parts": parts, "lost": self._lost}
                temporary.write_text(json.dumps(content), encoding="utf-8")
                temporary.chmod(0o600)
                temporary.replace(self._file)
        except OSError as error:  # a full disk: the record of before is compared, and what was merged since is held
            _LOGGER.warning("the record of parts cannot be written: %s", error)


def is_damage(error: Exception) -> bool:
    """Tell whether an error of the engine says that one of its files is not as it was written."""
    return bool(_DAMAGE.search(str(error)))
