"""What is due is made once: over restarts, after a pause, and when a delivery fails."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from modeltally.analytics.window import Window
from modeltally.errors import DeliveryError
from modeltally.settings import Settings
from modeltally.show.report import job
from modeltally.show.report.job import run_reports
from modeltally.show.report.model import Report
from modeltally.store import sql
from show.report.conftest import AS_OF, SINCE, UNTIL
from show.report.read_back import from_json

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.store import EmbeddedStore

MONDAY = dt.datetime(2026, 3, 9, 6, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


class Station:
    """A process that looks at times whether reports are due, and remembers nothing but what is on disk.

    Attributes:
        directory: The data directory.
        made: The reports that were made: name, and the days they are about.
    """

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, report: Report) -> None:
        self.directory = directory
        self.settings: dict[str, Any] = {
            "reports_schedule": "daily 06:00 UTC",
            "reports_names": "usage",
            "reports_formats": "md",
        }
        self.made: list[tuple[str, str, str]] = []

        def made(_store: object, name: str, schedule: Any, due: dt.datetime, *, as_of: dt.datetime) -> Report:
            since, until = schedule.period(due)
            assert until <= due <= as_of
            self.made.append((name, f"{since:%m-%d}", f"{until:%m-%d}"))
            return report

        monkeypatch.setattr(job, "_made", made)

    def look(self, at: dt.datetime) -> list[dict[str, Any]]:
        """Look whether something is due."""
        settings = Settings(dir=self.directory, **self.settings)
        store: Any = SimpleNamespace(settings=settings, as_of=lambda given: sql.time_of(given, "as_of"))
        return run_reports(store, {"as_of": at})


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    """Give a process whose reports all say the same."""
    report = Report(
        name="usage",
        title="Usage",
        sentence="Nothing.",
        generated_at=AS_OF,
        window=Window(SINCE, UNTIL, AS_OF),
        zone="UTC",
        sections=(),
    )
    return Station(tmp_path, monkeypatch, report)


def test_nothing_is_made_without_a_schedule(station: Station) -> None:
    """Where no schedule is set nothing is made or written."""
    station.settings = {}
    assert station.look(MONDAY) == []
    assert list(station.directory.iterdir()) == []


def test_each_is_made_once(station: Station) -> None:
    """What is due is made at the first look after it, and never again, whoever looks; nothing of before the start."""
    assert station.look(MONDAY - dt.timedelta(minutes=1)) == []
    (made,) = station.look(MONDAY + dt.timedelta(seconds=20))
    assert (made["report"], made["format"], made["due_at"]) == ("usage", "md", MONDAY)
    assert station.look(MONDAY + dt.timedelta(seconds=80)) == []
    assert station.look(MONDAY + DAY - dt.timedelta(seconds=1)) == []
    assert len(station.look(MONDAY + DAY)) == 1
    names = sorted(path.name for path in (station.directory / "reports").iterdir())
    assert names == ["usage_2026-03-08.md", "usage_2026-03-09.md"]


def test_what_was_missed_is_made_once_later(station: Station) -> None:
    """After a pause each missed report is made, the oldest first; of very many the latest."""
    station.look(MONDAY - DAY)
    rows = station.look(MONDAY + 2 * DAY)
    assert [day for _, day, _ in station.made] == ["03-08", "03-09", "03-10"]
    assert len(rows) == 3
    assert station.look(MONDAY + 2 * DAY) == []
    assert len(station.look(MONDAY + 90 * DAY)) == 31
    assert station.look(MONDAY + 90 * DAY) == []


def test_a_new_schedule_or_format_begins_when_it_is_set(station: Station) -> None:
    """Nothing is made for the time before it was wanted; one report serves each format."""
    station.look(MONDAY - DAY)
    station.settings |= {"reports_formats": "md,json"}
    assert [row["format"] for row in station.look(MONDAY)] == ["md"]
    assert [row["format"] for row in station.look(MONDAY + DAY)] == ["md", "json"]
    assert len(station.made) == 2
    station.settings |= {"reports_schedule": "weekly 06:00 UTC"}
    assert station.look(MONDAY + 2 * DAY) == []
    rows = station.look(MONDAY + 7 * DAY)
    assert [row["to"].rpartition("/")[2] for row in rows] == [
        "usage_2026-03-09_to_2026-03-15.md",
        "usage_2026-03-09_to_2026-03-15.json",
    ]


def test_a_delivery_that_fails_is_tried_again(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others go out meanwhile; it is tried again after a pause that grows, with the same id, until it works."""
    sent: list[tuple[str, str]] = []
    refused = [True]

    def deliver(url: str, body: bytes, *, content_type: str, secret: str | None, event_id: str) -> None:
        assert url == "https://example.org/hook"
        assert secret == "word"  # noqa: S105 - of the test
        assert body
        sent.append((event_id, content_type))
        if refused[0] and event_id.endswith("md"):
            raise DeliveryError("the webhook at https://example.org answered 500; tried 5 times")

    monkeypatch.setattr(job, "deliver", deliver)
    station.settings |= {
        "reports_formats": "md,json",
        "reports_webhook_url": SecretStr("https://example.org/hook"),
        "reports_webhook_secret": SecretStr("word"),
    }
    station.look(MONDAY - DAY)
    with pytest.raises(DeliveryError, match=r"tried again, 1 in all: usage\.md due 2026-03-09T06:00:00Z"):
        station.look(MONDAY)
    assert [kind for _, kind in sent] == ["text/markdown; charset=utf-8", "application/json"]
    assert station.look(MONDAY + dt.timedelta(seconds=59)) == []
    with pytest.raises(DeliveryError):
        station.look(MONDAY + dt.timedelta(seconds=60))
    assert station.look(MONDAY + dt.timedelta(seconds=120)) == []
    refused[0] = False
    assert len(station.look(MONDAY + dt.timedelta(seconds=180))) == 1
    assert station.look(MONDAY + dt.timedelta(seconds=3600)) == []
    assert len(sent) == 4
    assert len({event_id for event_id, _ in sent}) == 2
    assert not (station.directory / "reports").exists()


