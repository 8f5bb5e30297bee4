"""What ``modeltally doctor`` finds: one line each, with what to do about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modeltally.cli._exit import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Finding", "Level", "exit_code", "fail", "ok", "warn"]


class Level(enum.StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer.

    Attributes:
        level: How bad it is.
        area: What was looked at, one word.
        what: What was found, with the values; never a secret.
        todo: What to do about it; empty where there is nothing to do.
        code: What a failure ends the command with.
    """

    level: Level
    area: str
    what: str
    todo: str = ""
    code: ExitCode = ExitCode.FOUND


def ok(area: str, what: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(Level.OK, area, what)


def warn(area: str, what: str, todo: str) -> Finding:
    """Say that something is worth a look."""
    return Finding(Level.WARN, area, what, todo)


def fail(area: str, what: str, todo: str, *, code: ExitCode = ExitCode.FOUND) -> Finding:
    """Say that something does not work."""
    return Finding(Level.FAIL, area, what, todo, code)


def exit_code(findings: Sequence[Finding]) -> ExitCode:
    """Say what the findings end the command with: that a destination cannot be reached outweighs all else."""
    codes = {finding.code for finding in findings if finding.level is Level.FAIL}
    if ExitCode.UNAVAILABLE in codes:
        return ExitCode.UNAVAILABLE
    return max(codes, default=ExitCode.OK)
