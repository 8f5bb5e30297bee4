"""How fast downloads may go: one limit for the day, another for the night."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Self
from zoneinfo import ZoneInfo

from modeltally.errors import InputError

__all__ = ["Rates", "bytes_per_second"]

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}
_HOURS = re.compile(r"([0-2][0-9]:[0-5][0-9])-([0-2][0-9]:[0-5][0-9])(?: +([A-Za-z0-9_+/-]{1,64}))?")
_NONE = frozenset({"", "none"})


def bytes_per_second(text: str) -> float | None:
    """Read a rate.

    Args:
        text: Such as ``10MB``, ``512KiB`` or ``250000``, a second; ``none`` for no limit.

    Raises:
        InputError: It is something else.
    """
    if text.strip().lower() in _NONE:
        return None
    whole = text.strip().upper().removesuffix("/S").removesuffix("B")
    number = whole.rstrip("KMGI")
    try:
        rate = float(number) * _UNITS[whole[len(number) :]]
    except (ValueError, KeyError):
        rate = 0.0
    if not 1 <= rate < float("inf"):
        raise InputError(f"{text[:40]!r} is no rate; give bytes a second such as 100MB or 512KiB, or none")
    return rate


@dataclass(frozen=True, slots=True)
class Rates:
    """Limits by the time of the day.

    Attributes:
        day: Bytes a second; None for no limit.
        night: The same for the hours of the night.
        begins: When the night begins; None where there is none.
        ends: When it ends.
        zone: By whose clocks.
    """

    day: float | None = None
    night: float | None = None
    begins: time | None = None
    ends: time | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    @classmethod
    def of(cls, day: float = 0, night: float = 0, hours: str = "") -> Self:
        """Read them as the settings have them.

        Args:
            day: Bytes a second; 0 for no limit.
            night: The same for the hours of the night.
            hours: Those hours, as ``22:00-06:00 Europe/Berlin``; UTC without a zone; empty for none.

        Raises:
            InputError: The hours are something else.
        """
        if not hours.strip():
            return cls(day or None)
        read = _HOURS.fullmatch(hours.strip())
        try:
            first, last, name = read.groups() if read is not None else ("", "", "")
            begins, ends, zone = time.fromisoformat(first), time.fromisoformat(last), ZoneInfo(name or "UTC")
        except (ValueError, KeyError, OSError):
            raise InputError(f"{hours[:60]!r} are no hours; allowed: such as 22:00-06:00 Europe/Berlin") from None
        return cls(day or None, night or None, begins, ends, zone)

    def at(self, seconds: float) -> float | None:
        """Say how fast at a time.

        Args:
            seconds: Since 1970.

        Returns:
            Bytes a second; None for no limit.
        """
        if self.begins is None or self.ends is None:
            return self.day
        now = datetime.fromtimestamp(seconds, UTC).astimezone(self.zone).time()
        is_over_midnight = self.begins > self.ends
        is_between = min(self.begins, self.ends) <= now < max(self.begins, self.ends)
        is_night = is_between is not is_over_midnight
        return self.night if is_night else self.day
