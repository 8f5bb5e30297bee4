"""The words that some parameters of views take: any other one would be answered as if it were the last of them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WORDS", "check_word"]

_GRAINS: Final = ("hour", "day", "week")
_ZONE: Final = "zone"
_SHOWN_CHARACTERS: Final = 80

# By the name of the parameter, which means the same in every statement.
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "bucket": (*_GRAINS, "month"),
    "by": ("", "subject", "operation"),
    "finest": _GRAINS,
    "per": ("", *_GRAINS, "month", "hour_of_day", "day_of_week", "hour_of_week"),
}


def check_word(parameter: str, value: object) -> None:
    """Refuse what a parameter that takes certain words, or names of time zones, does not know.

    Args:
        parameter: Its name; of most, any text will do.
        value: What is given for it.

    Raises:
        ValueError: It is no such word; the message goes on behind the value, and offers the nearest or all.
    """
    if parameter == _ZONE:
        _check_zone(str(value))
    elif parameter in WORDS and value not in WORDS[parameter]:
        words = ", ".join(word or "''" for word in WORDS[parameter])
        raise ValueError(f"is none of: {words}")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = difflib.get_close_matches(name[:_SHOWN_CHARACTERS], available_timezones(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "names are those of the IANA database, as Europe/Berlin"
        raise ValueError(f"is no time zone; {hint}") from None
