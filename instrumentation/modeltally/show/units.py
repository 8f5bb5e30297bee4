"""How a value is written for people: the ending of its name says the unit.

``_at`` is a time in UTC, ``_ms`` and ``_seconds`` are durations, ``_bytes`` are bytes, ``_rate`` is a share of one.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

__all__ = ["clean_text", "column_header", "format_value", "is_number_like"]

_EMPTY = "-"
_SECOND_MS = 1000
_MINUTE_MS = 60 * _SECOND_MS
_HOUR_MS = 60 * _MINUTE_MS
_BYTES_STEP = 1024


def format_value(name: str, value: object) -> str:
    """Write one value for a person to read.

    Args:
        name: The column's name; its ending names the unit.
        value: The value.

    Returns:
        The text, printable characters only.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return _EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _format_number(name, value)
    if name.endswith("_at") or isinstance(value, datetime):
        return _format_moment(value)
    if isinstance(value, dict):
        value = [f"{key} {format_value(name, item)}" for key, item in value.items()]
    if isinstance(value, list | tuple):
        return ", ".join(clean_text(str(item)) for item in value) or _EMPTY
    return clean_text(str(value)) or _EMPTY


def column_header(name: str) -> str:
    """Write a column's name for a person; the unit goes, since the value is written with it.

    Args:
        name: The column's name.

    Returns:
        The header.
    """
    for ending in ("_ms", "_at", "_bytes", "_rate", "_seconds"):
        name = name.removesuffix(ending)
    return name.replace("_", " ")


def clean_text(text: str) -> str:
    """Show what cannot be printed as an escape, so that a name from outside cannot steer the terminal.

    Args:
        text: Any text.

    Returns:
        Printable text.
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def is_number_like(name: str, value: object) -> bool:
    """Say whether a value is one that stands under another to be compared: a number, or a time."""
    return value is None or isinstance(value, int | float) or name.endswith(("_at", "_ms", "_bytes", "_rate"))


def _format_number(name: str, value: float) -> str:
    if name.endswith(("_rate", "share", "confidence")):
        return f"{value:.1%}"
    if name.endswith("_ms"):
        return _format_duration(value)
    if name.endswith("_seconds"):
        return _format_duration(value * _SECOND_MS)
    if name.endswith("_bytes"):
        return _format_bytes(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _format_duration(milliseconds: float) -> str:
    if milliseconds < _SECOND_MS:
        return f"{milliseconds:.3g} ms"
    if milliseconds < 2 * _MINUTE_MS:
        return f"{milliseconds / _SECOND_MS:.3g} s"
    if milliseconds < 2 * _HOUR_MS:
        return f"{milliseconds / _MINUTE_MS:.1f} min"
    if milliseconds < 48 * _HOUR_MS:
        return f"{milliseconds / _HOUR_MS:.1f} h"
    return f"{milliseconds / (24 * _HOUR_MS):.1f} d"


def _format_bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < _BYTES_STEP:
            return f"{count:.3g} {unit}"
        count /= _BYTES_STEP
    return f"{count:,.3g} TiB"


def _format_moment(value: object) -> str:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return clean_text(str(value))
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M}"
