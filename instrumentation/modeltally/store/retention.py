"""Forgetting by age: events, landed spans and metrics past their retention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeltally.errors import StoreError
from modeltally.store import sql
from modeltally.store.erasure import finish_erasures, forget_landed
from modeltally.store.received import METRIC_TABLES
from modeltally.store.rollup import Roller

if TYPE_CHECKING:
    import datetime as dt

    from modeltally.store.client import Database, Row

__all__ = ["expire"]


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
    interrupted goes on where it stopped, and so does an erasure. Hashes of erased users that landed since their
    erasure go too.

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
    finish_erasures(database, as_of=as_of)
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
    forget_landed(database)
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
