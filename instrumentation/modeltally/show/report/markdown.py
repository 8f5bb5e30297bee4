"""A report as Markdown, with GitHub's tables; names from outside are text and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from modeltally.show.report.words import figure, header, heading_lines, is_number, record_table, section_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.show.report.model import Report, Section

__all__ = ["escaped", "write_markdown"]

# all that Markdown gives a meaning to in the middle of a line or a cell, and addresses that it makes links of; no line
# begins with a name from outside
_MEANING: Final = re.compile(r"[\\`*_{}\[\]|~#$@!>]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def write_markdown(report: Report) -> bytes:
    """Write a report as Markdown; a chart is its summary in words."""
    blocks = [f"# {escaped(report.title)}", *(escaped(line) for line in heading_lines(report))]
    for section in report.sections:
        blocks += _section(section, report.zone)
    return ("\n\n".join(blocks) + "\n").encode("utf-8", "backslashreplace")


def escaped(text: str) -> str:
    """Write a text so that Markdown shows it as it is."""
    return _MEANING.sub(r"\\\g<0>", text.replace("&", "&amp;").replace("<", "&lt;"))


def _section(section: Section, zone: str) -> list[str]:
    blocks = [f"## {escaped(section.title)}", *(escaped(line) for line in section.text)]
    if section.rows and section.is_record:
        names, lines = record_table(section, zone)
        blocks.append(_table(names, lines, ["---", *["---:"] * (len(names) - 1)]))
    elif section.rows:
        columns = section.shown_columns
        lines = [[figure(column.name, row[column.name], zone) for column in columns] for row in section.rows]
        rules = ["---:" if is_number(column) else "---" for column in columns]
        blocks.append(_table([header(column) for column in columns], lines, rules))
    return blocks + [escaped(line) for line in section_lines(section, zone)]


def _table(names: Sequence[str], lines: Sequence[Sequence[str]], rules: Sequence[str]) -> str:
    rows = [[escaped(name) for name in names], rules, *([escaped(cell) for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
