"""How rows look on a terminal: a table that fits, with the columns that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from modeltally.cli._console import output_console, print_rows
from modeltally.cli._options import TABLE
from modeltally.show.units import (
    Scale,
    clean_text,
    column_header,
    format_scaled,
    format_value,
    is_number_like,
    scale_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from rich.console import Console

    from modeltally.analytics.topic import Layout
    from modeltally.analytics.trust import Trust
    from modeltally.cli._sparkline import Sparklines

__all__ = ["write_notes", "write_table", "write_trust"]

_WIDER_THAN_ANY_TERMINAL = 100_000
_EMPTY = "-"

# What figures on one screen leave out, so that a reader can add them up; each once, where one of its columns is shown.
_NOTES: Mapping[str, tuple[str, ...]] = {
    "failures: raised, or ran and gave no acceptable result": ("failures",),
    "success: of all but cancelled and in flight; a partial success counts half": ("success_rate",),
    "error: raised or abandoned, of the same": ("error_rate",),
    "durations: without cancelled ones": ("mean_ms", "p50_ms", "p95_ms", "p99_ms"),
    "started: stored, unfinished, dropped and unexplained together": ("started",),
}


def write_table(
    rows: Sequence[Mapping[str, object]],
    layout: Layout,
    *,
    console: Console,
    why_empty: str | None = None,
    sparklines: Sparklines | None = None,
) -> list[str]:
    """Draw rows as a table that fits the terminal.

    Args:
        rows: The answer.
        layout: Which columns, which of them first give way, and what to say when there is no row.
        console: Where to draw.
        why_empty: That there is nothing to tell, and why; None where something may be told.
        sparklines: A line of blocks for each row, left out where there is no room.

    Returns:
        The columns that are shown.
    """
    console.print()
    if why_empty is not None or not rows:
        console.print(Text(f"{layout.title}: {why_empty or layout.when_empty}"))
        return []
    columns = [name for name in layout.columns if name in rows[0]] or list(rows[0])
    if layout.is_record:
        console.print(_record_table(rows[0], columns, layout))
        return columns
    unbounded = console.options.update(max_width=_WIDER_THAN_ANY_TERMINAL)
    left_out: list[str] = []
    table = _grid(rows, columns, layout, width=console.width)
    # what a row is about stays whatever happens: figures without a name say nothing
    for name in (*layout.first_to_give_way, *reversed(columns[1:])):
        if Measurement.get(console, unbounded, table).maximum <= console.width:
            break
        if name in columns:
            left_out.append(column_header(name))
            columns.remove(name)
            table = _grid(rows, columns, layout, width=console.width)
    if sparklines is not None and not left_out:
        taken = Measurement.get(console, unbounded, table).maximum
        if taken + max(len(sparklines.header), sparklines.width) + 1 <= console.width:
            lines = {sparklines.header: sparklines.draw()}
            table = _grid(rows, columns, layout, width=console.width, beside=lines)
    console.print(table)
    if left_out:
        console.print(Text(f"no room for {', '.join(left_out)}: widen the terminal or use --format", style="dim"))
    return columns


def print_table(rows: Sequence[Mapping[str, object]], layout: Layout, format_name: str) -> None:
    """Print rows that are the whole answer: as a table, or as the format that was asked for.

    Args:
        rows: The answer.
        layout: How the table looks.
        format_name: ``table``, or what :func:`print_rows` takes.
    """
    if format_name == TABLE:
        write_table(rows, layout, console=output_console())
    else:
        print_rows(rows, format_name)


def write_notes(columns: AbstractSet[str], *, console: Console) -> None:
    """Say what the figures of columns count, where they would seem not to add up.

    Args:
        columns: The columns that are shown.
        console: Where to draw.
    """
    for note, told_by in _NOTES.items():
        if not columns.isdisjoint(told_by):
            console.print(Text(note, style="dim"))


def _record_table(row: Mapping[str, object], columns: Sequence[str], layout: Layout) -> Table:
    table = Table(title=layout.title, title_justify="left", box=box.SIMPLE, show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right", overflow="fold")
    scales = _scales([row], columns)
    for name in columns:
        scale = scales.get(name)
        cell = format_cell(name, row[name], scale)
        table.add_row(column_header(name), cell.append(_unit(name, scale)) if cell.plain != _EMPTY else cell)
    return table


def _grid(
    rows: Sequence[Mapping[str, object]],
    columns: Sequence[str],
    layout: Layout,
    *,
    width: int,
    beside: Mapping[str, Sequence[str]] | None = None,
) -> Table:
    table = Table(title=layout.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    scales = _scales(rows, columns)
    for name in columns:
        is_number = all(is_number_like(name, row[name]) for row in rows)
        unit = _unit(name, scales.get(name)).strip()
        table.add_column(
            column_header(name) + (f" ({unit})" if unit else ""),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            # a long name takes a few lines rather than the room of the figures
            max_width=None if is_number else width // 3,
            overflow="fold",
        )
    drawn = beside or {}
    for header in drawn:
        table.add_column(header, no_wrap=True)
    for number, row in enumerate(rows):
        cells = [format_cell(name, row[name], scales.get(name)) for name in columns]
        table.add_row(*cells, *(Text(lines[number]) for lines in drawn.values()))
    return table


def _scales(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> dict[str, Scale]:
    """Choose the units of durations: totals one by themselves, all others of a table the same."""
    durations = [name for name in columns if name.endswith("_ms")]
    totals = [name for name in durations if name.startswith("total")]
    scales: dict[str, Scale] = {}
    for group in (totals, [name for name in durations if name not in totals]):
        if scale := scale_of(row[name] for row in rows for name in group):
            scales |= dict.fromkeys(group, scale)
    return scales


def _unit(name: str, scale: Scale | None) -> str:
    """The unit of a column, which stands beside its name or behind its one value."""
    if name.endswith("_at"):
        return " UTC"
    return "" if scale is None else f" {scale.unit}"


def format_cell(name: str, value: object, scale: Scale | None = None) -> Text:
    """Format one value for a table.

    Args:
        name: The column's name; its ending names the unit.
        value: The value.
        scale: The unit of a duration that stands elsewhere.

    Returns:
        Text that is printed as it stands, whatever characters it holds.
    """
    return Text(format_value(name, value) if scale is None else format_scaled(value, scale))


def write_trust(trust: Trust, *, console: Console) -> None:
    """Say which window an answer is about and how far it can be trusted.

    Args:
        trust: What the answer rests on.
        console: Where to draw.
    """
    since, until, as_of = (
        format_value("at", moment) for moment in (trust.window_since, trust.window_until, trust.as_of)
    )
    parts = [f"{since} to {until} UTC as of {as_of}"]
    if trust.zone != "UTC":
        parts.append(f"days begin in {clean_text(trust.zone)}")
    parts += [f"{column_header(name)}: {format_value(name, value)}" for name, value in _said(trust)]
    console.print(Text("; ".join(parts), style="dim"))


def _said(trust: Trust) -> list[tuple[str, object]]:
    said: list[tuple[str, object]] = [
        ("n", trust.n),
        ("newest_at", trust.newest_at),
        ("data_age_seconds", trust.data_age_seconds),
        ("coverage", trust.coverage),
        ("known_loss", trust.known_loss),
        ("dirty_hours", trust.dirty_hours),
    ]
    # what is true of nearly every answer is not worth the room
    seldom: list[tuple[str, object]] = [
        ("quarantined", trust.quarantined),
        ("late", trust.late),
        ("answer_age_seconds", trust.answer_age_seconds),
    ]
    return [*said, *(pair for pair in seldom if pair[1])]
