"""How a report writes figures for people: in its zone, printable, and short enough for a cell."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from modeltally.analytics.rows import Unit
from modeltally.show.charts.week import DAYS
from modeltally.show.units import column_header, format_value

if TYPE_CHECKING:
    from modeltally.analytics.rows import Column
    from modeltally.analytics.trust import Trust
    from modeltally.show.report.model import Report, Section

__all__ = ["figure", "header", "heading_lines", "is_number", "moment", "record_table", "section_lines"]

_CELL_CHARACTERS: Final = 160
_WEEKDAYS: Final = frozenset({"day_of_week", "busiest_day"})  # 0 is Monday


def figure(name: str, value: object, zone: str) -> str:
    """Write one value.

    Args:
        name: The column's name; its ending names the unit.
        value: The value.
        zone: The zone that times are written in.

    Returns:
        Printable text of at most 160 characters.
    """
    if isinstance(value, datetime):
        return moment(value, zone)
    if name in _WEEKDAYS and isinstance(value, int) and value in range(len(DAYS)):
        return DAYS[value]
    if isinstance(value, str):
        value = value[: 2 * _CELL_CHARACTERS]
    text = format_value(name, value)
    return text if len(text) <= _CELL_CHARACTERS else text[: _CELL_CHARACTERS - 3] + "..."


def moment(value: datetime, zone: str) -> str:
    """Write a time in a zone, to the minute."""
    return f"{value.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def header(column: Column) -> str:
    """Write a column's name."""
    return column_header(column.name)


def is_number(column: Column) -> bool:
    """Tell whether a column's values are compared digit by digit, and so stand at the right."""
    return column.type in {int, float} and column.name not in _WEEKDAYS


def heading_lines(report: Report) -> list[str]:
    """Say what a report is about, and when it was made."""
    window, zone = report.window, report.zone
    return [
        report.sentence,
        (
            f"What began from {moment(window.since, zone)} until before {moment(window.until, zone)};"
            f" times and days are in {zone}."
        ),
        f"Made {moment(report.generated_at, zone)}, as known at {moment(window.as_of, zone)}.",
    ]


def section_lines(section: Section, zone: str) -> list[str]:
    """Say what stands below the table: what is left out, what it rests on."""
    lines = []
    if section.empty:
        lines.append(f"Nothing to show: {section.empty}.")
    if section.left_out:
        lines.append(f"{section.left_out:,} rows more are not listed.")
    if section.trust is not None:
        lines.append(_trust_line(section.trust, zone, has_days=any(one.unit is Unit.DAY for one in section.columns)))
    return lines


def record_table(section: Section, zone: str) -> tuple[list[str], list[list[str]]]:
    """Lay a record out: a line for each column, a figure of each row behind its name.

    Args:
        section: A section whose ``is_record`` holds; its first column says which row is which.
        zone: The zone that times are written in.

    Returns:
        The header and the lines.
    """
    first, *others = section.shown_columns
    lines = [
        [header(column), *(figure(column.name, row[column.name], zone) for row in section.rows)] for column in others
    ]
    return ["", *(str(row[first.name]) for row in section.rows)], lines


def _trust_line(trust: Trust, zone: str, *, has_days: bool) -> str:
    said: list[tuple[str, object]] = [("coverage", trust.coverage), ("known_loss", trust.known_loss)]
    said += [("operations", trust.n), ("newest_at", trust.newest_at)]
    said += [
        pair
        for pair in (("dirty_hours", trust.dirty_hours), ("quarantined", trust.quarantined), ("late", trust.late))
        if pair[1]
    ]
    if has_days and trust.zone != zone:
        said.append(("days begin in", trust.zone))
    words = (f"{column_header(name)} {figure(name, value, zone)}" for name, value in said if value is not None)
    known = "" if trust.known_loss is not None else "; whether anything was lost is unknown"
    return "Rests on: " + ", ".join(words) + known + "."
