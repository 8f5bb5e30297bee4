"""Rolls new events into hours and days.

What is dirty is read first, then rewritten in windows of bounded size, newest first. Every statement may be killed,
repeated, or run beside itself; only numbering users wants one runner at a time.
"""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING

from modeltally.store import sql

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Iterator

    from modeltally.store.client import Database, Row

__all__ = ["Roller", "numbering_stopped"]

_EVER = {"since": dt.datetime(1970, 1, 1, tzinfo=dt.UTC), "until": dt.datetime(2106, 1, 1, tzinfo=dt.UTC)}
_LENGTH = {"hour": dt.timedelta(hours=1), "day": dt.timedelta(days=1)}
# About 1 KiB of memory a row while an hour is rolled.
_MAX_ROWS = 2_000_000
# One numbering at a time in this process, which owns an embedded database alone.
_NUMBERING = threading.Lock()


def numbering_stopped() -> contextlib.AbstractContextManager[object]:
    """Keep users from being numbered while it is held."""
    return _NUMBERING


class Roller:
    """Rolls one database; two rollers at once cost time and change nothing."""

    def __init__(self, database: Database, *, max_rows: int = _MAX_ROWS) -> None:
        self._database = database
        self._max_rows = max_rows

    def run(self) -> list[Row]:
        """Roll all that is dirty.

        Returns:
            Per kind and grain, how many buckets were dirty and how many event rows they hold.
        """
        report: list[Row] = []
        for kind in self.kinds():
            for grain in ("hour", "day"):
                dirty = self.dirty(kind, grain)
                self.rewrite(kind, grain, dirty)
                rows = sum(count for _, count in dirty)
                report.append({"kind": kind, "grain": grain, "buckets": len(dirty), "rows": rows})
        return report

    def kinds(self) -> list[str]:
        """The kinds of subject that are rolled."""
        return [str(row["kind"]) for row in self._database.query(sql.statement("roll/kinds"))]

    def dirty(self, kind: str, grain: str) -> list[tuple[dt.datetime, int]]:
        """The start and the event rows of each dirty bucket, newest first."""
        rows = self._database.query(sql.statement("roll/dirty_buckets"), {"kind": kind, "grain": grain, **_EVER})
        return [(sql.as_utc(row["dirty"]), int(str(row["stored_rows"]))) for row in rows]

    def number_users(self, *, since: dt.datetime, until: dt.datetime) -> None:
        """Give the users of a window that have none a number."""
        with _NUMBERING:
            self._database.command(sql.statement("roll/number_users"), {"since": since, "until": until})

    def rewrite(self, kind: str, grain: str, dirty: list[tuple[dt.datetime, int]]) -> None:
        """Write dirty buckets of one kind and grain anew."""
        for since, until in _windows(dirty, length=_LENGTH[grain], max_rows=self._max_rows):
            if grain == "hour":
                self.number_users(since=since, until=until)
            self._database.command(
                sql.statement("roll/roll_buckets"),
                {"kind": kind, "grain": grain, "since": since, "until": until},
            )


def _windows(
    dirty: list[tuple[dt.datetime, int]], *, length: dt.timedelta, max_rows: int
) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Cut dirty buckets, newest first, into windows that hold at most so many dirty rows, or one bucket."""
    start = end = None
    rows = 0
    for bucket, count in dirty:
        if start is not None and end is not None and rows + count > max_rows:
            yield start, end
            end, rows = None, 0
        start, end, rows = bucket, end or bucket + length, rows + count
    if start is not None and end is not None:
        yield start, end
