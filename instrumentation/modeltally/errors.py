"""Every error modeltally raises on purpose.

::

    ModelTallyError
    ├── SettingError          a setting has a value that is not allowed
    ├── InputError            a file or value handed to a command is not usable
    ├── UnknownNameError      no view, job or command has that name
    ├── ParameterError        a view or job got a parameter it does not take, or lacks one it needs
    ├── StoreError            the database refused or failed
    │   └── StoreInUseError   another process owns the data directory
    ├── ServerError           a running server could not be reached, or answered with an error
    └── DeliveryError         a webhook did not take what was to be delivered

Nothing in ``modeltally.instrument`` raises these: telemetry never breaks the call it watches.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "DeliveryError",
    "InputError",
    "ModelTallyError",
    "ParameterError",
    "ServerError",
    "SettingError",
    "StoreError",
    "StoreInUseError",
    "UnknownNameError",
]

_SHOWN_CHARACTERS: Final = 80


class ModelTallyError(Exception):
    """Base of every error raised on purpose; its message says what, which value, and what to do."""


class SettingError(ModelTallyError):
    """A setting has a value that is not allowed."""


class InputError(ModelTallyError):
    """A file or value handed to a command is not usable."""


class UnknownNameError(ModelTallyError):
    """No view, job or command has that name; the message offers the nearest one."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Find the nearest of the known names.

        Args:
            kind: What was looked for, for example ``view``.
            name: The name that was asked for.
            known: Every name there is.
        """
        names = sorted(known)
        shown = name if len(name) <= _SHOWN_CHARACTERS else f"{name[:_SHOWN_CHARACTERS]}..."
        close = difflib.get_close_matches(shown, names, n=1, cutoff=0.4)
        self.nearest: str | None = close[0] if close else None
        hint = f"did you mean {self.nearest!r}?" if close else f"there are: {', '.join(names)}"
        super().__init__(f"no {kind} is named {shown!r}; {hint}")


class ParameterError(ModelTallyError):
    """A view or job got a parameter it does not take, lacks one it needs, or cannot read a value."""


class StoreError(ModelTallyError):
    """The database refused or failed."""


class StoreInUseError(StoreError):
    """Another process owns the data directory."""


class ServerError(ModelTallyError):
    """A running server could not be reached, or answered with an error."""


class DeliveryError(ModelTallyError):
    """A webhook did not take what was to be delivered."""
