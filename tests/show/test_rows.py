"""How rows are written for programs: JSON, CSV, and whatever else has a writer."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from modeltally.show.rows import WRITERS, Row, write_rows

ROWS: list[Row] = [
    {
        "model": "lumen/photo-xl",
        "requests": 12345,
        "success_rate": 0.9375,
        "p50_ms": 900.0,
        "last_used_at": datetime(2024, 11, 30, 23, 43, 4, tzinfo=UTC),
        "hidden": "not in the table",
    },
    {
        "model": "[bold]x[/bold]\x1b[2J",
        "requests": 1,
        "success_rate": None,
        "p50_ms": float("nan"),
        "last_used_at": None,
        "hidden": "",
    },
]


def written(rows: list[Row], format_name: str) -> str:
    """Write rows in a format."""
    file = io.StringIO()
    write_rows(rows, format_name, file=file)
    return file.getvalue()


def test_json_is_a_list_of_objects_with_every_column() -> None:
    """Programs get every column the view gave, times in ISO 8601, and null for what JSON cannot write."""
    first, second = json.loads(written(ROWS, "json"))
    assert first["last_used_at"] == "2024-11-30T23:43:04Z"
    assert first["hidden"] == "not in the table"
    assert (second["p50_ms"], second["success_rate"]) == (None, None)


def test_json_is_an_empty_list_when_there_is_no_row() -> None:
    """No row is still valid JSON."""
    assert json.loads(written([], "json")) == []


def test_csv_reads_back_as_the_same_rows() -> None:
    """CSV has a header and one line per row; nested values are JSON."""
    text = written([{"subject": 'a "b", c', "evidence": {"uses": 3}, "confidence": None}], "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows == [{"subject": 'a "b", c', "evidence": '{"uses": 3}', "confidence": ""}]


def test_csv_of_no_rows_has_its_header() -> None:
    """Who reads a file by its columns finds them when nothing happened."""
    file = io.StringIO()
    write_rows([], "csv", file=file, columns=["model", "requests"])
    assert file.getvalue() == "model,requests\n"


@pytest.mark.parametrize("format_name", WRITERS)
def test_every_format_writes_rows_and_none(format_name: str) -> None:
    """A format takes whatever a view gives, also nothing at all."""
    assert "lumen/photo-xl" in written(ROWS, format_name)
    assert "lumen" not in written([], format_name)
