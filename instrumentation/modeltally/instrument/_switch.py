"""The kill switches, read at each call."""

from __future__ import annotations

import os
from typing import Any, Final

__all__ = ["is_disabled"]

_TRUE: Final = frozenset({"1", "true", "yes", "on"})

# `os.environ.get` takes a microsecond for a variable that is not set, most of it for the exception inside; the
# mapping below it answers in a twentieth of that. Another interpreter may not have it: then the public one serves.
_raw: Any = getattr(os.environ, "_data", None)
_encode: Any = getattr(os.environ, "encodekey", None)
_environment: Any = _raw if isinstance(_raw, dict) and _encode is not None else os.environ
_OURS, _STANDARD = (
    _encode(name) if _environment is _raw else name for name in ("MODELTALLY_DISABLED", "OTEL_SDK_DISABLED")
)


def is_disabled() -> bool:
    """Tell whether the kill switches are set now: ``MODELTALLY_DISABLED`` or ``OTEL_SDK_DISABLED``."""
    ours, standard = _environment.get(_OURS), _environment.get(_STANDARD)
    return (ours is not None and _is_on(ours)) or (standard is not None and _is_on(standard))


def _is_on(value: str | bytes) -> bool:
    return os.fsdecode(value).strip().lower() in _TRUE
