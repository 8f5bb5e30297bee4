"""Reads reports of each format back: the cells of each section's table, as texts."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from modeltally.show.report.words import figure, header, record_table

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.show.report.model import Report, Section

__all__ = ["Page", "expected", "from_csv", "from_html", "from_json", "from_markdown", "pdf_text", "poppler"]

Table = list[list[str]]


def expected(section: Section, zone: str) -> Table:
    """Give the cells that people see, the header first; nothing for a section without rows."""
    if not section.rows:
        return []
    if section.is_record:
        names, lines = record_table(section, zone)
        return [names, *lines]
    columns = section.shown_columns
    lines = [[figure(column.name, row[column.name], zone) for column in columns] for row in section.rows]
    return [[header(column) for column in columns], *lines]


def from_json(content: bytes) -> dict[str, list[dict[str, Any]]]:
    """Read the rows of each section."""
    return {section["name"]: section["rows"] for section in json.loads(content)["sections"]}


def from_csv(content: bytes) -> dict[str, list[dict[str, str]]]:
    """Read the rows of each section."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(io.StringIO(content.decode(), newline="")):
        found.setdefault(row["section"], []).append(row)
    return found


def from_markdown(content: bytes) -> dict[str, Table]:
    """Read the table of each section, by its title."""
    found: dict[str, Table] = {}
    for block in content.decode().split("\n\n"):
        if block.startswith("## "):
            title = _plain(block.removeprefix("## "))
            found[title] = []
        elif block.startswith("|"):
            head, rule, *lines = block.splitlines()
            assert re.fullmatch(r"\|( -{3}:? \|)+", rule)
            rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in (head, *lines)]
            found[title] = [[_plain(cell.strip()) for cell in row] for row in rows]
    return found


def _plain(text: str) -> str:
    return re.sub(r"\\([^A-Za-z0-9\s])", r"\1", text).replace("&lt;", "<").replace("&amp;", "&")


class Page(HTMLParser):
    """What a page is made of.

    Attributes:
        tables: The table of each section, by its title.
        tags: Every element, with its attributes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, Table] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._title = ""
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a row, or the text of a cell."""
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.tables[self._title].append([])
        if tag in {"td", "th", "h2"}:
            self._text = ""

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        """End a title or a cell."""
        if tag == "h2":
            self._title = self._text
            self.tables[self._title] = []
        if tag in {"td", "th"}:
            self.tables[self._title][-1].append(self._text)


def from_html(content: bytes) -> Page:
    """Read a page."""
    page = Page()
    page.feed(content.decode())
    return page


def pdf_text(content: bytes, folder: Path) -> str:
    """Read a PDF's text in the order in which it was set, without white space."""
    path = folder / "report.pdf"
    path.write_bytes(content)
    return without_space(poppler("pdftotext", "-raw", str(path), "-"))


def poppler(program: str, *arguments: str) -> str:
    """Ask a program of poppler's about a PDF."""
    command = [shutil.which(program) or program, *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def without_space(text: str) -> str:
    """Leave out white space, and places where a word may break."""
    return re.sub(r"[\s\u200b]+", "", text)


def report_titles(report: Report) -> list[str]:
    """Give the title of each section."""
    return [section.title for section in report.sections]
