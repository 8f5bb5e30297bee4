"""The address of a page says all that it shows, and is written from that again."""

from __future__ import annotations

import datetime as dt

import pytest

from modeltally.errors import InputError
from modeltally.show.page.state import PageState, read_state

NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def state(**query: str) -> PageState:
    """Read an address."""
    return read_state("/users", query, now=NOW, first_at=lambda _: NOW - 100 * DAY)


def test_seven_days_are_shown_where_nothing_is_said() -> None:
    """The window is the last seven days, moving, in UTC; the one before ends where it begins."""
    shown = state()
    assert (shown.window.since, shown.window.until) == (NOW - 7 * DAY, NOW)
    assert shown.window.moving == {"since", "until", "as_of"}
    assert (shown.words, shown.zone_name, shown.bucket) == ("last 7 d", "UTC", "hour")
    assert (shown.before().since, shown.before().until) == (NOW - 14 * DAY, NOW - 7 * DAY)
    assert shown.link() == "/users"


def test_dates_are_of_the_pages_zone() -> None:
    """A date without an offset begins in the zone that the address names."""
    shown = state(since="2026-03-01", until="2026-03-02T12:00", tz="Europe/Berlin")
    assert shown.window.since == dt.datetime(2026, 2, 28, 23, tzinfo=dt.UTC)
    assert shown.window.until == dt.datetime(2026, 3, 2, 11, tzinfo=dt.UTC)
    assert shown.words == "2026-03-01 00:00 to 2026-03-02 12:00"


def test_everything_begins_with_the_first_day() -> None:
    """All time is from the day on which the first thing began, in coarser stretches; without one it is seven days."""
    shown = state(window="all")
    assert shown.window.since == dt.datetime(2025, 11, 30, tzinfo=dt.UTC)
    assert (shown.words, shown.bucket) == ("all time", "day")
    empty = read_state("/", {"window": "all"}, now=NOW, first_at=lambda _: None)
    assert empty.window.since == NOW - 7 * DAY


def test_links_keep_what_they_do_not_change() -> None:
    """A link of the same page keeps all, to another page window and zone alone; what is the default is not written."""
    shown = state(window="30d", tz="Asia/Tokyo", q="a&b", sort="-users", page="3", unknown="x")
    assert shown.link(page=4) == "/users?window=30d&tz=Asia%2FTokyo&q=a%26b&sort=-users&page=4&unknown=x"
    assert shown.link(page=None, sort=None, unknown=None) == "/users?window=30d&tz=Asia%2FTokyo&q=a%26b"
    assert shown.link("/disk") == "/disk?window=30d&tz=Asia%2FTokyo"
    assert state(since="3d", until="1d").link(window="7d") == "/users"
    assert (shown.sort, shown.is_descending, shown.page) == ("users", True, 3)


@pytest.mark.parametrize("value", ["x", "-1", "0", "1.5", "1e3", " 1", "\u0661", "9" * 400])
def test_page_is_a_number(value: str) -> None:
    """Anything else is refused by name."""
    with pytest.raises(InputError, match="page="):
        state(page=value)
