"""Rolls new events into five-minute slices, hours, days and weeks.

What is dirty is read first, then rewritten in batches of bounded size. An hour that rows still come for is rolled in
slices of five minutes, so that a run costs what is new and not what the hour holds; when it is over, its slices make
the hour, the hours a day, the days a week. Every statement may be killed, repeated, or run beside itself; only
numbering users wants one runner at a time.
"""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from modeltally.store import sql
from modeltally.store.layer_job import join_layers

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Iterator, Sequence

    from modeltally.store.client import Database, Row

__all__ = ["Bucket", "Dirty", "Roller", "numbering_stopped"]

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)  # no time before it can be asked about
_EVER: Final = {"since": dt.datetime(1970, 1, 5, tzinfo=dt.UTC), "until": dt.datetime(2106, 1, 1, tzinfo=dt.UTC)}
_HOUR: Final = dt.timedelta(hours=1)
_LENGTH: Final = {
    "slice": dt.timedelta(minutes=5),
    "hour": _HOUR,
    "day": dt.timedelta(days=1),
    "week": dt.timedelta(days=7),
}
_PARTS: Final = {"hour": "slice", "day": "hour", "week": "day"}
# A generation may take long and is stored when it ends, under the hour it began in: until then an hour fills.
_SETTLES_AFTER: Final = dt.timedelta(hours=2)
# A reader that was told of slices reads them at once; they stay for this long after the hour is rolled.
_READ_WITHIN: Final = dt.timedelta(minutes=10)
# About 4 KiB of memory a row while events are rolled, for all kinds of subject.
_MAX_ROWS: Final = 100_000
# Each merged bucket is held whole: of days those of a month, of weeks those of a quarter.
_MAX_PARTS: Final = {"hour": 24, "day": 31, "week": 13}
# All rolls of a bucket become one part, which is there or is not: the readers rely on it.
_ONE_BLOCK: Final = {"min_insert_block_size_rows": 10**9, "min_insert_block_size_bytes": 10**12}
# One numbering at a time in this process, which owns an embedded database alone.
_NUMBERING = threading.Lock()


def numbering_stopped() -> contextlib.AbstractContextManager[object]:
    """Keep users from being numbered while it is held."""
    return _NUMBERING


class Bucket(NamedTuple):
    """What is to be rolled.

    Attributes:
        start: When it begins, UTC.
        rows: The event rows it holds.
    """

    start: dt.datetime
    rows: int


class Dirty(NamedTuple):
    """Buckets whose rolls do not hold what their events or their parts hold now, each oldest first."""

    hours: list[Bucket]
    days: list[Bucket]
    weeks: list[Bucket]