def test_a_folder_that_cannot_be_used_is_named(station: Station) -> None:
    """The error names the setting; once the folder is there the report comes."""
    blocked = station.directory / "file"
    blocked.write_text("")
    station.settings |= {"reports_directory": blocked / "below"}
    station.look(MONDAY - DAY)
    with pytest.raises(DeliveryError, match="setting 'reports_directory': cannot make"):
        station.look(MONDAY)
    blocked.unlink()
    assert len(station.look(MONDAY + DAY)) == 2


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"done": {"a": "yesterday"}, "failures": {}, "instance": 1}', "\0"]
)
def test_a_broken_memory_is_begun_anew(station: Station, content: str) -> None:
    """What cannot be read is no reason to stop, and none to make everything again."""
    (station.directory / "reports.json").write_text(content)
    assert station.look(MONDAY) == []
    assert len(station.look(MONDAY + DAY)) == 1
    assert json.loads((station.directory / "reports.json").read_text())["failures"] == {}


def test_a_scheduled_report_is_about_its_days(store: EmbeddedStore, tmp_path: Path) -> None:
    """From a store: the week before its Monday, as the job runs it."""
    settings = Settings(
        dir=tmp_path,
        reports_schedule="weekly 06:00 UTC",
        reports_names="storage",
        reports_formats="json",
        reports_directory=tmp_path / "there",
    )
    whole: Any = SimpleNamespace(settings=settings, as_of=store.as_of, read=store.read, run=store.run)
    sunday, monday = AS_OF, AS_OF + DAY
    assert run_reports(whole, {"as_of": sunday}) == []
    (made,) = run_reports(whole, {"as_of": monday})
    assert made["to"] == str(tmp_path / "there" / "storage_2026-03-02_to_2026-03-08.json")
    content = (tmp_path / "there" / "storage_2026-03-02_to_2026-03-08.json").read_bytes()
    window = json.loads(content)["window"]
    assert (window["since"], window["until"]) == ("2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z")
    assert SINCE < dt.datetime.fromisoformat(window["since"]) < UNTIL
    sizes = {row["model"]: row["size_bytes"] for row in from_json(content)["storage"]}
    assert sizes["acme/painter"] == 7 * 2**30
