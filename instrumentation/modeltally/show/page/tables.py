"""Tables of a page: rows that are searched, sorted and cut into pages here, and what a template writes them from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modeltally.analytics.rows import Unit
from modeltally.errors import InputError
from modeltally.show.page.cells import Cell, cell_of, names_where
from modeltally.show.page.state import PAGE_ROWS
from modeltally.show.units import column_header

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modeltally.analytics.rows import Column
    from modeltally.show.page.state import PageState

__all__ = ["Heading", "Paging", "Table", "arranged", "page_of", "table_of"]

_TEXTS: Final = frozenset({Unit.TEXT, Unit.COUNTS, Unit.FLAG})
# what a quantile is of, where a row says it
_COUNTS: Final = ("requests", "operations", "runs", "loads")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The heading of a column.

    Attributes:
        name: The column.
        text: What it says.
        sentence: What the column says.
        is_number: Its values stand under each other to be compared.
        href: Sorts by it; empty where the table is not sorted.
        sorted: ``ascending``, ``descending`` or empty.
    """

    name: str
    text: str
    sentence: str
    is_number: bool
    href: str = ""
    sorted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which rows of how many are shown.

    Attributes:
        first: The first row, from 1.
        last: The last.
        total: How many there are.
        page: Which page this is, from 1.
        pages: How many there are.
        previous: Leads to the page before; empty on the first.
        next: Leads to the next; empty on the last.
    """

    first: int
    last: int
    total: int
    page: int
    pages: int
    previous: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        caption: What stands above it.
        headings: Its columns.
        rows: Its cells.
        empty: What to say instead of no rows.
        paging: Which rows of how many; None where all are shown.
        exports: Links to the same for programs: what each is called, and where it is.
        more: Leads to all rows; empty where all are shown.
    """

    caption: str
    headings: Sequence[Heading]
    rows: Sequence[Sequence[Cell]]
    empty: str = ""
    paging: Paging | None = None
    exports: Sequence[tuple[str, str]] = field(default=())
    more: str = ""


def arranged(
    rows: Sequence[Mapping[str, Any]], state: PageState, *, columns: Sequence[Column]
) -> list[Mapping[str, Any]]:
    """Search and sort rows as the address says.

    Args:
        rows: The rows.
        state: What is searched, and the column to sort by.
        columns: Their columns.

    Returns:
        The rows left, in order; what is empty comes last, whichever way they are sorted.

    Raises:
        InputError: There is no such column.
    """
    found = list(rows)
    if state.q:
        texts = [column.name for column in columns if column.type is str]
        wanted = state.q.casefold()
        found = [row for row in found if any(wanted in str(row[name]).casefold() for name in texts)]
    if not state.sort:
        return found
    by_name = {column.name: column for column in columns}
    if state.sort not in by_name:
        raise InputError(f"sort={state.sort!r} names no column of this table; there are: {', '.join(by_name)}")
    known = [row for row in found if not _is_empty(row[state.sort])]
    known.sort(key=lambda row: _order(row[state.sort]), reverse=state.is_descending)
    return known + [row for row in found if _is_empty(row[state.sort])]


def page_of(rows: Sequence[Any], state: PageState, *, most: int = PAGE_ROWS) -> tuple[Sequence[Any], Paging]:
    """Cut out the page that the address names; one behind the last is the last."""
    pages = max(math.ceil(len(rows) / most), 1)
    page = min(state.page, pages)
    shown = rows[(page - 1) * most : page * most]
    return shown, Paging(
        first=(page - 1) * most + 1 if shown else 0,
        last=(page - 1) * most + len(shown),
        total=len(rows),
        page=page,
        pages=pages,
        previous=state.link(page=page - 1) if page > 1 else "",
        next=state.link(page=page + 1) if page < pages else "",
    )


def table_of(  # noqa: PLR0913 - each says one thing of a table
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    *,
    caption: str,
    state: PageState,
    empty: str = "",
    is_sorted: bool = False,
    most: int = PAGE_ROWS,
    exports: Sequence[tuple[str, str]] = (),
    more: str = "",
    where: Callable[[str, Any], str] | None = None,
) -> Table:
    """Make a table of rows.

    Args:
        rows: The rows.
        columns: The columns to show, in order.
        caption: What stands above it.
        state: What is searched, sorted and paged, and the zone.
        empty: What to say instead of no rows.
        is_sorted: It is searched, sorted and paged by the address; else its first rows are shown as they are.
        most: How many rows a page has, or are shown.
        exports: Links to the same for programs.
        more: Leads to all rows.
        where: Says where names lead to.

    Raises:
        InputError: The address sorts by a column that there is not.
    """
    paging = None
    shown: Sequence[Mapping[str, Any]] = rows[:most]
    if is_sorted:
        shown, paging = page_of(arranged(rows, state, columns=columns), state, most=most)
        if not shown and state.q:
            empty = f"no name contains {state.q[:80]!r}"
    leads = where or names_where(state)
    return Table(
        caption=caption,
        headings=[heading(column, state, is_sorted=is_sorted) for column in columns],
        rows=[
            [
                cell_of(
                    column, row[column.name], state=state, n=_number(row), href=leads(column.name, row[column.name])
                )
                for column in columns
            ]
            for row in shown
        ],
        empty="" if shown else empty or "nothing in this window",
        paging=paging,
        exports=exports,
        more=more if len(rows) > most and not is_sorted else "",
    )


def heading(column: Column, state: PageState, *, is_sorted: bool) -> Heading:
    """Make the heading of a column; its link sorts by it, numbers from the most, and turns a second time."""
    is_number = column.unit not in _TEXTS
    is_chosen = is_sorted and state.sort == column.name
    is_next_descending = not state.is_descending if is_chosen else is_number
    return Heading(
        name=column.name,
        text=column_header(column.name),
        sentence=column.sentence,
        is_number=is_number,
        href=state.link(sort=f"{'-' if is_next_descending else ''}{column.name}", page=None) if is_sorted else "",
        sorted=("descending" if state.is_descending else "ascending") if is_chosen else "",
    )


def _number(row: Mapping[str, Any]) -> int | None:
    return next((row[name] for name in _COUNTS if isinstance(row.get(name), int)), None)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _order(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else str(value) if isinstance(value, dict | list) else value
