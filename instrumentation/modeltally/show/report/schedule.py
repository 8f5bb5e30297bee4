"""When reports are due, and about which days: by the calendar of a zone, whatever its clocks do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, Self
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Schedule"]

_DAY: Final = timedelta(days=1)
_DAYS: Final = {"daily": 1, "weekly": 7}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When reports are due.

    Attributes:
        every: daily; weekly, on Mondays; monthly, on the first.
        at: The time of the day in the zone. One that clocks leave out is so much later, one they have twice the first.
        zone: The zone.
    """

    every: str
    at: time
    zone: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the setting ``reports_schedule``, which has been checked."""
        every, at, zone = text.split(" ")
        return cls(every=every, at=time.fromisoformat(at), zone=zone)

    def due(self, *, after: datetime, until: datetime) -> Iterator[datetime]:
        """List when reports are due, in order.

        Args:
            after: Later than this.
            until: At this time at the latest.

        Yields:
            Times in UTC, one for each day, week or month.
        """
        day = after.astimezone(ZoneInfo(self.zone)).date() - _DAY
        while (moment := self._moment(day, self.at)) <= until:
            if moment > after and self._is_due(day):
                yield moment
                after = moment  # a day that a zone left out begins with the next one
            day += _DAY

    def period(self, due: datetime) -> tuple[datetime, datetime]:
        """Give what a report is about that is due at a time: the whole days, week or month before that day.

        Args:
            due: One of the times that ``due`` gives.

        Returns:
            Its begin, and its end, which is not in it, in UTC.
        """
        until = self.day_of(due)
        is_month = self.every == "monthly"
        since = (until - _DAY).replace(day=1) if is_month else until - _DAYS[self.every] * _DAY
        end = self._moment(until, time())
        while (begin := self._moment(since, time())) >= end:
            since -= _DAY
        return begin, end

    def day_of(self, due: datetime) -> date:
        """Give the day on which a report is due that is due at a time; a gap of the clocks may end after midnight."""
        day = due.astimezone(ZoneInfo(self.zone)).date()
        return day if self._moment(day, self.at) == due else day - _DAY

    def _is_due(self, day: date) -> bool:
        if self.every == "weekly":
            return day.weekday() == 0
        return self.every == "daily" or day.day == 1

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
