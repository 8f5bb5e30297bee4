"""Looks at a real store: what is kept over restarts, told once, tried again, and what happens where nothing answers."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from alerts.receiver import Receiver, receiving
from alerts.states import NOW, after
from modeltally.alerts.kept import known_alerts
from modeltally.alerts.look import alerts_now, run_alerts
from modeltally.alerts.rules import RULES
from modeltally.errors import ParameterError, SettingError
from modeltally.jobs import intervals
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, sql
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.stores import Template

# What is about jobs needs no figures: a look takes no time.
OTHERS = ", ".join(RULES.keys() - {"job_failed", "store_damaged", "not_looked_at"})
FAILED = {"roll": "no room"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a receiver."""
    with receiving() as server:
        yield server


@pytest.fixture(scope="module")
def opened(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open one store for the looks of all tests."""
    with template.opened(tmp_path_factory.mktemp("alerts"), clock=lambda: NOW) as store:
        yield store


@pytest.fixture
def store(opened: EmbeddedStore, receiver: Receiver) -> Iterator[EmbeddedStore]:
    """Give a store that knows of no alert and tells the receiver."""
    for table in ("alerts", "otel_traces", "usage_events", "usage_rolls"):
        opened.database.command(sql.Statement("empty", f"TRUNCATE TABLE {table}"))
    opened.settings = settings_for(opened, receiver)
    yield opened
    opened.settings = settings_for(opened, receiver)


def settings_for(store: EmbeddedStore, receiver: Receiver, **values: Any) -> Settings:
    """Settings of a store that tells a receiver at the first look."""
    given = {"alerts_webhook_url": receiver.url, "alerts_hold_looks": 1, "alerts_off": OTHERS, **values}
    return Settings.model_validate({"dir": store.settings.dir, **given})


def look(store: EmbeddedStore, minutes: float, *failed: str) -> dict[str, Any]:
    """Look at a time, with these jobs failed."""
    (report,) = store.run("alerts", {"as_of": after(minutes), "failed_jobs": dict.fromkeys(failed, "no room")})
    return report


def test_told_once_and_its_end_once(store: EmbeddedStore, receiver: Receiver) -> None:
    """However many looks find it, its receiver hears of it once, and once that it is over."""
    reports = [look(store, 5 * number, *(["roll"] if number < 4 else [])) for number in range(7)]
    assert receiver.told() == [("job_failed", "roll", "firing"), ("job_failed", "roll", "resolved")]
    assert [report["told"] for report in reports] == [1, 0, 0, 0, 1, 0, 0]
    assert [report["firing"] for report in reports] == [1, 1, 1, 1, 0, 0, 0]
    assert [content["alerts"][0]["since_at"] for content in receiver.came] == ["2026-03-02T11:00:00Z"] * 2


def test_what_nobody_took_is_told_by_the_next_look(store: EmbeddedStore, receiver: Receiver) -> None:
    """Failures are counted until one is none; the id stays, so that a receiver which did take it knows it again."""
    receiver.statuses = [404] * 6
    reports = [look(store, 5 * number, "roll") for number in range(3)]
    assert [report["delivery_failures"] for report in reports] == [1, 2, 0]
    assert [report["untold"] for report in reports] == [1, 1, 0]
    assert [report["told"] for report in reports] == [0, 0, 1]
    assert "answered 404" in reports[0]["delivery_error"]
    assert reports[2]["delivery_error"] is None
    assert len({content["alerts"][0]["event_id"] for content in receiver.came}) == 1


def test_what_fires_before_there_is_a_webhook_is_told_to_the_first(store: EmbeddedStore, receiver: Receiver) -> None:
    """Setting a receiver later loses nothing."""
    store.settings = settings_for(store, receiver, alerts_webhook_url="")
    assert look(store, 0, "roll")["untold"] == 1
    store.settings = settings_for(store, receiver)
    assert look(store, 5, "roll")["told"] == 1


def test_reminders(store: EmbeddedStore, receiver: Receiver) -> None:
    """What still fires a day later is told again, as a reminder and under an id of its own."""
    for minutes in (0, 5, 24 * 60, 24 * 60 + 5):
        look(store, minutes, "roll")
    assert [content["alerts"][0]["is_reminder"] for content in receiver.came] == [False, True]
    assert len({content["event_id"] for content in receiver.came}) == 2


def test_a_rule_that_is_switched_off_is_over(store: EmbeddedStore, receiver: Receiver) -> None:
    """Its receiver is not left with an alert that nobody looks at any more."""
    look(store, 0, "roll")
    store.settings = settings_for(store, receiver, alerts_off=f"{OTHERS},job_failed")
    look(store, 5, "roll")
    assert [status for *_, status in receiver.told()] == ["firing", "resolved"]


def test_a_rule_that_is_none_is_refused(store: EmbeddedStore) -> None:
    """A typing error does not leave a rule on, nor a server running as if it were off."""
    store.settings = settings = store.settings.model_copy(update={"alerts_off": "unusd"})
    with pytest.raises(SettingError, match="alerts_off' names 'unusd', no rule; there are: low_success_rate"):
        look(store, 0)
    with pytest.raises(SettingError, match="alerts_off"):
        intervals(settings)


def test_what_cannot_be_looked_at_is_told_and_ends_nothing(store: EmbeddedStore, receiver: Receiver) -> None:
    """Where a view fails its rules are named, the others are looked at, and what fired goes on firing."""
    store.settings = settings_for(
        store, receiver, alerts_off=", ".join(sorted({*OTHERS.split(", ")} - {"high_error_rate"}))
    )
    give(store, Given(operations=[Operation(at=after(-30), outcome="error", times=20)]))
    look(store, 0, "roll")
    store.database.command(sql.Statement("rename", "RENAME TABLE usage_events TO usage_events_away"))
    try:
        look(store, 5, "roll")
    finally:
        store.database.command(sql.Statement("rename", "RENAME TABLE usage_events_away TO usage_events"))
    told = receiver.told()
    assert ("high_error_rate", "flux", "firing") in told
    assert ("not_looked_at", "high_error_rate", "firing") in told
    assert "resolved" not in {status for *_, status in told}
    look(store, 10, "roll")
    assert ("not_looked_at", "high_error_rate", "resolved") in receiver.told()


def test_files_that_are_damaged_are_told(store: EmbeddedStore) -> None:
    """Damage that the engine noticed, and a segment of the spool that the disk damaged, are one alert."""
    kept = store.settings.dir / "spool" / "refused" / "a.spool.damaged"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"damaged")
    try:
        (found,) = store.run("alerts_now", {"as_of": NOW})
    finally:
        kept.unlink()
    assert (found["alert"], found["severity"], found["value"]) == ("store_damaged", "critical", 1.0)
    assert found["evidence"] == {"first": [str(kept)]}


@pytest.mark.parametrize("failed", ["roll", ["roll"], 1, True])
def test_jobs_that_are_no_mapping_are_refused(store: EmbeddedStore, failed: object) -> None:
    """The message says what is."""
    for job in (alerts_now, run_alerts):
        with pytest.raises(ParameterError, match="failed_jobs is a mapping"):
            job(store, {"as_of": NOW, "failed_jobs": failed})


def test_names_of_any_kind_are_kept(store: EmbeddedStore, receiver: Receiver) -> None:
    """What a name holds comes out as it went in, and stays one alert."""
    names = ["<script>", "a\nb", "\u202eabc", "x" * 10_240, "'; DROP TABLE alerts --", "模型 🎨", "\x00", "a\tb\\n"]
    look(store, 0, *names)
    look(store, 5, *names)
    assert {key.subject for key in known_alerts(store)} == set(names)
    assert {subject for _, subject, _ in receiver.told()} == set(names)
    assert len(receiver.told()) == len(names)


def test_a_clock_that_went_back_loses_nothing(store: EmbeddedStore, receiver: Receiver) -> None:
    """What was kept last counts, whatever the clock says."""
    look(store, 0, "roll")
    look(store, -600, "roll")
    look(store, -595)
    assert [status for *_, status in receiver.told()] == ["firing", "resolved"]
    (alert,) = known_alerts(store, since=NOW - dt.timedelta(days=1)).values()
    assert alert.status == "resolved"
