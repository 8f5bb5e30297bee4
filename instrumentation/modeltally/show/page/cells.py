"""How a value stands in a page: the text that people read, and the exact value beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from modeltally.analytics.plain import plain
from modeltally.show.units import format_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.analytics.rows import Column
    from modeltally.show.page.state import PageState

__all__ = ["FEW", "Cell", "cell_of", "count_word", "is_quantile", "names_where", "shortened"]

# quantiles of fewer than so many say their number
FEW: Final = 20
_QUANTILES: Final = ("p50_ms", "p95_ms", "p99_ms", "p95_load_ms")
_LONG_TEXT: Final = 120
# what the names in a column are names of: the page that tells of one
_PAGES: Final = {"model": "/models/{}", "user": "/users/{}", "pattern": "/topics/patterns?subject={}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value in a table.

    Attributes:
        text: What people read.
        kind: How it is marked up: ``number``, ``time``, ``name`` or ``text``.
        exact: The value itself, as JSON or ISO 8601 has it; empty for a text.
        href: Where it leads to.
        note: What is to be said beside it.
        title: The whole of a text that is shortened.
        tone: How it is meant: ``good``, ``bad``, ``quiet``, or nothing.
        svg: A small picture instead of the text, made of numbers alone.
    """

    text: str
    kind: str = "text"
    exact: str = ""
    href: str = ""
    note: str = ""
    title: str = ""
    tone: str = ""
    svg: str = ""


def cell_of(column: Column, value: Any, *, state: PageState, n: int | None = None, href: str = "") -> Cell:
    """Write a value of a row.

    Args:
        column: Its column.
        value: The value.
        state: Names the zone that times are written in.
        n: Of how many operations it is, where that says how far to trust it.
        href: Where it leads to.

    Returns:
        The cell.
    """
    exact = plain(value)
    shown = "" if exact is None else str(exact)
    if isinstance(value, datetime):
        local = state.local(value)
        return Cell(text=f"{local:%Y-%m-%d %H:%M}", kind="time", exact=shown, title=f"{local:%Y-%m-%d %H:%M:%S %Z}")
    if isinstance(value, date):
        return Cell(text=value.isoformat(), kind="time", exact=shown)
    if isinstance(value, bool):
        return Cell(text=format_value(column.name, value), kind="text", exact=str(value).lower())
    if value is None or isinstance(value, int | float):
        note = f"n={n:,}" if is_quantile(column.name) and value is not None and n is not None and n < FEW else ""
        is_name = column.type is str
        text = format_value(column.name, value)
        return Cell(text=text, kind="text" if is_name else "number", exact=shown, note=note, href=href)
    if isinstance(value, dict | list | tuple):
        return Cell(text=format_value(column.name, value), title=shown)
    text = format_value(column.name, value)
    short = shortened(text)
    return Cell(text=short, kind="name", exact=str(value), href=href, title=text if short != text else "")


def is_quantile(name: str) -> bool:
    """Tell whether a column is a quantile, which few operations tell little about."""
    return name in _QUANTILES


def names_where(state: PageState) -> Callable[[str, Any], str]:
    """Give what says where the names in a column lead to."""

    def where(column: str, value: Any) -> str:
        pattern = _PAGES.get(column)
        if pattern is None or not isinstance(value, str) or not value:
            return ""
        path, _, query = pattern.partition("?")
        if query:
            return state.link(path, subject=value)
        return state.link(path.format(quote(value, safe="")))

    return where


def shortened(text: str, most: int = _LONG_TEXT) -> str:
    """Cut a long text in its middle: names often differ in their ends."""
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3]}…{text[-(most // 3) :]}"


def count_word(number: int, word: str) -> str:
    """Write a number and what it is of."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
