"""What a page shows is in its address: the window, the time zone, what is searched and how rows are sorted."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from modeltally.analytics.arguments import ZONE
from modeltally.analytics.window import BEGINNING, MOVING, Window, parse_window
from modeltally.errors import InputError
from modeltally.store.allowed import check_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ALL", "DEFAULT_WINDOW", "MAX_TEXT", "PAGE_ROWS", "WINDOWS", "PageState", "read_state"]

DEFAULT_WINDOW: Final = "7d"
ALL: Final = "all"
# what the picker offers, and how each is written
WINDOWS: Final = {"1h": "1 h", "24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d", ALL: "all"}
PAGE_ROWS: Final = 50
MAX_TEXT: Final = 200
_MAX_PAGE: Final = 1_000_000
_NAME: Final = re.compile(r"-?[a-z][a-z0-9_]{0,63}")
_KEPT: Final = ("window", "since", "until", "tz")
_DEFAULTS: Final = {"window": DEFAULT_WINDOW, "tz": "UTC", "page": "1", "sort": "", "q": "", "tab": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageState:
    """What an address says.

    Attributes:
        path: The path of the page, as it is written in an address.
        given: What the address says, by name, as it was written; nothing that is the default.
        window: The window of time.
        window_name: The name of it in the picker; empty where its ends are given.
        zone: The time zone that times are written in.
        zone_name: Its name.
        sort: The column to sort by; empty for the order of the answer.
        is_descending: Sort from the largest.
        q: What names must contain.
        page: Which page of the rows, from 1.
        tab: Which part of the rows.
    """

    path: str
    given: Mapping[str, str]
    window: Window
    window_name: str
    zone: ZoneInfo
    zone_name: str
    sort: str = ""
    is_descending: bool = False
    q: str = ""
    page: int = 1
    tab: str = ""

    def link(self, path: str | None = None, **changes: object) -> str:
        """Write the address of a page like this one.

        Args:
            path: Another page, which takes over the window and the zone alone; None for this one.
            **changes: What is different; None takes a value away.

        Returns:
            The path with its query.
        """
        kept = self.given if path is None else {name: self.given[name] for name in _KEPT if name in self.given}
        values = {**kept, **{name: "" if value is None else str(value) for name, value in changes.items()}}
        if "window" in changes:
            values = {name: value for name, value in values.items() if name not in {"since", "until"}}
        query = urlencode({name: value for name, value in values.items() if value and _DEFAULTS.get(name) != value})
        return (self.path if path is None else path) + (f"?{query}" if query else "")

    def before(self) -> Window:
        """Give the window of the same length that ends where this one begins."""
        window = self.window
        return replace(window, since=window.since - (window.until - window.since), until=window.since)

    def local(self, moment: datetime) -> datetime:
        """Give a time in the zone of the page; one without a zone is in UTC."""
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(self.zone)

    @property
    def words(self) -> str:
        """The window in words."""
        if self.window_name == ALL:
            return "all time"
        if self.window_name:
            return f"last {WINDOWS[self.window_name]}"
        ends = (self.local(self.window.since), self.local(self.window.until))
        return " to ".join(f"{end:%Y-%m-%d %H:%M}" for end in ends)

    @property
    def bucket(self) -> str:
        """How the window is cut for charts: into hours, days or weeks."""
        length = self.window.until - self.window.since
        return "hour" if length <= timedelta(days=8) else "day" if length <= timedelta(days=400) else "week"


def read_state(
    path: str,
    query: Mapping[str, str],
    *,
    now: datetime,
    first_at: Callable[[Window], datetime | None],
) -> PageState:
    """Read an address.

    Args:
        path: The path of the page.
        query: What stands behind it.
        now: The present, aware.
        first_at: Says when the first thing that is stored in a window began.

    Returns:
        What it says.

    Raises:
        InputError: A value is not allowed; the message names it and what is.
    """
    given = {name: value for name, value in query.items() if value and _DEFAULTS.get(name) != value}
    zone_name = _zone_name(given.get("tz", "UTC"))
    zone = ZoneInfo(zone_name)
    name, window = _window(given, zone, now=now, first_at=first_at)
    sort = given.get("sort", "")
    if sort and not _NAME.fullmatch(sort):
        raise InputError(f"sort={_shown(sort)} names no column; give one as its heading links to it, - before it turns")
    page = given.get("page", "1")
    if not page.isascii() or not page.isdigit() or not 1 <= int(page[:8]) <= _MAX_PAGE:
        raise InputError(f"page={_shown(page)} is no page; allowed: 1 to {_MAX_PAGE:,}")
    for text in ("q", "tab"):
        if len(given.get(text, "")) > MAX_TEXT:
            raise InputError(f"{text} has {len(given[text]):,} characters; allowed: {MAX_TEXT}")
    return PageState(
        path=path,
        given=given,
        window=window,
        window_name=name,
        zone=zone,
        zone_name=zone_name,
        sort=sort.removeprefix("-"),
        is_descending=sort.startswith("-"),
        q=given.get("q", ""),
        page=int(page),
        tab=given.get("tab", ""),
    )


def _zone_name(name: str) -> str:
    try:
        check_value(ZONE.parameter, name)
    except ValueError as error:
        raise InputError(f"tz={_shown(name)} {error}") from None
    return name


def _window(
    given: Mapping[str, str], zone: ZoneInfo, *, now: datetime, first_at: Callable[[Window], datetime | None]
) -> tuple[str, Window]:
    since, until = given.get("since"), given.get("until")
    if since or until:
        return "", parse_window(_zoned(since, zone), _zoned(until, zone), None, now=now)
    name = given.get("window", DEFAULT_WINDOW)
    if name not in WINDOWS:
        raise InputError(f"window={_shown(name)} is not one of {', '.join(WINDOWS)}; since and until take any other")
    if name != ALL:
        return name, parse_window(name, None, None, now=now)
    ever = Window(BEGINNING, now, now, MOVING - {"since"})
    first = first_at(ever)
    if first is None:
        return name, parse_window(DEFAULT_WINDOW, None, None, now=now)
    begin = first.replace(hour=0, minute=0, second=0, microsecond=0)
    return name, replace(ever, since=begin)


def _zoned(text: str | None, zone: ZoneInfo) -> str | None:
    """Read a date without an offset as one of the page's zone."""
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return text or None  # how far back, or nothing that the reader of windows knows: it says so
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()


def _shown(value: Any) -> str:
    text = str(value)
    return repr(text if len(text) <= 80 else f"{text[:80]}...")  # noqa: PLR2004 - what fits a line
