"""Forgetting on purpose: events, landed spans and metrics past their retention, users who ask for it."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from modeltally.errors import ParameterError, StoreError
from modeltally.store import sql
from modeltally.store.received import METRIC_TABLES
from modeltally.store.rollup import Roller, numbering_stopped

if TYPE_CHECKING:
    import datetime as dt

    from modeltally.store.client import Database, Row

__all__ = ["erase_user", "expire"]

_HASH_DIGITS = 16
_HASH = re.compile(f"[0-9a-fA-F]{{{_HASH_DIGITS}}}")


def expire(
    database: Database,
    *,
    as_of: dt.datetime,
    event_retention_days: int,
    landing_retention_days: int,
    metrics_retention_days: int,
) -> list[Row]:
    """Drop what is past its retention, counted from receipt; figures stay, in rolls.

    A month is frozen first (its late rows go aside from then on), rolled, checked, then dropped. A run that was
    interrupted goes on where it stopped. Hashes of erased users that landed since their erasure go too.

    Args:
        database: Where.
        as_of: The time that decides.
        event_retention_days: Days events are kept.
        landing_retention_days: Days landed spans are kept.
        metrics_retention_days: Days metrics are kept.

    Returns:
        What was dropped, one row each: table and partition.

    Raises:
        StoreError: A frozen month cannot be rolled clean; nothing of it was dropped.
    """
    dropped: list[Row] = []
    landing = database.query(
        sql.statement("expire/landing_days"), {"as_of": as_of, "retention_days": landing_retention_days}
    )
    for row in landing:
        database.command(sql.statement("expire/drop_landing_day"), {"day": row["day"]})
        dropped.append({"table": "otel_traces", "partition": str(row["day"])})
    metrics = {"as_of": as_of, "retention_days": metrics_retention_days}
    for table in METRIC_TABLES:
        name = {"table": table}
        for row in database.query(sql.statement("expire/metrics_days").with_names(name), metrics):
            database.command(sql.statement("expire/drop_metrics_day").with_names(name), {"day": row["day"]})
            dropped.append({"table": table, "partition": str(row["day"])})
    _forget_erased(database)
    months = database.query(sql.statement("expire/months"), {"as_of": as_of, "retention_days": event_retention_days})
    for row in months:
        if not row["is_frozen"]:
            _freeze(database, month=row["month"], as_of=as_of)
    if months:
        roller = Roller(database)
        roller.run(as_of=as_of)
        dirty = {hour.start.date().replace(day=1) for hour in roller.dirty().hours}
        for row in months:
            if row["month"] in dirty:
                raise StoreError(f"the month {row['month']} is frozen but not fully rolled; its events are kept")
            database.command(sql.statement("expire/drop_month"), {"month": row["month"]})
            dropped.append({"table": "usage_events", "partition": str(row["month"])})
    return dropped


def _freeze(database: Database, *, month: object, as_of: dt.datetime) -> None:
    # an insert that began before the mark must be over before the month is rolled
    with database.insert_barrier:
        database.command(sql.statement("expire/freeze_month"), {"month": month, "as_of": as_of})
        database.insert_barrier.drain()


def _forget_erased(database: Database) -> None:
    # what came after an erasure was stored without the user, but landed as it was sent
    if database.query(sql.statement("erase/still_landed")):
        database.command(sql.statement("erase/forget_again_in_landing"))


def erase_user(database: Database, *, user_hash: str, as_of: dt.datetime) -> list[Row]:
    """Erase a user: from every stored row now, and from every row that still comes.

    A random substitute takes the hash's place, so counts of distinct users keep their value and nothing leads back.

    Args:
        database: Where.
        user_hash: The 16 hex digits of the user's keyed hash.
        as_of: The time noted on the tombstone.

    Returns:
        One row that says it is done.

    Raises:
        ParameterError: The hash is not 16 hex digits.
    """
    number = int(user_hash, 16) if _HASH.fullmatch(user_hash) else 0
    if not number:
        raise ParameterError(f"user_hash = {user_hash!r} is not a keyed user hash of {_HASH_DIGITS} hex digits")
    swap = {"user_hash": number, "substitute": secrets.randbits(64) | 1}
    with database.insert_barrier, numbering_stopped():
        database.command(sql.statement("erase/tombstone"), {"user_hash": number, "as_of": as_of})
        database.insert_barrier.drain()
        for table in ("usage_events", "usage_late", "users"):
            database.command(sql.statement(f"erase/substitute_in_{table}"), swap)
        database.command(sql.statement("erase/forget_in_landing"), {"user_hex": user_hash.lower()})
    return [{"erased": True}]
