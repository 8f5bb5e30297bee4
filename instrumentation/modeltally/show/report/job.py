"""Makes the reports that are due: each once, also over restarts, and those that were missed afterwards."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from modeltally.analytics.statistics import Statistics
from modeltally.analytics.window import Window, format_moment
from modeltally.errors import DeliveryError, ModelTallyError, SettingError
from modeltally.show.report.formats import format_named
from modeltally.show.report.kinds import kind_named, make_report
from modeltally.show.report.made import Made
from modeltally.show.report.parts import Asked
from modeltally.show.report.place import write_file
from modeltally.show.report.schedule import Schedule
from modeltally.webhook import deliver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.settings import Settings
    from modeltally.show.report.model import Report
    from modeltally.store import DatabaseStore, Row

__all__ = ["run_reports"]


# of those that were missed the latest so many are made
_MOST_MISSED: Final = 31
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_FOLDER: Final = "folder"
_WEBHOOK: Final = "webhook"
_RUNNING: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A report in a format that goes to a place."""

    name: str
    format_name: str
    place: str

    def key(self, schedule: str) -> str:
        return f"{schedule} {self.name} {self.format_name} {self.place}"


def run_reports(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Make what is due by the setting ``reports_schedule``, and say what was made.

    What is due first after the schedule was set comes first; nothing is made for the time before it.

    Args:
        store: What the reports are about.
        parameters: ``as_of``.

    Returns:
        A row for each report that was delivered.

    Raises:
        SettingError: The folder cannot be used.
        DeliveryError: A report could not be made or delivered: it is tried again, at first after a minute.
    """
    settings = store.settings
    if not settings.reports_schedule:
        return []
    if not _RUNNING.acquire(blocking=False):  # another thread is at it
        return []
    try:
        return _run(store, settings, as_of=store.as_of(parameters))
    finally:
        _RUNNING.release()


def _run(store: DatabaseStore, settings: Settings, *, as_of: datetime) -> list[Row]:
    text = settings.reports_schedule
    schedule = Schedule.read(text)
    deliveries = _deliveries(settings)
    made = Made.read(settings.dir)
    made.keep({one.key(text) for one in deliveries}, since=as_of)
    made.write(settings.dir)
    rows: list[Row] = []
    problems: dict[_Delivery, str] = {}
    for (due, name), group in _pending(deliveries, made, schedule, text, as_of=as_of):
        report: Report | None = None
        for one in group:
            if one in problems:  # what was due earlier comes first
                continue
            try:
                report = report or _made(store, name, schedule, due, as_of=as_of)
                where = _deliver(one, report, schedule, due, settings=settings, instance=made.instance)
            except ModelTallyError as problem:
                problems[one] = f"{name}.{one.format_name} due {format_moment(due)} to the {one.place}: {problem}"
                made.fail(one.key(text), as_of=as_of, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
            else:
                made.succeed(one.key(text), due)
                rows.append({"report": name, "format": one.format_name, "due_at": due, "to": where})
            made.write(settings.dir)
    if problems:
        first = next(iter(problems.values()))
        raise DeliveryError(f"reports were not delivered, and will be tried again, {len(problems)} in all: {first}")
    return rows


def _pending(
    deliveries: Sequence[_Delivery], made: Made, schedule: Schedule, text: str, *, as_of: datetime
) -> list[tuple[tuple[datetime, str], list[_Delivery]]]:
    """List what is due and not made, the oldest first, and together what is of one report."""
    pending: dict[tuple[datetime, str], list[_Delivery]] = {}
    for one in deliveries:
        key = one.key(text)
        if not made.is_waiting(key, as_of):
            for due in list(schedule.due(after=made.done[key], until=as_of))[-_MOST_MISSED:]:
                pending.setdefault((due, one.name), []).append(one)
    return sorted(pending.items(), key=lambda item: item[0])


def _deliveries(settings: Settings) -> list[_Delivery]:
    has_webhook = bool(settings.reports_webhook_url.get_secret_value())
    places = [_FOLDER] if settings.reports_directory is not None or not has_webhook else []
    places += [_WEBHOOK] if has_webhook else []
    names, formats = (text.split(",") for text in (settings.reports_names, settings.reports_formats))
    return [_Delivery(name, format_name, place) for name in names for format_name in formats for place in places]


def _made(store: DatabaseStore, name: str, schedule: Schedule, due: datetime, *, as_of: datetime) -> Report:
    since, until = schedule.period(due)
    asked = Asked(
        statistics=Statistics(store, settings=store.settings, keeps_answers=False),
        store=store,
        window=Window(since, until, as_of),
        zone=schedule.zone,
    )
    return make_report(kind_named(name), asked, generated_at=as_of)


def _deliver(
    one: _Delivery, report: Report, schedule: Schedule, due: datetime, *, settings: Settings, instance: str
) -> str:
    chosen = format_named(one.format_name)
    content = chosen.write(report)
    if one.place == _WEBHOOK:
        deliver(
            settings.reports_webhook_url.get_secret_value(),
            content,
            content_type=chosen.media_type,
            secret=settings.reports_webhook_secret.get_secret_value() or None,
            event_id=f"report-{instance}-{one.name}-{schedule.every}-{schedule.day_of(due)}-{one.format_name}",
        )
        return _WEBHOOK
    folder = settings.reports_directory or settings.dir / "reports"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"setting 'reports_directory': cannot make {str(folder)!r}: {error}") from error
    path = folder / f"{one.name}_{_days(schedule, due)}.{one.format_name}"
    write_file(path, content)
    return str(path)


def _days(schedule: Schedule, due: datetime) -> str:
    """Name what a report is about: a day, or the first and the last."""
    until = schedule.day_of(due)
    last = until - timedelta(days=1)
    if schedule.every == "daily":
        return str(last)
    first = last.replace(day=1) if schedule.every == "monthly" else until - timedelta(days=7)
    return f"{first}_to_{last}"
