"""A report as PDF, set by typst in a process of its own; names from outside reach it as data, never as markup."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from modeltally.errors import SettingError
from modeltally.show.charts.config import LIGHT
from modeltally.show.charts.draw import draw, run_child
from modeltally.show.report.words import figure, header, heading_lines, is_number, record_table, section_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.show.report.model import Report, Section

__all__ = ["can_set", "write_pdf"]

TIMEOUT_SECONDS: Final = 120.0
# one of the fonts that typst brings, so that a chart is written as the text around it
_FONT: Final = "Libertinus Serif"
# characters of a column that takes what it needs, and beyond which a longer one gets no more of what is left
_NARROW: Final = 28
_WIDEST: Final = 70
_CONFIG: Final = {**LIGHT, "font": _FONT}


def can_set() -> bool:
    """Tell whether what sets and draws is installed."""
    return all(find_spec(name) is not None for name in ("typst", "vl_convert"))


def write_pdf(report: Report) -> bytes:
    """Write a report as PDF.

    Args:
        report: The report.

    Returns:
        A tagged PDF with its fonts in it; after PDF/UA-1 where every character has a glyph.

    Raises:
        SettingError: What sets or draws is not installed.
        DrawingError: It failed, or took too long.
    """
    if not can_set():
        raise SettingError("a report as PDF needs typst and vl-convert; install them: pip install 'modeltally[report]'")
    charts = [section.chart for section in report.sections if section.chart is not None]
    pictures = draw([{**chart.spec, "config": _CONFIG} for chart in charts])
    drawn = {chart.name: picture.decode() for chart, picture in zip(charts, pictures, strict=True)}
    content = {
        "title": report.title,
        "lines": heading_lines(report),
        "sections": [_section(section, report.zone, drawn) for section in report.sections],
    }
    asked = {"content": content, "at": int(report.generated_at.timestamp())}
    given = json.dumps(asked).encode()
    return run_child("modeltally.show.report._typesetting", given, timeout_seconds=TIMEOUT_SECONDS)


def _section(section: Section, zone: str, drawn: dict[str, str]) -> dict[str, Any]:
    table = None
    if section.rows and section.is_record:
        names, lines = record_table(section, zone)
        table = _table(names, [False, *[True] * (len(names) - 1)], lines)
    elif section.rows:
        columns = section.shown_columns
        lines = [[figure(column.name, row[column.name], zone) for column in columns] for row in section.rows]
        table = _table([header(column) for column in columns], [is_number(column) for column in columns], lines)
    chart = section.chart
    return {
        "title": section.title,
        "text": list(section.text),
        "notes": section_lines(section, zone),
        "table": table,
        "chart": None if chart is None else {"svg": drawn[chart.name], "alt": chart.summary},
    }


def _table(names: Sequence[str], numbers: Sequence[bool], lines: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Give a table with the weight of each column that is wider than a page has room for, 0 for the others."""
    longest = [max(map(len, cells)) for cells in zip(names, *lines, strict=True)]
    weights = [
        0 if is_number or length <= _NARROW else min(length, _WIDEST)
        for length, is_number in zip(longest, numbers, strict=True)
    ]
    return {"names": names, "numbers": numbers, "lines": lines, "weights": weights}
