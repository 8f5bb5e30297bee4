"""The half-open window of time a query is about: ``since <= t < until``, as known at ``as_of``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from modeltally.errors import InputError

__all__ = ["BEGINNING", "DEFAULT_SPAN", "LATEST", "MOVING", "Window", "format_moment", "parse_window"]

DEFAULT_SPAN = timedelta(days=30)
MOVING = frozenset({"since", "until", "as_of"})

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_RELATIVE = re.compile(r"([0-9]{1,6})([mhdw])")
_ALLOWED = "2024-11-15, 2024-11-15T08:30, 2024-11-15T08:30+01:00 (UTC without an offset), or 30m, 24h, 7d, 4w back"
# Events outside these years are refused by the store, so a query about them is a typing error.
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """A window in UTC.

    Attributes:
        since: Its begin.
        until: Its end, itself not in it.
        as_of: The moment of the query.
        moving: Which of these were counted back from the present, and so move with it.
    """

    since: datetime
    until: datetime
    as_of: datetime
    moving: frozenset[str] = field(default=frozenset(), compare=False)

    @classmethod
    def last(cls, length: timedelta, *, now: datetime | None = None) -> Window:
        """Give the window of a length up to now: a time that is aware, or the machine's."""
        end = now or datetime.now(UTC)
        return cls(since=end - length, until=end, as_of=end, moving=MOVING)

    def bounds(self) -> dict[str, object]:
        """Give the window's ends as views and jobs take them: ISO 8601 strings in UTC."""
        return {"since": format_moment(self.since), "until": format_moment(self.until)}

    def question(self) -> dict[str, str]:
        """Say which window it is in words that stay the same while it moves: what moves is told from ``as_of``."""
        ends = {"since": self.since, "until": self.until, "as_of": self.as_of}
        return {
            name: f"-{(self.as_of - end).total_seconds()}" if name in self.moving else format_moment(end)
            for name, end in ends.items()
        }

    def parameters(self) -> dict[str, object]:
        """Give the ends and the moment of the query, in the same form."""
        return self.bounds() | {"as_of": format_moment(self.as_of)}


def parse_window(since: str | None, until: str | None, as_of: str | None, *, now: datetime) -> Window:
    """Read the three flags.

    A relative value counts back: ``--since`` from ``--until``, ``--until`` from ``--as-of``, ``--as-of`` from
    now.

    Args:
        since: The value of ``--since``; thirty days before ``until`` when None.
        until: The value of ``--until``; ``as_of`` when None.
        as_of: The value of ``--as-of``; ``now`` when None.
        now: The current time, aware.

    Returns:
        The window.

    Raises:
        InputError: A value is not a date, or the window is empty.
    """
    as_of_at = _parse("--as-of", as_of, back_from=now) if as_of is not None else now
    until_at = _parse("--until", until, back_from=as_of_at) if until is not None else as_of_at
    since_at = _parse("--since", since, back_from=until_at) if since is not None else until_at - DEFAULT_SPAN
    if since_at >= until_at:
        raise InputError(
            f"--since {format_moment(since_at)} is not before --until {format_moment(until_at)};"
            " the window holds what began at or after --since and before --until"
        )
    # each is counted back from the one before, unless it is a date
    moves = {"as_of": as_of is None}
    moves["until"] = moves["as_of"] and (until is None or _RELATIVE.fullmatch(until.strip()) is not None)
    moves["since"] = moves["until"] and (since is None or _RELATIVE.fullmatch(since.strip()) is not None)
    moving = frozenset(name for name, does_move in moves.items() if does_move)
    return Window(since=since_at, until=until_at, as_of=as_of_at, moving=moving)


def format_moment(moment: datetime) -> str:
    """Write a time as ISO 8601 in UTC, for example ``2024-11-15T08:30:00Z``.

    Args:
        moment: An aware time.

    Returns:
        The text.
    """
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parse(flag: str, text: str, *, back_from: datetime) -> datetime:
    relative = _RELATIVE.fullmatch(text.strip())
    try:
        if relative is not None:
            moment = back_from - timedelta(**{_UNITS[relative[2]]: int(relative[1])})
        else:
            moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise InputError(f"{flag} {text!r} is not a date; allowed: {_ALLOWED}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not BEGINNING <= moment <= LATEST:
        raise InputError(f"{flag} {text!r} is outside the years 2000 to 2100; allowed: {_ALLOWED}")
    return moment.astimezone(UTC)
