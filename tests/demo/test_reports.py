"""`modeltally demo --reports`: every report of thirty simulated days, with the same figures in each format."""

from __future__ import annotations

import json
import shutil
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from cli.conftest import run_command
from modeltally.show.report.formats import FORMATS
from modeltally.show.report.kinds import REPORTS
from modeltally.show.report.words import figure
from modeltally.show.units import column_header
from show.report.read_back import from_csv, from_html, from_markdown, pdf_text, without_space

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow(seconds=60, why="simulated days, and twenty reports of them"),
    pytest.mark.skipif(
        shutil.which("pdftotext") is None, reason="apt-get install poppler-utils brings what reads a PDF"
    ),
]


def cells(section: dict[str, Any], names: list[str]) -> list[list[str]]:
    """Write the rows of a section of the JSON for people: the columns under these headers."""
    columns = {column_header(column["name"]): column["name"] for column in section["columns"]}
    return [[figure(columns[name], _value(row[columns[name]]), "UTC") for name in names] for row in section["rows"]]


def _value(value: Any) -> Any:
    """Read a day as one: JSON has it as text."""
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def test_reports_of_the_demo_agree(tmp_path: Path) -> None:
    """Parsed back, the PDF, the page, the Markdown and the CSV say what the JSON says, cell by cell."""
    folder = tmp_path / "reports"
    shown = run_command("demo", "--dir", tmp_path / "data", "--reports", folder, home=tmp_path, timeout_seconds=600)
    assert shown.returncode == 0, shown.stderr
    assert "20 reports are in" in shown.stdout
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}.{one}" for name in REPORTS for one in FORMATS
    )
    compared = 0
    for name in REPORTS:
        files = {one: (folder / f"{name}.{one}").read_bytes() for one in FORMATS}
        report = json.loads(files["json"])
        tables = from_markdown(files["md"])
        assert from_html(files["html"]).tables == tables
        lines = from_csv(files["csv"])
        text = pdf_text(files["pdf"], tmp_path)
        for section in report["sections"]:
            assert len(lines.get(section["name"], [])) == len(section["rows"])
            if not section["rows"]:
                continue
            head, *body = tables[section["title"]]
            if head[0] == "":  # a record: a line for each column
                by_column = cells(section, [line[0] for line in body])
                assert [list(line) for line in zip(*by_column, strict=True)] == [line[1:] for line in body]
            else:
                assert cells(section, head) == body
            assert all(without_space("".join(line)) in text for line in (head, *body)), section["name"]
            compared += sum(map(len, body))
    assert compared > 1500
