"""A report as one HTML file: no script, nothing fetched, light and dark, and fit to be printed."""

from __future__ import annotations

import re
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from modeltally.analytics.rows import Unit
from modeltally.show.charts.config import DARK, LIGHT, pattern_definitions
from modeltally.show.charts.draw import can_draw, draw
from modeltally.show.report.words import figure, header, heading_lines, is_number, record_table, section_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.analytics.rows import Column
    from modeltally.show.report.model import Report, Section

__all__ = ["write_html"]

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_NOT_DRAWN: Final = "Charts are not drawn: pip install 'modeltally[report]' brings what draws them."
_SIZE: Final = re.compile(r'(<svg [^>]*?) width="([0-9.]+)" height="[0-9.]+"')


def write_html(report: Report) -> bytes:
    """Write a report as HTML; without what draws charts it has the tables alone, and says so."""
    charts = [section.chart for section in report.sections if section.chart is not None]
    pictures: dict[str, str] = {}
    if charts and can_draw():
        specs = [{**chart.spec, "config": config} for chart in charts for config in (LIGHT, DARK)]
        drawn = iter(draw(specs))
        pictures = {chart.name: _both(next(drawn), next(drawn)) for chart in charts}
    body = [f"<h1>{_text(report.title)}</h1>", *(f"<p>{_text(line)}</p>" for line in heading_lines(report))]
    if charts and not pictures:
        body.append(f"<p>{_text(_NOT_DRAWN)}</p>")
    if pictures:
        definitions = pattern_definitions(LIGHT) + pattern_definitions(DARK)
        body.append(f'<svg class="patterns" aria-hidden="true" width="0" height="0">{definitions}</svg>')
    body += [_section(section, report.zone, pictures) for section in report.sections]
    style = files("modeltally.show.report").joinpath("report.css").read_text(encoding="utf-8")
    page = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{_text(report.title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{chr(10).join(body)}\n</main>\n</body>\n</html>\n"
    )
    return page.encode("utf-8", "backslashreplace")


def _section(section: Section, zone: str, pictures: dict[str, str]) -> str:
    name = escape(section.name)
    parts = [f'<section aria-labelledby="{name}">', f'<h2 id="{name}">{_text(section.title)}</h2>']
    parts += [f"<p>{_text(line)}</p>" for line in section.text]
    if section.chart is not None and section.chart.name in pictures:
        parts.append(f"<figure>{pictures[section.chart.name]}</figure>")
    if section.rows:
        parts.append(_table(section, zone))
    parts += [f'<p class="note">{_text(line)}</p>' for line in section_lines(section, zone)]
    return "\n".join([*parts, "</section>"])


def _table(section: Section, zone: str) -> str:
    if section.is_record:
        names, lines = record_table(section, zone)
        kinds = ["", *["n"] * (len(names) - 1)]
    else:
        columns = section.shown_columns
        names, kinds = [header(column) for column in columns], [_kind(column) for column in columns]
        lines = [[figure(column.name, row[column.name], zone) for column in columns] for row in section.rows]
    head = "".join(_cell("th", name, kind) for name, kind in zip(names, kinds, strict=True))
    body = "\n".join(f"<tr>{_line(line, kinds)}</tr>" for line in lines)
    # a table wider than the window is moved by itself, with the keyboard as well
    return (
        f'<div class="wide" tabindex="0" role="group" aria-label="Table: {_text(section.title)}">\n<table>\n'
        f"<caption>{_text(section.title)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _kind(column: Column) -> str:
    """Name the class of a column's cells: numbers, times, or neither."""
    return "n" if is_number(column) else "t" if column.unit in {Unit.TIME, Unit.DAY} else ""


def _line(line: Sequence[str], kinds: Sequence[str]) -> str:
    return "".join(_cell("td", text, kind) for text, kind in zip(line, kinds, strict=True))


def _cell(tag: str, text: str, kind: str) -> str:
    scope = ' scope="col"' if tag == "th" and text else ""
    tag = tag if text else "td"  # a heading says something
    # a name written from right to left leaves its neighbours alone
    return f"<{tag}{scope}{f' class={kind}' if kind else ''}><bdi>{_text(text)}</bdi></{tag}>"


def _both(light: bytes, dark: bytes) -> str:
    return f'<div class="light">{_fluid(light)}</div><div class="dark">{_fluid(dark)}</div>'


def _fluid(picture: bytes) -> str:
    """Let a picture shrink with the window, and leave its patterns to the page, which has them once."""
    svg = re.sub(r"<defs><pattern.*?</defs>", "", picture.decode(), count=1, flags=re.DOTALL)
    return _SIZE.sub(r'\1 style="width:100%;max-width:\2px;height:auto"', svg, count=1)


def _text(text: str) -> str:
    return escape(text, quote=True)