class Roller:
    """Rolls one database; two rollers at once cost time and change nothing."""

    def __init__(self, database: Database, *, max_rows: int = _MAX_ROWS) -> None:
        self._database = database
        self._max_rows = max_rows

    def run(self, *, as_of: dt.datetime) -> list[Row]:
        """Roll all that is dirty, and drop the slices of hours that need them no more.

        Args:
            as_of: Tells what is over: an hour is rolled in slices until then, days and weeks are rolled from then on.

        Returns:
            Per grain, how many buckets were rolled and how many event rows they hold.
        """
        dirty = self.dirty()
        if dirty.hours and self.join_layers(dirty.hours):
            dirty = self.dirty()
        filling_since = as_of - _SETTLES_AFTER - _HOUR
        # an hour that is too large to be rolled at once is rolled in slices as well
        settled, filling = list[Bucket](), list[Bucket]()
        for hour in dirty.hours:
            is_settled = hour.start <= filling_since and hour.rows <= self._max_rows
            (settled if is_settled else filling).append(hour)
        slices = self.dirty_slices(filling)
        over = [hour for hour in filling if hour.start + _HOUR <= as_of]
        self.roll_events("slice", slices, as_of=as_of)
        self.roll_events("hour", settled, as_of=as_of)
        self.roll_parts("hour", over, as_of=as_of)
        if settled or over:
            dirty = self.dirty()
        days = [day for day in dirty.days if day.start + _LENGTH["day"] <= as_of]
        self.roll_parts("day", days, as_of=as_of)
        if days:
            dirty = self.dirty()
        weeks = [week for week in dirty.weeks if week.start + _LENGTH["week"] <= as_of]
        self.roll_parts("week", weeks, as_of=as_of)
        self.drop_slices(as_of=as_of)
        rolled = {"slice": slices, "hour": [*settled, *over], "day": days, "week": weeks}
        return [
            {"grain": grain, "buckets": len(buckets), "rows": sum(bucket.rows for bucket in buckets)}
            for grain, buckets in rolled.items()
        ]

    def join_layers(self, hours: Sequence[Bucket]) -> bool:
        """Find the requests of these hours that several layers told of; tells whether rows may have come of it."""
        found = False
        for batch in _batches(hours, max_rows=self._max_rows):
            starts = [hour.start for hour in batch]
            found |= join_layers(self._database, starts, until=max(starts) + _HOUR)
        return found

    def dirty(self) -> Dirty:
        """What is to be rolled, whatever the time: also hours that are filling, and days that are not over."""
        (row,) = self._database.query(sql.statement("roll/dirty_buckets"), _EVER)
        return Dirty(*([Bucket(sql.as_utc(start), int(rows)) for start, rows in row[name]] for name in Dirty._fields))  # type: ignore[attr-defined] # lists of pairs

    def dirty_slices(self, hours: Sequence[Bucket]) -> list[Bucket]:
        """The slices of these hours that are to be rolled, oldest first."""
        if not hours:
            return []
        asked = {"hours": [hour.start for hour in hours], **_EVER}
        rows = self._database.query(sql.statement("roll/dirty_slices"), asked)
        return [Bucket(sql.as_utc(row["bucket"]), int(str(row["rows"]))) for row in rows]

    def roll_events(self, grain: str, buckets: Sequence[Bucket], *, as_of: dt.datetime) -> None:
        """Roll slices or hours from their events, in batches of bounded memory."""
        for batch in _batches(buckets, max_rows=self._max_rows):
            starts = [bucket.start for bucket in batch]
            asked = {
                "raw_hours": starts if grain == "hour" else [],
                "raw_slices": starts if grain == "slice" else [],
                "since": min(starts),
                "until": max(starts) + _LENGTH[grain],
            }
            self.number_users(asked)
            self._database.command(
                sql.statement("roll/roll_events"), {"grain": grain, "as_of": as_of, **asked}, settings=_ONE_BLOCK
            )

    def roll_parts(self, grain: str, buckets: Sequence[Bucket], *, as_of: dt.datetime) -> None:
        """Roll hours from their slices, days from their hours, or weeks from their days."""
        for at in range(0, len(buckets), _MAX_PARTS[grain]):
            starts = [bucket.start for bucket in buckets[at : at + _MAX_PARTS[grain]]]
            asked = {
                "grain": grain,
                "parts": _PARTS[grain],
                "buckets": starts,
                "since": min(starts),
                "until": max(starts) + _LENGTH[grain],
                "as_of": as_of,
            }
            self._database.command(sql.statement("roll/roll_parts"), asked, settings=_ONE_BLOCK)

    def number_users(self, asked: dict[str, object]) -> None:
        """Give the users of hours and slices that have none a number."""
        with _NUMBERING:
            self._database.command(sql.statement("roll/number_users"), asked)

    def drop_slices(self, *, as_of: dt.datetime) -> None:
        """Drop the slices of hours that are settled and were rolled a while ago."""
        asked = {
            "settled_until": max(as_of - _SETTLES_AFTER - _HOUR, _EPOCH),
            "rolled_until": max(as_of - _READ_WITHIN, _EPOCH),
        }
        for row in self._database.query(sql.statement("roll/settled_slices"), asked):
            self._database.command(sql.statement("roll/drop_slices"), {"hour": row["hour"]})


def _batches(buckets: Sequence[Bucket], *, max_rows: int) -> Iterator[list[Bucket]]:
    """Cut buckets into batches that hold at most so many rows, or one bucket."""
    batch: list[Bucket] = []
    for bucket in buckets:
        if batch and sum(taken.rows for taken in batch) + bucket.rows > max_rows:
            yield batch
            batch = []
        batch.append(bucket)
    if batch:
        yield batch
