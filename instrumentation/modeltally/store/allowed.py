"""Which values parameters take where their type says too little: another word would be answered as if it were the last.

A parameter means the same in every statement, so that its name is enough.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_SECONDS", "WORDS", "check_value"]

_GRAINS: Final = ("hour", "day", "week")
_ZONE: Final = "zone"
_SHOWN_CHARACTERS: Final = 80
# Thirty years, before which no time that is stored can be moved out of the engine's range.
MAX_SECONDS: Final = 1_000_000_000

WORDS: Final[Mapping[str, tuple[object, ...]]] = {
    "bucket": (*_GRAINS, "month"),
    "by": ("", "subject", "operation", "subject_operation"),
    "finest": _GRAINS,
    "only": ("", "evaluated"),
    "per": ("", *_GRAINS, "month", "hour_of_day", "day_of_week", "hour_of_week"),
    "width": (3600, 86_400),
}


def check_value(parameter: str, value: object) -> None:
    """Refuse a value that its parameter does not take, though it is of the right type.

    Args:
        parameter: The name.
        value: What is given for it.

    Raises:
        ValueError: It is not allowed; the message goes on behind the value, and offers what is nearest or all there is.
    """
    if parameter == _ZONE:
        _check_zone(str(value))
    elif parameter in WORDS and value not in WORDS[parameter]:
        raise ValueError(f"is none of: {', '.join(str(word) or repr('') for word in WORDS[parameter])}")
    elif parameter.endswith("_seconds") and not 0 <= float(str(value)) <= MAX_SECONDS:
        raise ValueError(f"is not in 0..{MAX_SECONDS}")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = difflib.get_close_matches(name[:_SHOWN_CHARACTERS], available_timezones(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "names are those of the IANA database, as Europe/Berlin"
        raise ValueError(f"is no time zone; {hint}") from None
