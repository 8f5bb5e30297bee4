"""One column of an answer as bars, for who would rather look than read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.bar import Bar
from rich.table import Table
from rich.text import Text

from modeltally.analytics.rows import Unit
from modeltally.errors import UnknownNameError
from modeltally.show.units import column_header, format_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from modeltally.analytics.topic import Topic

__all__ = ["check_plotted", "write_plot"]

_DRAWN: Final = frozenset({Unit.COUNT, Unit.SHARE, Unit.MILLISECONDS, Unit.SECONDS, Unit.BYTES})
_TIMES: Final = frozenset({Unit.TIME, Unit.DAY})
# More bars are more than a look takes in.
_MAX_BARS: Final = 60
_EMPTY: Final = "-"


def check_plotted(topic: Topic[Any], column: str) -> None:
    """Refuse a column that has no figures.

    Args:
        topic: What is asked.
        column: The column to draw.

    Raises:
        UnknownNameError: It has none; the message names those that do.
    """
    drawn = [one.name for one in topic.columns if one.unit in _DRAWN]
    if column not in drawn:
        raise UnknownNameError(f"column of figures in {topic.name}", column, drawn or ["none"])


def write_plot(
    rows: Sequence[Mapping[str, object]], topic: Topic[Any], column: str, *, console: Console, why_empty: str | None
) -> None:
    """Draw a bar for each row, from zero; nothing known is a dash.

    Args:
        rows: The answer, in its order.
        topic: What it answers.
        column: The column to draw.
        console: Where to draw.
        why_empty: That there is nothing to tell, and why; None where something may be told.
    """
    console.print()
    if why_empty is not None or not rows:
        console.print(Text(f"{topic.layout.title}: {why_empty or topic.layout.when_empty}"))
        return
    names = _names(topic)
    is_in_time = any(one.unit in _TIMES for one in topic.columns if one.name in names)
    shown = rows[-_MAX_BARS:] if is_in_time else rows[:_MAX_BARS]
    values = [_figure(row[column]) for row in shown]
    least = min([0.0, *(value for value in values if value is not None)])
    span = max([0.0, *(value for value in values if value is not None)]) - least
    grid = Table(
        title=f"{topic.layout.title}: {column_header(column)}",
        title_justify="left",
        box=box.SIMPLE,
        show_header=False,
        padding=(0, 1, 0, 0),
        expand=True,
    )
    grid.add_column(overflow="fold", max_width=console.width // 3)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    for row, value in zip(shown, values, strict=True):
        label = Text(" ".join(format_value(name, row[name]) for name in names if row[name] not in (None, "")))
        bar = Bar(span, min(value, 0.0) - least, max(value, 0.0) - least) if value is not None and span else Text()
        grid.add_row(label, bar, Text(_EMPTY if value is None else format_value(column, row[column])))
    console.print(grid)
    if len(shown) < len(rows):
        which = "latest" if is_in_time else "first"
        said = f"the {which} {len(shown)} of {len(rows):,} rows are drawn: --format json has them all"
        console.print(Text(said, style="dim"))


def _names(topic: Topic[Any]) -> list[str]:
    """The columns that say what a row is about: those before its first figure."""
    names = []
    for one in topic.columns:
        if one.unit in _DRAWN:
            break
        names.append(one.name)
    return names


def _figure(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
