"""The formats of a report. All hold the same figures; another one is another record."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modeltally.analytics.plain import plain
from modeltally.analytics.window import format_moment
from modeltally.errors import UnknownNameError
from modeltally.show.report.html import write_html
from modeltally.show.report.markdown import write_markdown
from modeltally.show.report.pdf import write_pdf

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.show.report.model import Report

__all__ = ["FORMATS", "Format", "format_named"]

# what a spreadsheet takes for a formula
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_HEAD: Final = ("report", "generated_at", "report_since", "report_until", "report_zone", "section")


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        name: What it is called, and how its files end.
        media_type: What it is on the web.
        write: Makes the file.
        is_text: A terminal can show it.
    """

    name: str
    media_type: str
    write: Callable[[Report], bytes]
    is_text: bool = True


def write_json(report: Report) -> bytes:
    """Write a report as JSON: every column, figures as exact as they are stored, times as ISO 8601 in UTC."""
    return (json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def write_csv(report: Report) -> bytes:
    """Write a report as one CSV table: a line for each row, ``section`` saying of which, a column for each there is.

    A spreadsheet opens it as it is, and a filter on ``section`` gives that table. Texts that a spreadsheet would take
    for a formula have an apostrophe before them.
    """
    names = dict.fromkeys(column.name for section in report.sections for column in section.columns)
    head = {
        "report": report.name,
        "generated_at": format_moment(report.generated_at),
        "report_since": format_moment(report.window.since),
        "report_until": format_moment(report.window.until),
        "report_zone": report.zone,
    }
    text = io.StringIO()
    writer = csv.DictWriter(text, [*_HEAD, *names], restval="", lineterminator="\r\n")
    writer.writeheader()
    for section in report.sections:
        for row in section.rows:
            cells = {name: _cell(value) for name, value in row.items()}
            writer.writerow({**cells, **head, "section": section.name})
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: object) -> object:
    cell = plain(value)
    if isinstance(cell, dict | list):
        return json.dumps(cell, ensure_ascii=False)
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, str):
        cell = cell.replace("\0", "\\x00")
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    return cell


FORMATS: Final[dict[str, Format]] = {
    one.name: one
    for one in (
        Format("json", "application/json", write_json),
        Format("csv", "text/csv; charset=utf-8", write_csv),
        Format("md", "text/markdown; charset=utf-8", write_markdown),
        Format("html", "text/html; charset=utf-8", write_html),
        Format("pdf", "application/pdf", write_pdf, is_text=False),
    )
}


def format_named(name: str) -> Format:
    """Find a format.

    Args:
        name: What it is called.

    Returns:
        The format.

    Raises:
        UnknownNameError: There is none of that name; the message offers the nearest.
    """
    if name not in FORMATS:
        raise UnknownNameError("format of reports", name, FORMATS)
    return FORMATS[name]
