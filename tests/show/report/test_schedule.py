"""Reports are due once a day, week or month of a zone, whatever its clocks do."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from modeltally.settings import Settings
from modeltally.show.report.schedule import Schedule


def at(text: str) -> datetime:
    """Read a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "after", "until", "due"),
    [
        ("daily 07:00 UTC", "2026-03-01T07:00", "2026-03-03T07:00", ["2026-03-02T07:00", "2026-03-03T07:00"]),
        ("weekly 07:00 UTC", "2026-03-01T00:00", "2026-03-10T00:00", ["2026-03-02T07:00", "2026-03-09T07:00"]),
        ("monthly 23:30 UTC", "2026-01-15T00:00", "2026-03-01T23:29", ["2026-02-01T23:30"]),
        # 02:30 is left out on 29 March, and comes twice on 25 October
        ("daily 02:30 Europe/Berlin", "2026-03-28T12:00", "2026-03-30T12:00", ["2026-03-29T01:30", "2026-03-30T00:30"]),
        ("daily 02:30 Europe/Berlin", "2026-10-24T12:00", "2026-10-26T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("daily 00:15 Pacific/Kiritimati", "2026-05-01T00:00", "2026-05-01T10:15", ["2026-05-01T10:15"]),
        # midnight itself is left out there
        ("daily 00:00 America/Santiago", "2026-09-05T12:00", "2026-09-06T12:00", ["2026-09-06T04:00"]),
        # a day that its zone never had is due with the next one's midnight, and is about what there was
        ("daily 00:00 Pacific/Apia", "2011-12-29T12:00", "2011-12-31T12:00", ["2011-12-30T10:00", "2011-12-31T10:00"]),
    ],
)
def test_a_report_is_due_once_a_day_of_its_zone(text: str, after: str, until: str, due: list[str]) -> None:
    """Whatever hour clocks leave out or repeat, each day is due once; asking in pieces gives the same."""
    schedule = Schedule.read(text)
    begin, end = at(after), at(until)
    whole = list(schedule.due(after=begin, until=end))
    assert whole == [at(moment) for moment in due]
    pieces: list[datetime] = []
    while begin < end:
        until_here = min(begin + timedelta(minutes=30), end)
        pieces += schedule.due(after=begin, until=until_here)
        begin = until_here
    assert pieces == whole


@pytest.mark.parametrize(
    ("text", "due", "since", "until"),
    [
        ("daily 07:00 UTC", "2026-03-02T07:00", "2026-03-01T00:00", "2026-03-02T00:00"),
        ("daily 02:30 Europe/Berlin", "2026-03-30T00:30", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("weekly 07:00 Europe/Berlin", "2026-03-30T05:00", "2026-03-22T23:00", "2026-03-29T22:00"),
        ("monthly 07:00 America/New_York", "2026-04-01T11:00", "2026-03-01T05:00", "2026-04-01T04:00"),
        ("daily 00:00 Pacific/Apia", "2011-12-30T10:00", "2011-12-29T10:00", "2011-12-30T10:00"),
        ("monthly 00:00 UTC", "2026-01-01T00:00", "2025-12-01T00:00", "2026-01-01T00:00"),
    ],
)
def test_a_report_is_about_the_days_before_it_is_due(text: str, due: str, since: str, until: str) -> None:
    """Whole days of the zone: one, seven from Monday, or the month, which are 23 or 25 hours where clocks change."""
    assert Schedule.read(text).period(at(due)) == (at(since), at(until))


def test_periods_follow_each_other_without_gap() -> None:
    """Over two years each period begins where the one before ended, for each kind and some odd zones."""
    for every in ("daily", "weekly", "monthly"):
        for zone in ("Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"):
            schedule = Schedule.read(f"{every} 02:15 {zone}")
            due = list(schedule.due(after=at("2025-01-01T00:00"), until=at("2027-01-01T00:00")))
            periods = [schedule.period(moment) for moment in due]
            assert all(one[1] == after[0] for one, after in itertools.pairwise(periods))
            assert len({schedule.day_of(moment) for moment in due}) == len(due)
            assert all(moment.astimezone(ZoneInfo(zone)).minute in {15, 45} for moment in due)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("reports_schedule", "hourly 07:00 UTC", "give daily, weekly or monthly"),
        ("reports_schedule", "daily 24:00 UTC", "give daily, weekly or monthly"),
        ("reports_schedule", "daily 07:00", "give daily, weekly or monthly"),
        ("reports_schedule", "daily 07:00 Mars/Olympus", "'Mars/Olympus' is no time zone"),
        ("reports_schedule", "daily 07:00 ../../etc/passwd", "is no time zone"),
        ("reports_names", "usage,users", "give some of usage, performance"),
        ("reports_formats", "", "give some of json"),
        ("reports_webhook_url", "ftp://host/", "begins with http"),
    ],
)
def test_wrong_settings_are_refused(setting: str, value: str, message: str) -> None:
    """A wrong value stops a command, and says what is allowed."""
    with pytest.raises(ValueError, match=message):
        Settings.model_validate({setting: value})


def test_lists_in_settings_are_read_leniently() -> None:
    """Spaces and repeats do not matter."""
    assert Settings(reports_names="usage, advice,usage").reports_names == "usage,advice"
