"""What ``modeltally doctor`` finds: one line each, with what to do about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Finding", "Level", "fail", "ok", "warn"]


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
        is_unreachable: A destination cannot be reached, which a script is told by a code of its own.
    """

    level: Level
    area: str
    what: str
    todo: str = ""
    is_unreachable: bool = False


def ok(area: str, what: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(Level.OK, area, what)


def warn(area: str, what: str, todo: str) -> Finding:
    """Say that something is worth a look."""
    return Finding(Level.WARN, area, what, todo)


def fail(area: str, what: str, todo: str, *, is_unreachable: bool = False) -> Finding:
    """Say that something does not work."""
    return Finding(Level.FAIL, area, what, todo, is_unreachable)
