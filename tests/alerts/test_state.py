"""How an alert goes on from look to look, and what of it is told when."""

from __future__ import annotations

import datetime as dt

import pytest

from alerts.states import KEY, NOW, after, alert, found
from modeltally.alerts.state import Alert, Key, Status, advance, due, event_id, is_quiet
from modeltally.settings import Settings

LOST = Key("operations_lost", "", "")
UNUSED = Key("unused", "model", "flux")
NIGHT = Settings(alerts_quiet_hours="22:00-07:00 Europe/Berlin")


def looks(holds: str, *, hold_looks: int = 2, told: bool = False) -> list[Alert | None]:
    """Look every five minutes, finding it (+) or not (-); gives how it stands after each."""
    known: dict[Key, Alert] = {}
    stands: list[Alert | None] = []
    for number, holds_now in enumerate(holds):
        at = after(5 * number)
        known |= advance(known, found(KEY, as_of=at) if holds_now == "+" else {}, as_of=at, hold_looks=hold_looks)
        if told and KEY in known and known[KEY].status is Status.FIRING:
            known[KEY] = known[KEY].changed(told=Status.FIRING, told_at=at)
        stands.append(known.get(KEY))
    return stands


def statuses(holds: str, *, hold_looks: int = 2, told: bool = False) -> list[str | None]:
    """Only the statuses."""
    return [None if one is None else one.status.value for one in looks(holds, hold_looks=hold_looks, told=told)]


def test_it_takes_looks_in_a_row_to_fire_and_to_resolve() -> None:
    """One look that disagrees is no end and no beginning."""
    assert statuses("+++") == ["pending", "firing", "firing"]
    assert statuses("+-++") == ["pending", "", "pending", "firing"]
    assert statuses("++-+--") == ["pending", *["firing"] * 4, "resolved"]
    assert statuses("+-", hold_looks=1) == ["firing", "resolved"]


def test_since_is_when_it_was_first_found() -> None:
    """What went before it fired does not count, what it took to fire does."""
    stands = looks("+-+++")
    assert stands[-1] is not None
    assert stands[-1].since_at == after(10)


def test_each_change_is_a_revision() -> None:
    """The table keeps the newest revision, so every change must be newer than the one before."""
    revisions = [one.revision for one in looks("++--++", told=True) if one is not None]
    assert revisions == sorted(set(revisions))


def test_what_comes_back_before_its_end_was_told_was_never_gone() -> None:
    """Its receiver takes it for firing, and so it goes on under the same name."""
    before, _, resolved, back = looks("+--+", hold_looks=1, told=True)[:4]
    assert before is not None
    assert resolved is not None
    assert back is not None
    assert (resolved.status, back.status, back.resolved_at) == ("resolved", "firing", None)
    assert back.since_at == before.since_at
    assert due([back], as_of=after(20), settings=Settings()) == []


def test_what_comes_back_after_its_end_was_told_is_another_one() -> None:
    """It is told anew, with an id of its own."""
    over = alert(status=Status.RESOLVED, resolved_at=after(5), told=Status.RESOLVED, told_at=after(5))
    (again,) = advance({KEY: over}, found(KEY, as_of=after(10)), as_of=after(10), hold_looks=1).values()
    assert (again.status, again.told, again.since_at) == ("firing", "", after(10))
    assert event_id(again) != event_id(alert())


def test_what_could_not_be_looked_at_stays_as_it_was() -> None:
    """A rule that the store could not answer neither fires nor resolves."""
    pending = alert(status=Status.PENDING, looks=1)
    for known in (pending, alert()):
        assert advance({KEY: known}, {}, as_of=after(5), hold_looks=1, blind={KEY.rule}) == {}


def test_told_once_until_it_is_over() -> None:
    """A firing alert is told once, its end once; between them nothing."""
    settings = Settings(alerts_reminder_hours=0)
    told = alert(told=Status.FIRING, told_at=NOW)
    over = told.changed(status=Status.RESOLVED, resolved_at=after(5))
    assert due([alert()], as_of=NOW, settings=settings) == [alert()]
    assert due([told], as_of=after(100_000), settings=settings) == []
    assert due([over], as_of=after(5), settings=settings) == [over]
    assert due([over.changed(told=Status.RESOLVED)], as_of=after(5), settings=settings) == []


def test_what_was_never_told_needs_no_end() -> None:
    """An alert that was over before anybody heard of it is not told."""
    assert due([alert(status=Status.RESOLVED, resolved_at=after(5))], as_of=after(5), settings=Settings()) == []
    assert due([alert(status=Status.PENDING)], as_of=NOW, settings=Settings()) == []


