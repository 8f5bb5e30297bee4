"""A part of an answer: rows that hold a text, sorted, so many at a time, and where to go on."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from modeltally.analytics.plain import plain
from modeltally.analytics.window import BEGINNING, LATEST, Window
from modeltally.show.api.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.show.api.questions import Listed

__all__ = ["Cursor", "PageOf", "page_of", "question_id"]

_Row = dict[str, Any]
_ENDS: Final = ("since", "until", "as_of")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where to go on.

    Attributes:
        window: The window of the first page, which all others have.
        question: What tells this list from others.
        offset: How many rows came before.
        anchor: Tells the last of them: rows that came in meanwhile, before it, shift nothing.
    """

    window: Window
    question: str
    offset: int
    anchor: str

    def encode(self) -> str:
        """Write it as a text."""
        ends = [getattr(self.window, name).astimezone(UTC).isoformat() for name in _ENDS]
        content = json.dumps([1, *ends, self.question, self.offset, self.anchor], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, *, question: str) -> Cursor:
        """Read one.

        Args:
            text: What :meth:`encode` wrote.
            question: What it must belong to.

        Raises:
            ProblemError: It is none of ours, or one of another list.
        """
        try:
            content = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            version, since, until, as_of, asked, offset, anchor = content
            ends = [datetime.fromisoformat(str(end)).astimezone(UTC) for end in (since, until, as_of)]
            window = Window(since=ends[0], until=ends[1], as_of=ends[2])
            cursor = cls(window, str(asked), int(offset), str(anchor))
        except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
            raise _bad(text, "is none that this server gave") from None
        if version != 1 or cursor.offset < 0 or not BEGINNING <= cursor.window.since < cursor.window.until <= LATEST:
            raise _bad(text, "is none that this server gave")
        if cursor.question != question:
            raise _bad(text, "belongs to other parameters")
        return cursor


@dataclass(frozen=True, slots=True)
class PageOf:
    """A part of a list.

    Attributes:
        rows: Its rows, as what JSON can hold.
        total: How many rows the whole list has.
        next_cursor: Where to go on; None at the end.
    """

    rows: list[_Row]
    total: int
    next_cursor: str | None


def question_id(*parts: object) -> str:
    """Tell a list from others: by what is asked, the arguments, the order."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def page_of(
    rows: Sequence[Mapping[str, Any]], listed: Listed, *, window: Window, question: str, cursor: Cursor | None
) -> PageOf:
    """Take a part of a list.

    Args:
        rows: The whole answer.
        listed: Which part, in which order.
        window: The window it is about.
        question: Tells the list from others.
        cursor: Where to go on; None for the first page.

    Returns:
        The part.
    """
    found = [row for row in rows if _holds(row, listed.q)] if listed.q else list(rows)
    if listed.sort:
        found = _sorted(found, listed.sort)
    start = _start(found, cursor) if cursor is not None else 0
    part = [plain(row) for row in found[start : start + listed.limit]]
    end = start + len(part)
    following = None
    if part and end < len(found):
        following = Cursor(window, question, end, _anchor(found[end - 1])).encode()
    return PageOf(part, len(found), following)  # type: ignore[arg-type] # plain() keeps a row a row


def _start(rows: Sequence[Mapping[str, Any]], cursor: Cursor) -> int:
    if cursor.offset == 0:
        return 0
    offsets: list[int] = [
        cursor.offset - 1,
        *range(cursor.offset, len(rows)),
        *range(min(cursor.offset - 1, len(rows))),
    ]
    for at in offsets:
        if at < len(rows) and _anchor(rows[at]) == cursor.anchor:
            return at + 1
    return min(cursor.offset, len(rows))


def _anchor(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain(row), sort_keys=True).encode()).hexdigest()[:16]


def _holds(row: Mapping[str, Any], text: str) -> bool:
    wanted = text.casefold()
    return any(isinstance(value, str) and wanted in value.casefold() for value in row.values())


def _sorted(rows: list[Any], order: str) -> list[Any]:
    """Sort by columns; what is unknown comes last, whichever way."""
    for part in reversed(order.split(",")):
        column, is_descending = part.removeprefix("-"), part.startswith("-")
        known = [row for row in rows if row[column] is not None]
        unknown = [row for row in rows if row[column] is None]
        rows = [*sorted(known, key=functools.partial(_value, column), reverse=is_descending), *unknown]
    return rows


def _value(column: str, row: Mapping[str, Any]) -> Any:
    value = row[column]
    return (value.casefold(), value) if isinstance(value, str) else value


def _bad(text: str, what: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.BAD_REQUEST, f"cursor {what}", thing="cursor", value=text, allowed="next_cursor of the page before"
    )
