"""What is done to the attributes of a span, a point or a resource, whichever list of names is allowed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.receiver.allow import SCOPE_NAME, SCOPE_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

__all__ = ["MAX_TEXT_CHARACTERS", "OTHER_SCOPE", "bound", "join_lists", "judge_scope", "keep", "text_of"]

MAX_TEXT_CHARACTERS: Final = 4096
OTHER_SCOPE: Final = "other"

_SCALARS: Final = frozenset({"string_value", "bool_value", "int_value", "double_value"})


def keep(attributes: Any, allowed: AbstractSet[str]) -> int:
    """Delete what is not allowed from a map of attributes; returns how many went."""
    foreign = [name for name in attributes if name not in allowed]
    for name in foreign:
        del attributes[name]
    return len(foreign)


def bound(attributes: Any, max_characters: int) -> None:
    """Cut the texts of a map of attributes."""
    for value in attributes.values():
        if len(value.string_value) > max_characters:
            value.string_value = value.string_value[:max_characters]


def judge_scope(scope: Any) -> None:
    """Replace the name and the version of a scope where they may be texts."""
    if scope.name and not SCOPE_NAME.fullmatch(scope.name):
        scope.name = OTHER_SCOPE
    if scope.version and not SCOPE_VERSION.fullmatch(scope.version):
        scope.version = ""


def text_of(value: Any) -> str:
    """Write a value as text; what is no scalar is empty."""
    kind = value.WhichOneof("value")
    return str(getattr(value, kind)) if kind in _SCALARS else ""


def join_lists(attributes: Any, allowed: Callable[[str], bool]) -> int:
    """Turn the allowed values of a list of attributes into scalars: lists become text, others go.

    Args:
        attributes: The attributes as OTLP has them.
        allowed: Tells whether a name is; the others are left for :func:`keep`.

    Returns:
        How many went.
    """
    kept = []
    for attribute in attributes:
        kind = attribute.value.WhichOneof("value")
        if kind == "array_value" and allowed(attribute.key):
            attribute.value.string_value = ",".join(_joinable(attribute.value.array_value.values))
        elif kind not in _SCALARS and allowed(attribute.key):
            continue
        kept.append(attribute)
    useless = len(attributes) - len(kept)
    if useless:  # all at once: each removal alone would move all that is behind it
        del attributes[:]
        attributes.extend(kept)
    return useless


def _joinable(values: Any) -> list[str]:
    texts = []
    value: AnyValue
    for value in values[:MAX_TEXT_CHARACTERS]:
        if value.WhichOneof("value") == "bool_value":
            texts.append("true" if value.bool_value else "false")
        else:
            texts.append(text_of(value))
    return texts