def test_reminders_come_after_their_hours_and_not_for_notices() -> None:
    """A day after it was told a warning is told again, and the day counts from there."""
    told = alert(told=Status.FIRING, told_at=NOW)
    notice = alert(UNUSED, told=Status.FIRING, told_at=NOW)
    assert due([told, notice], as_of=after(24 * 60 - 1), settings=Settings()) == []
    assert due([told, notice], as_of=after(24 * 60), settings=Settings()) == [told]
    assert event_id(told) != event_id(alert())
    assert event_id(told) == event_id(told.changed(failures=3)) != event_id(told.changed(told_at=after(1)))


def test_least_severity_that_is_sent() -> None:
    """What is below is not told; the end of what was told is."""
    warnings = Settings(alerts_severity="warning")
    assert due([alert(UNUSED), alert()], as_of=NOW, settings=warnings) == [alert()]
    over = alert(UNUSED, status=Status.RESOLVED, resolved_at=NOW, told=Status.FIRING, told_at=NOW)
    assert due([over], as_of=NOW, settings=warnings) == [over]
    told = alert(UNUSED, told=Status.FIRING, told_at=NOW)
    assert due([told], as_of=after(100_000), settings=warnings) == []


def test_most_severe_comes_first() -> None:
    """Whoever reads the first line alone reads the worst."""
    chosen = due([alert(UNUSED), alert(), alert(LOST)], as_of=NOW, settings=Settings())
    assert [one.key.rule for one in chosen] == ["operations_lost", "low_success_rate", "unused"]


def test_quiet_hours_hold_back_all_but_the_critical() -> None:
    """What still fires at their end is told then; what was over by then never was."""
    night, morning = dt.datetime(2026, 3, 2, 23, tzinfo=dt.UTC), dt.datetime(2026, 3, 3, 6, tzinfo=dt.UTC)
    critical, warning = alert(LOST), alert()
    over = alert(Key("slow_p95", "model", "flux"), told=Status.FIRING, told_at=NOW).changed(
        status=Status.RESOLVED, resolved_at=night
    )
    assert due([critical, warning, over], as_of=night, settings=NIGHT) == [critical]
    assert due([warning, over], as_of=morning, settings=NIGHT) == [warning, over]
    assert due([warning.changed(status=Status.RESOLVED, resolved_at=night)], as_of=morning, settings=NIGHT) == []


@pytest.mark.parametrize(
    ("at", "quiet"),
    [
        # winter: an hour ahead of UTC
        ("2026-03-01T20:59", False),
        ("2026-03-01T21:00", True),
        ("2026-03-02T05:59", True),
        ("2026-03-02T06:00", False),
        # summer time begins on 29 March at 01:00 UTC: the night ends an hour earlier
        ("2026-03-28T21:00", True),
        ("2026-03-29T04:59", True),
        ("2026-03-29T05:00", False),
        # and ends on 25 October
        ("2026-10-24T20:00", True),
        ("2026-10-25T05:59", True),
        ("2026-10-25T06:00", False),
    ],
)
def test_quiet_hours_go_by_the_clocks_of_their_zone(at: str, quiet: bool) -> None:  # noqa: FBT001 - a table
    """Begin and end are what clocks there show, before and after they are changed."""
    assert is_quiet(dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC), NIGHT.quiet_hours) is quiet


def test_quiet_hours_within_a_day() -> None:
    """Hours that do not pass midnight are quiet between their ends; without hours nothing is."""
    noon = Settings(alerts_quiet_hours="12:00-13:30").quiet_hours
    at = [dt.datetime(2026, 3, 2, *time, tzinfo=dt.UTC) for time in ((11, 59), (12, 0), (13, 29), (13, 30))]
    assert [is_quiet(one, noon) for one in at] == [False, True, True, False]
    assert not is_quiet(NOW, Settings().quiet_hours)


@pytest.mark.parametrize(
    "hours", ["22-07", "22:00-22:00", "24:00-07:00", "22:60-07:00", "22:00-07:00 Nowhere", "22:00-07:00 ../../passwd"]
)
def test_hours_that_are_none_are_refused(hours: str) -> None:
    """The message says what hours look like."""
    with pytest.raises(ValueError, match=r"hours (and a zone such as|end when they begin)"):
        Settings(alerts_quiet_hours=hours)
