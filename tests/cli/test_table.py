"""How rows look on a terminal."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import pytest
from rich.console import Console

from modeltally.analytics.topic import Layout
from modeltally.analytics.topics import TOPICS
from modeltally.cli._table import write_notes, write_table

ROWS: list[dict[str, object]] = [
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


def test_columns_give_way_where_there_is_no_room() -> None:
    """On a narrow terminal the columns named for it are left out, in their order, and the reader is told."""
    names = ("requests", "success_rate", "p50_ms", "last_used_at")
    layout = Layout("Models", columns=names, first_to_give_way=("last_used_at", "p50_ms", "success_rate"))
    console = Console(file=io.StringIO(), width=34)
    write_table(ROWS, layout, console=console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "no room for last used:" in " ".join(shown.split())
    assert "2024-11-30" not in shown
    assert "p50 (ms)" in shown
    assert "900" in shown
    assert max(map(len, shown.splitlines())) <= 34


def test_name_stays_on_the_narrowest_terminal() -> None:
    """Columns nobody named give way from the right; what a row is about never does, and the reader is told."""
    names = ("model", "requests", "success_rate", "p50_ms", "last_used_at")
    console = Console(file=io.StringIO(), width=24)
    write_table(ROWS, Layout("Models", columns=names), console=console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "lumen" in shown
    assert "last used" in " ".join(shown.split())
    assert "2024-11-30" not in shown


def test_durations_of_a_table_are_in_one_unit_and_times_name_their_zone() -> None:
    """The header says the unit, or the zone; only what is summed up has a unit of its own."""
    at = datetime(2024, 11, 30, 23, 43, tzinfo=UTC)
    rows: list[dict[str, object]] = [
        {"model": "a", "p50_ms": 60.0, "p95_ms": 900.0, "total_ms": 9e7, "last_used_at": at},
        {"model": "b", "p50_ms": 9000.0, "p95_ms": 12_345.0, "total_ms": 9e7, "last_used_at": at},
        {"model": "c", "p50_ms": 426_000.0, "p95_ms": None, "total_ms": 9e7, "last_used_at": at},
    ]
    console = Console(file=io.StringIO(), width=100)
    assert write_table(rows, Layout("Latency"), console=console) == list(rows[0])
    assert isinstance(console.file, io.StringIO)
    _, _, _, header, _, *lines = (line.split("  ") for line in console.file.getvalue().splitlines())
    assert [cell.strip() for cell in header if cell] == ["model", "p50 (s)", "p95 (s)", "total (h)", "last used (UTC)"]
    shown = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert [line[1:4] for line in shown[:3]] == [["0.06", "0.9", "25"], ["9", "12.3", "25"], ["426", "-", "25"]]


def test_one_row_names_unit_and_zone_beside_each_value() -> None:
    """A list of names and values has no header: the one unit stands behind each duration, the zone behind each time."""
    row: dict[str, object] = {
        "p50_ms": 900.0,
        "p95_ms": 1500.0,
        "p99_ms": 9e5,
        "mean_ms": None,
        "last_used_at": datetime(2024, 11, 30, 23, 43, tzinfo=UTC),
    }
    console = Console(file=io.StringIO(), width=60)
    write_table([row], Layout("Overview", is_record=True), console=console)
    assert isinstance(console.file, io.StringIO)
    shown = " ".join(console.file.getvalue().split())
    assert "p50 0.9 s p95 1.5 s p99 900 s mean - last used 2024-11-30 23:43 UTC" in shown


def test_what_seems_not_to_add_up_is_explained_where_it_is_shown() -> None:
    """Success and error leave some out, durations too: a line says so below the columns it is about, and no other."""
    console = Console(file=io.StringIO(), width=80)
    write_notes({"model", "failures", "success_rate", "error_rate", "p95_ms"}, console=console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == ["failures", "success", "error", "durations"]
    console = Console(file=io.StringIO(), width=80)
    write_notes({"day", "users"}, console=console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""


# A large value of each type a column has.
LARGE: dict[type, object] = {
    bool: True,
    int: 1_234_567,
    float: 0.9876,
    str: "northwind/embed-small",
    datetime: datetime(2024, 11, 30, 23, 43, tzinfo=UTC),
    date: date(2024, 11, 30),
    dict: {"queue_full": 1_234_567, "no_receiver": 7},
}


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("name", TOPICS)
def test_every_answer_fits_forty_and_eighty_columns(name: str, width: int) -> None:
    """No line is longer than the terminal, and each row still says what it is about."""
    topic = TOPICS[name]
    row = {column.name: LARGE[column.type] for column in topic.columns}
    console = Console(file=io.StringIO(), width=width)
    shown = write_table([row, row], topic.layout, console=console)
    write_notes(set(shown), console=console)
    assert isinstance(console.file, io.StringIO)
    assert max(map(len, console.file.getvalue().splitlines())) <= width
    first = (topic.layout.columns or tuple(row))[0]
    assert first in shown
    assert len(shown) > 1
