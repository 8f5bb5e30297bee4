"""Values on their way from the caller: copied as bounded scalars in the calling thread.

The calling thread only bounds what it copies; names, types and hashes are settled later by the background thread.
"""

from __future__ import annotations

import operator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _names as names
from modeltally.instrument._guard import problem
from modeltally.instrument._privacy import Fingerprint, Hashed, fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MAX_SPAN_BYTES", "MAX_TEXT", "Scalar", "Stored", "copy_values", "plain", "size_of"]

MAX_TEXT: Final = 4096
MAX_ITEMS: Final = 64
MAX_SPAN_BYTES: Final = 64 * 1024
ATTRIBUTE_BYTES: Final = 32  # a key and a number, roughly, on the wire

Scalar = str | int | float | bool
Stored = Scalar | Fingerprint | Hashed

_TRUTH: Final = frozenset({"bool", "bool_"})  # numpy's has another name in each of its versions


def copy_values(target: dict[str, Stored], values: Mapping[str, object], room_bytes: int) -> int:
    """Copy values as bounded scalars.

    Args:
        target: Where they go; only what is not None and fits arrives there.
        values: The caller's keywords.
        room_bytes: How much may still be added.

    Returns:
        About how many bytes were added.
    """
    used = ATTRIBUTE_BYTES * len(values)
    for value in values.values():  # most often all of them are plain: then they are copied in one go
        kind = type(value)
        if kind is str:
            used += len(value)  # type: ignore[arg-type]  # `kind is str` says it is one
        elif kind is not int and kind is not float and kind is not bool:  # not `in`: a class may not be hashable
            break
    else:
        if used <= MAX_TEXT and used <= room_bytes:  # so none is too long
            target.update(values)  # type: ignore[arg-type]  # the loop has seen that they are scalars
            return used
    return _copy_each(target, values, room_bytes)


def _copy_each(target: dict[str, Stored], values: Mapping[str, object], room_bytes: int) -> int:
    used = 0
    for name, value in values.items():
        kind = type(value)
        if kind is str:
            size = len(value)  # type: ignore[arg-type]  # `kind is str` says it is one
            if size > MAX_TEXT:
                value = _long_text(name, value)  # type: ignore[arg-type]  # noqa: PLW2901 - the same value, bounded
                size = MAX_TEXT
        elif kind is int or kind is float or kind is bool:
            size = 0
        elif value is None:
            continue
        else:
            value = plain(name, value)  # noqa: PLW2901 - the same value, as a scalar
            if value is None:
                continue
            size = len(value) if type(value) is str else 0
        used += size + ATTRIBUTE_BYTES
        if used > room_bytes:
            used -= size + ATTRIBUTE_BYTES
            problem("span_full", "an operation carries more than %d bytes; the rest is left out", MAX_SPAN_BYTES)
            continue
        target[name] = value  # type: ignore[assignment]  # every branch above leaves a scalar
    return used


def size_of(values: Mapping[str, Stored]) -> int:
    """Return about how many bytes values are, as :func:`copy_values` counts them."""
    return sum(ATTRIBUTE_BYTES + (len(value) if isinstance(value, str) else 0) for value in values.values())


def plain(name: str, value: object) -> Stored | None:
    """Make a scalar of a value that is not exactly a built-in one; None when it has no scalar form.

    Subclasses lose their class (their methods are the caller's code), sequences of scalars are joined with commas,
    mappings become JSON, number-like objects (numpy, Decimal, tensors of one element) become numbers.
    """
    kind = type(value)  # `isinstance` would ask the object for its `__class__`, which is the caller's code
    try:
        scalar = _scalar(name, value, kind)
    except Exception:  # noqa: BLE001 - the caller's object refused: the same as having no scalar form
        scalar = None
    if scalar is None:
        problem("bad_value", "%.64r has a value of type %.64r, no scalar; it is left out", name, _class_name(kind))
    return scalar


def _class_name(kind: type) -> str:
    try:
        return str.__str__(kind.__qualname__)
    except Exception:  # noqa: BLE001 - the caller's metaclass
        return "?"


def _scalar(name: str, value: Any, kind: type) -> Stored | None:
    if issubclass(kind, str):
        text = str.__str__(value)
        return text if len(text) <= MAX_TEXT else _long_text(name, text)
    if issubclass(kind, list | tuple):
        return _joined(name, value)
    if issubclass(kind, dict):
        return _as_json(name, value)
    return _number(value, kind)


def _number(value: Any, kind: type) -> int | float | None:
    if kind.__name__ in _TRUTH:
        return bool(value)
    if issubclass(kind, float):
        return float.__float__(value)
    if hasattr(kind, "__index__"):
        return int.__index__(operator.index(value))
    if hasattr(kind, "__float__"):
        return float(value)
    return None


def _joined(name: str, items: Sequence[object]) -> str:
    parts = []
    for item in items[:MAX_ITEMS]:
        # a sequence inside a sequence may hold itself
        scalar = None if issubclass(type(item), list | tuple) else plain(name, item)
        if isinstance(scalar, str):
            parts.append(scalar[:MAX_TEXT])
        elif isinstance(scalar, int | float):
            parts.append(str(scalar))
    return ",".join(parts)[:MAX_TEXT]


def _as_json(name: str, items: dict[Any, object]) -> str:
    """Write a mapping of names to scalars as JSON; what does not fit whole is left out, so that it stays JSON."""
    import json  # noqa: PLC0415 - few services hand over mappings, and it takes its time

    kept: dict[str, Scalar] = {}
    size = 2
    for key, item in islice(dict.items(items), MAX_ITEMS):
        is_nested = issubclass(type(item), list | tuple | dict)
        scalar = None if is_nested or not issubclass(type(key), str) else plain(name, item)
        if not isinstance(scalar, str | int | float):
            continue
        pair = {str.__str__(key)[:MAX_TEXT]: scalar}
        size += len(json.dumps(pair))
        if size > MAX_TEXT:
            break
        kept.update(pair)
    return json.dumps(kept, separators=(",", ":"))


def _long_text(name: str, text: str) -> Stored:
    if name in names.PROMPT_KEYWORDS:
        return fingerprint(text)  # hashed at once: holding long prompts until later would cost memory
    return text[:MAX_TEXT]
