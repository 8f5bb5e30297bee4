"""How rows are shown: values, tables, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from modeltally.cli._output import Layout, OutputFormat, Row, format_value, write_rows, write_table

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
LAYOUT = Layout("Models", columns=("model", "requests", "success_rate", "p50_ms", "last_used_at", "unknown"))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("requests", 14279, "14,279"),
        ("success_rate", 0.9837, "98.4%"),
        ("p50_ms", 0.25, "0.25 ms"),
        ("p50_ms", 1500, "1.5 s"),
        ("p50_ms", 32_000.0, "32 s"),
        ("p95_ms", 430_000, "7.2 min"),
        ("idle_seconds", 9000.0, "2.5 h"),
        ("idle_seconds", 24.5 * 86400, "24.5 d"),
        ("size_bytes", 7 * 1024**3, "7 GiB"),
        ("size_bytes", 0, "0 B"),
        ("last_used_at", "2024-11-30T23:43:04Z", "2024-11-30 23:43"),
        ("last_used_at", "never", "never"),
        ("is_unsafe", True, "yes"),
        ("mean_quality", None, "-"),
        ("mean_quality", float("inf"), "-"),
        ("names", ["a", "b"], "a, b"),
        ("model", "", "-"),
        ("model", "a\tb", "a\\tb"),
    ],
)
def test_value_is_written_by_the_unit_in_its_name(name: str, value: object, text: str) -> None:
    """A column's name says which unit its numbers have, and that decides how they are written."""
    assert format_value(name, value) == text


def test_table_fits_the_terminal_and_prints_names_as_they_are() -> None:
    """A table is no wider than the terminal; markup and escape codes in a name stay text."""
    console = Console(file=io.StringIO(), width=72)
    write_table(ROWS, LAYOUT, console=console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert max(map(len, shown.splitlines())) <= 72
    assert "12,345" in shown
    assert "93.8%" in shown
    assert "[bold]" in shown
    assert "\x1b" not in shown
    assert "hidden" not in shown


def test_table_says_so_when_there_is_no_row() -> None:
    """An empty answer is a sentence, not an empty grid."""
    console = Console(file=io.StringIO(), width=72)
    write_table([], Layout("Models", when_empty="nothing here"), console=console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().strip() == "Models: nothing here"


def test_json_is_a_list_of_objects_with_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get every column the view gave, times in ISO 8601, and null for what JSON cannot write."""
    write_rows(ROWS, OutputFormat.JSON)
    first, second = json.loads(capsys.readouterr().out)
    assert first["last_used_at"] == "2024-11-30T23:43:04Z"
    assert first["hidden"] == "not in the table"
    assert (second["p50_ms"], second["success_rate"]) == (None, None)


def test_json_is_an_empty_list_when_there_is_no_row(capsys: pytest.CaptureFixture[str]) -> None:
    """No row is still valid JSON."""
    write_rows([], OutputFormat.JSON)
    assert json.loads(capsys.readouterr().out) == []


def test_csv_reads_back_as_the_same_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """CSV has a header and one line per row; nested values are JSON."""
    write_rows([{"subject": 'a "b", c', "evidence": {"uses": 3}, "confidence": None}], OutputFormat.CSV)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows == [{"subject": 'a "b", c', "evidence": '{"uses": 3}', "confidence": ""}]
