"""The window of a question: three flags, half-open, UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modeltally.analytics.window import parse_window
from modeltally.errors import InputError

NOW = datetime(2024, 12, 1, 12, 0, tzinfo=UTC)


def test_window_is_the_last_thirty_days_when_nothing_is_given() -> None:
    """Without flags the window ends now and began thirty days ago."""
    window = parse_window(None, None, None, now=NOW)
    assert (window.since, window.until, window.as_of) == (datetime(2024, 11, 1, 12, 0, tzinfo=UTC), NOW, NOW)


def test_window_counts_back_each_flag_from_the_next() -> None:
    """A relative --since counts from --until, --until from --as-of, --as-of from now."""
    window = parse_window("7d", "24h", "2w", now=NOW)
    assert window.as_of == datetime(2024, 11, 17, 12, 0, tzinfo=UTC)
    assert window.until == datetime(2024, 11, 16, 12, 0, tzinfo=UTC)
    assert window.since == datetime(2024, 11, 9, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-11-15", datetime(2024, 11, 15, tzinfo=UTC)),
        ("2024-11-15T08:30", datetime(2024, 11, 15, 8, 30, tzinfo=UTC)),
        ("2024-11-15 08:30:00Z", datetime(2024, 11, 15, 8, 30, tzinfo=UTC)),
        ("2024-11-15T08:30:00+05:30", datetime(2024, 11, 15, 3, 0, tzinfo=UTC)),
    ],
)
def test_window_reads_times_as_utc_when_they_name_no_zone(text: str, moment: datetime) -> None:
    """A date or time without an offset is UTC; one with an offset is converted."""
    assert parse_window(text, None, None, now=NOW).since == moment


def test_window_parameters_name_utc() -> None:
    """What goes to the store says which zone it is in."""
    parameters = parse_window("2024-11-15T08:30:00+05:30", "2024-12-01", None, now=NOW).parameters()
    assert parameters == {
        "since": "2024-11-15T03:00:00Z",
        "until": "2024-12-01T00:00:00Z",
        "as_of": "2024-12-01T12:00:00Z",
    }


@pytest.mark.parametrize("text", ["yesterday", "", "2024-13-01", "7", "7y", "-7d", "999999w", "0001-01-01", "\u0667d"])
def test_window_names_flag_value_and_forms_when_a_date_is_bad(text: str) -> None:
    """A value that is no date is refused with the flag, the value and what is allowed."""
    with pytest.raises(InputError, match="--since") as caught:
        parse_window(text, None, None, now=NOW)
    assert repr(text) in str(caught.value)
    assert "allowed" in str(caught.value)


@pytest.mark.parametrize(("since", "until"), [("2024-12-01", "2024-11-15"), ("2024-11-15", "2024-11-15")])
def test_window_is_refused_when_it_is_empty(since: str, until: str) -> None:
    """--since must be before --until."""
    with pytest.raises(InputError, match=r"--since .* is not before --until"):
        parse_window(since, until, None, now=NOW)
