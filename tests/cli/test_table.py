"""How rows look on a terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from rich.console import Console

from modeltally.analytics.topic import Layout
from modeltally.cli._table import write_table

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
    assert "900 ms" in shown
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
