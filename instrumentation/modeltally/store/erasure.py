"""Erases users who ask for it: their hashes leave every table, and every file of an engine in this process.

The hash and the random number that takes its place stand in the table ``erasing`` while it is done. An erasure that was
stopped goes on from there, with the same number, so that no user counts twice. What the engine notes of its statements
names neither.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.errors import ParameterError, StoreError
from modeltally.store import sql
from modeltally.store.rollup import numbering_stopped

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    from modeltally.store.client import Database, Row

__all__ = ["erase_user", "erased_users", "finish_erasures", "forget_landed"]

_HASH_DIGITS: Final = 16
_HASH: Final = re.compile(f"[0-9a-fA-F]{{{_HASH_DIGITS}}}")
_TOMBSTONE: Final = "modeltally erased user "  # before the digits, as in the statements
_WITH_HASHES: Final = ("usage_events", "usage_late", "users")
_LANDING: Final = "otel_traces"
# A statement that reads a part keeps it: those that people ask end sooner than this.
_PATIENCE_SECONDS: Final = 120.0
_LOOK_AGAIN_SECONDS: Final = 0.2


def erase_user(database: Database, *, user_hash: str, as_of: dt.datetime) -> list[Row]:
    """Erase a user: from every stored row now, and from every row that still comes.

    A random substitute takes the hash's place, so counts of distinct users keep their value and nothing leads back.
    Where the engine runs in this process, no file of it holds the hash when this returns; a server deletes what it
    replaced some minutes later.

    Args:
        database: Where.
        user_hash: The 16 hex digits of the user's keyed hash.
        as_of: The time noted on the tombstone.

    Returns:
        One row that says it is done.

    Raises:
        ParameterError: The hash is not 16 hex digits.
        StoreError: The engine refused, or something reads the old rows for too long; the rest is done by running it
            again, or by the next ``roll`` or ``expire``.
    """
    number = int(user_hash, 16) if _HASH.fullmatch(user_hash) else 0
    if not number:
        raise ParameterError(f"user_hash = {user_hash!r} is not a keyed user hash of {_HASH_DIGITS} hex digits")
    with database.insert_barrier, numbering_stopped():
        if number not in _begun(database):
            # as a row, which leaves no text anywhere
            database.insert_rows("erasing", ("user_hash", "substitute"), [[number, secrets.randbits(64) | 1]])
        _erase_begun(database, as_of=as_of)
    return [{"erased": True}]


def finish_erasures(database: Database, *, as_of: dt.datetime) -> None:
    """Finish what was stopped; nothing where nobody is being erased.

    Args:
        database: Where.
        as_of: The time noted on tombstones.

    Raises:
        StoreError: As in :func:`erase_user`.
    """
    if _begun(database):
        with database.insert_barrier, numbering_stopped():
            _erase_begun(database, as_of=as_of)


def forget_landed(database: Database) -> None:
    """Take the hashes of erased users out of what landed since: on a server spans land as they were sent.

    Args:
        database: Where.

    Raises:
        StoreError: As in :func:`erase_user`.
    """
    if database.query(sql.statement("erase/still_landed")):
        database.command(sql.statement("erase/forget_again_in_landing"))
        if database.is_embedded:
            _delete_replaced(database, [_LANDING])


def erased_users(database: Database) -> Callable[[str], bool] | None:
    """Give what tells of the 16 hex digits of a hash whether its user is erased; None where nobody is.

    Args:
        database: Where the tombstones are.

    Raises:
        StoreError: The engine refused.
    """
    digests = {str(row["digest"]) for row in database.query(sql.statement("erase/digests"))}
    return (lambda digits: sha256(f"{_TOMBSTONE}{digits}".encode()).hexdigest() in digests) if digests else None


def _begun(database: Database) -> set[int]:
    return {int(str(row["user_hash"])) for row in database.query(sql.statement("erase/begun"))}


def _erase_begun(database: Database, *, as_of: dt.datetime) -> None:
    """Each step can be repeated; the last one says that nothing is left to do."""
    if database.is_embedded:  # else a change would wait for ever, where they could not be started again
        _each(database, "start_merges", [*_WITH_HASHES, _LANDING])
    database.command(sql.statement("erase/tombstone"), {"as_of": as_of})
    database.insert_barrier.drain()
    for table in _WITH_HASHES:
        database.command(sql.statement("erase/substitute").with_names({"table": table}))
    database.command(sql.statement("erase/forget_in_landing"))
    if database.is_embedded:
        _delete_replaced(database, [*_WITH_HASHES, _LANDING])
    database.command(sql.statement("erase/done"))


def _delete_replaced(database: Database, tables: list[str]) -> None:
    """Delete the parts that were replaced, which the engine would keep for minutes, and the notes of changes.

    It keeps them because the new ones may not be on the disk yet, and a power cut would take both: so these are brought
    there first, and no others are made meanwhile.
    """
    _each(database, "stop_merges", tables)
    try:
        _sync(str(row["path"]) for row in _replaced(database, tables) if row["is_active"])
        _each(database, "keep_no_replaced_parts", tables)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while _replaced(database, tables):
            _each(database, "delete_replaced_parts", tables)
            if left := [row["path"] for row in _replaced(database, tables) if not row["is_active"]]:
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"{len(left)} replaced parts are still read after {_PATIENCE_SECONDS:g} seconds; what is left"
                        " of the erasure is done by the next roll, or by running it again"
                    )
                time.sleep(_LOOK_AGAIN_SECONDS)
        _each(database, "keep_replaced_parts", tables)
    finally:
        _each(database, "start_merges", tables)
    database.command(sql.statement("erase/forget_changes"), {"tables": tables})


def _each(database: Database, statement: str, tables: list[str]) -> None:
    for table in tables:
        database.command(sql.statement(f"erase/{statement}").with_names({"table": table}))


def _replaced(database: Database, tables: list[str]) -> list[Row]:
    return database.query(sql.statement("erase/replaced_parts"), {"tables": tables})


def _sync(parts: Iterable[str]) -> None:
    """Bring parts to the disk: their files, their folders, and the folders those are in."""
    for part in map(Path, parts):
        for path in (*part.rglob("*"), part, part.parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
