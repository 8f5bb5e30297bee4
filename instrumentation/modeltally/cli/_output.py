"""How rows are shown: a table for people, JSON or CSV for programs.

Programs get the columns the view gave. A table picks columns and formats each by the unit in its name, so a
new view needs no new code here.
"""

from __future__ import annotations

import csv
import enum
import json
import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = [
    "Layout",
    "OutputFormat",
    "Row",
    "clean_text",
    "column_header",
    "format_cell",
    "format_value",
    "write_rows",
    "write_table",
]

Row = dict[str, object]

_EMPTY = "-"
_SECOND_MS = 1000
_MINUTE_MS = 60 * _SECOND_MS
_HOUR_MS = 60 * _MINUTE_MS
_BYTES_STEP = 1024


class OutputFormat(enum.StrEnum):
    """The values of ``--format``."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Layout:
    """How one kind of answer looks as a table.

    Attributes:
        title: What stands above it.
        columns: The columns to show, in order, where the rows have them; none means all.
        first_to_give_way: The columns to leave out, in this order, on a terminal too narrow for all.
        when_empty: What to tell the reader when there is no row.
        is_record: One row only, shown as a list of names and values.
    """

    title: str
    columns: tuple[str, ...] = ()
    first_to_give_way: tuple[str, ...] = ()
    when_empty: str = "nothing in this window"
    is_record: bool = False


def write_rows(rows: Sequence[Row], output_format: OutputFormat) -> None:
    """Write rows for a program to stdout, every column the view gave.

    Args:
        rows: The answer.
        output_format: JSON (a list of objects) or CSV (with a header line).
    """
    if output_format is OutputFormat.JSON:
        sys.stdout.write(json.dumps([_plain(row) for row in rows], indent=2, ensure_ascii=False) + "\n")
        return
    if rows:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows([_csv_cell(value) for value in row.values()] for row in rows)


def write_table(rows: Sequence[Row], layout: Layout, *, console: Console) -> None:
    """Draw rows as a table that fits the terminal.

    Args:
        rows: The answer.
        layout: Which columns, which of them first give way, and what to say when there is no row.
        console: Where to draw.
    """
    console.print()
    if not rows:
        console.print(Text(f"{layout.title}: {layout.when_empty}"))
        return
    columns = [name for name in layout.columns if name in rows[0]] or list(rows[0])
    if layout.is_record:
        console.print(_record_table(rows[0], columns, layout))
        return
    left_out: list[str] = []
    table = _grid(rows, columns, layout, width=console.width)
    for name in layout.first_to_give_way:
        if table.__rich_measure__(console, console.options).maximum <= console.width:
            break
        if name in columns:
            left_out.append(column_header(name))
            columns.remove(name)
            table = _grid(rows, columns, layout, width=console.width)
    console.print(table)
    if left_out:
        console.print(Text(f"no room for {', '.join(left_out)}: widen the terminal or use --format", style="dim"))


def _record_table(row: Row, columns: Sequence[str], layout: Layout) -> Table:
    table = Table(title=layout.title, title_justify="left", box=box.SIMPLE, show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right", overflow="fold")
    for name in columns:
        table.add_row(column_header(name), format_cell(name, row[name]))
    return table


def _grid(rows: Sequence[Row], columns: Sequence[str], layout: Layout, *, width: int) -> Table:
    table = Table(title=layout.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        is_number = all(_is_number_like(name, row[name]) for row in rows)
        table.add_column(
            column_header(name),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            # a long name takes a few lines rather than the room of the figures
            max_width=None if is_number else width // 3,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(format_cell(name, row[name]) for name in columns))
    return table


def format_cell(name: str, value: object) -> Text:
    """Format one value for a table.

    Args:
        name: The column's name; its ending names the unit.
        value: The value.

    Returns:
        Text that is printed as it stands, whatever characters it holds.
    """
    return Text(format_value(name, value))


def format_value(name: str, value: object) -> str:
    """Write one value for a person to read.

    Args:
        name: The column's name; its ending names the unit.
        value: The value.

    Returns:
        The text, printable characters only.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return _EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _format_number(name, value)
    if name.endswith("_at") or isinstance(value, datetime):
        return _format_moment(value)
    if isinstance(value, dict):
        value = [f"{key} {format_value(name, item)}" for key, item in value.items()]
    if isinstance(value, list | tuple):
        return ", ".join(clean_text(str(item)) for item in value) or _EMPTY
    return clean_text(str(value)) or _EMPTY


def column_header(name: str) -> str:
    """Write a column's name for a person; the unit goes, since the value is written with it.

    Args:
        name: The column's name.

    Returns:
        The header.
    """
    for ending in ("_ms", "_at", "_bytes", "_rate", "_seconds"):
        name = name.removesuffix(ending)
    return name.replace("_", " ")


def clean_text(text: str) -> str:
    """Show what cannot be printed as an escape, so that a name from outside cannot steer the terminal.

    Args:
        text: Any text.

    Returns:
        Printable text.
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def _is_number_like(name: str, value: object) -> bool:
    return value is None or isinstance(value, int | float) or name.endswith(("_at", "_ms", "_bytes", "_rate"))


def _format_number(name: str, value: float) -> str:
    if name.endswith(("_rate", "share", "confidence")):
        return f"{value:.1%}"
    if name.endswith("_ms"):
        return _format_duration(value)
    if name.endswith("_seconds"):
        return _format_duration(value * _SECOND_MS)
    if name.endswith("_bytes"):
        return _format_bytes(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _format_duration(milliseconds: float) -> str:
    if milliseconds < _SECOND_MS:
        return f"{milliseconds:.3g} ms"
    if milliseconds < 2 * _MINUTE_MS:
        return f"{milliseconds / _SECOND_MS:.3g} s"
    if milliseconds < 2 * _HOUR_MS:
        return f"{milliseconds / _MINUTE_MS:.1f} min"
    if milliseconds < 48 * _HOUR_MS:
        return f"{milliseconds / _HOUR_MS:.1f} h"
    return f"{milliseconds / (24 * _HOUR_MS):.1f} d"


def _format_bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < _BYTES_STEP:
            return f"{count:.3g} {unit}"
        count /= _BYTES_STEP
    return f"{count:,.3g} TiB"


def _format_moment(value: object) -> str:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return clean_text(str(value))
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M}"


def _plain(value: object) -> object:
    """Reduce a value to what JSON knows; a number JSON cannot write is null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _csv_cell(value: object) -> object:
    plain = _plain(value)
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, dict | list) else plain


def _iso(moment: datetime) -> str:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
