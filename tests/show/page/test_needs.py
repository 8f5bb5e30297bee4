"""What needs a person: alerts that fire are told beside what other sources tell."""

from __future__ import annotations

import datetime as dt

from modeltally.alerts.state import Alert, Key, Status
from modeltally.settings import Settings
from modeltally.show.page.needs import SOURCES, Level, Need
from modeltally.show.page.state import read_state

NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)


def alert(rule: str, kind: str, subject: str, status: Status = Status.FIRING) -> Alert:
    """Make an alert of an hour ago."""
    return Alert(key=Key(rule, kind, subject), status=status, since_at=NOW - dt.timedelta(hours=1), value=9.0,
                 threshold=1.0, operations=20, window_since=NOW, window_until=NOW, evidence="{}")  # fmt: skip


def told(*alerts: Alert) -> list[Need]:
    """Make the lines of alerts."""
    state = read_state("/", {}, now=NOW, first_at=lambda _: NOW)
    source = next(source for source in SOURCES if source.name == "alerts")
    return list(source.lines({"alerts": list(alerts)}, state, Settings()))


def test_alert_that_fires_is_told_with_where_to_look() -> None:
    """The subject, what the rule says, since when, and a page about it; the worst are errors."""
    slow, full = told(alert("slow_p95", "model", "org/flux"), alert("disk_filling", "", ""))
    assert (slow.subject, slow.level, slow.href) == ("org/flux", Level.WARNING, "/?q=org%2Fflux")
    assert slow.text == "one operation in twenty takes longer than its class should, since 2026-03-10 11:30 UTC"
    assert (full.level, full.href) == (Level.ERROR, "/health")


def test_what_is_over_a_mere_notice_or_told_already_is_no_line() -> None:
    """Pending and resolved ones, notices, rules of a version that is gone, and what failing models and losses say."""
    assert told(
        alert("slow_p95", "model", "a", Status.PENDING),
        alert("slow_p95", "model", "b", Status.RESOLVED),
        alert("unused", "model", "c"),
        alert("of_tomorrow", "model", "d"),
        alert("low_success_rate", "model", "e"),
        alert("operations_lost", "", ""),
    ) == []  # fmt: skip


def test_very_many_are_summed_up() -> None:
    """Two stand there, and how many more there are."""
    lines = told(*(alert("slow_p99", "model", f"m{number}") for number in range(9)))
    assert [line.subject for line in lines] == ["m0", "m1", ""]
    assert lines[-1].text == "7 other alerts fire"
