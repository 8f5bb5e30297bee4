"""What the command line's exit codes mean, and which error ends with which."""

from __future__ import annotations

import enum
from typing import Self

from modeltally.errors import (
    DeliveryError,
    InputError,
    ModelTallyError,
    ParameterError,
    ServerError,
    SettingError,
    StoreError,
    StoreInUseError,
    UnknownNameError,
)

__all__ = ["ExitCode", "exit_code_for"]


class ExitCode(enum.IntEnum):
    """The exit codes of every command; their meanings are the table in ``docs/commands.md`` and stand in ``--help``."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """Keep the meaning beside the number."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "done"
    UNEXPECTED = 1, "an error nobody foresaw: please report it"
    USAGE = 2, "bad input: a flag, a setting (a port that is taken, a directory that cannot be written), a name, a file"
    DIRECTORY_IN_USE = 3, "another process owns the data directory"
    UNAVAILABLE = 4, "a server cannot be reached, or failed"
    DATABASE = 5, "the database refused or failed"
    FOUND = (
        6,
        (
            "`check`, `doctor` or `models verify` found something wrong, a download failed, or `check --alerts` found"
            " something to look at"
        ),
    )
    INTERRUPTED = 130, "stopped by Ctrl-C"


# The most special class first: the first match counts.
_CODES: tuple[tuple[type[ModelTallyError], ExitCode], ...] = (
    (StoreInUseError, ExitCode.DIRECTORY_IN_USE),
    (StoreError, ExitCode.DATABASE),
    (ServerError, ExitCode.UNAVAILABLE),
    (DeliveryError, ExitCode.UNAVAILABLE),
    (InputError, ExitCode.USAGE),
    (SettingError, ExitCode.USAGE),
    (UnknownNameError, ExitCode.USAGE),
    (ParameterError, ExitCode.USAGE),
)


def exit_code_for(error: ModelTallyError) -> ExitCode:
    """Say which exit code an error ends a command with.

    Args:
        error: The error that ended it.

    Returns:
        The code; ``UNEXPECTED`` for a kind that has none of its own.
    """
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ExitCode.UNEXPECTED
