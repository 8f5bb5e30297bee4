"""How a value is written for people: the ending of its name says the unit.

``_at`` is a time in UTC, ``_ms`` and ``_seconds`` are durations, ``_bytes`` are bytes, ``_rate`` is a share of one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Scale", "clean_text", "column_header", "format_scaled", "format_value", "is_number_like", "scale_of"]

_EMPTY = "-"
_SHARE_OF = "share_of_"  # says the unit, whatever the name ends with
_UNKNOWN_WHEN_EMPTY = frozenset({"unexplained", "known_loss"})  # where nothing would be read as none
_SECOND_MS = 1000
_MINUTE_MS = 60 * _SECOND_MS
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_BYTES_STEP = 1024
_WHOLE_FROM = 100
_SMALLEST = 0.001


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit that several durations are written in, so that they can be compared.

    Attributes:
        unit: Its sign.
        milliseconds: How long it is.
    """

    unit: str
    milliseconds: int


# Each is the unit of what is shorter than the limit beside it.
_SCALES = (
    (_SECOND_MS, Scale("ms", 1)),
    (2 * _MINUTE_MS, Scale("s", _SECOND_MS)),
    (2 * _HOUR_MS, Scale("min", _MINUTE_MS)),
    (2 * _DAY_MS, Scale("h", _HOUR_MS)),
    (math.inf, Scale("d", _DAY_MS)),
)


def scale_of(durations_ms: Iterable[object]) -> Scale | None:
    """Choose one unit for several durations: the one in which the middle one of them is written.

    Args:
        durations_ms: The durations; what is no finite number has no say.

    Returns:
        The unit; None where there is no duration.
    """
    known = sorted(float(value) for value in durations_ms if isinstance(value, int | float) and math.isfinite(value))
    return _scale_for(known[len(known) // 2]) if known else None


def format_scaled(value: object, scale: Scale) -> str:
    """Write a duration in a unit that stands elsewhere.

    Args:
        value: The duration in milliseconds.
        scale: The unit.

    Returns:
        Its number, of three digits where it has so many.
    """
    if not isinstance(value, int | float) or not math.isfinite(value):
        return _EMPTY
    scaled = value / scale.milliseconds
    if 0 < scaled < _SMALLEST:
        return f"<{_SMALLEST}"
    return f"{scaled:,.0f}" if scaled >= _WHOLE_FROM else f"{scaled:.3g}"


def _scale_for(milliseconds: float) -> Scale:
    return next(scale for limit, scale in _SCALES if milliseconds < limit)


def format_value(name: str, value: object) -> str:
    """Write one value for a person to read.

    Args:
        name: The column's name; its ending names the unit.
        value: The value.

    Returns:
        The text, printable characters only.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "unknown" if name in _UNKNOWN_WHEN_EMPTY else _EMPTY
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
    for ending in () if name.startswith(_SHARE_OF) else ("_ms", "_at", "_bytes", "_rate", "_seconds"):
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
    if name.endswith(("_rate", "share", "confidence")) or name.startswith(_SHARE_OF):
        return f"{value:.1%}"
    if name.endswith("_ms"):
        return _format_duration(value)
    if name.endswith("_seconds"):
        return _format_duration(value * _SECOND_MS)
    if name.endswith("_bytes") or name.startswith("bytes_per_"):
        return _format_bytes(value) + ("/s" if name == "bytes_per_second" else "")
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _format_duration(milliseconds: float) -> str:
    scale = _scale_for(milliseconds)
    digits = ".3g" if scale.milliseconds <= _SECOND_MS else ".1f"
    return f"{milliseconds / scale.milliseconds:{digits}} {scale.unit}"


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
