"""The columns of the views' rows: each with its type, its unit and one sentence.

A row is a ``TypedDict`` whose columns stand in the view's order; a test compares them with the view itself. What
several views give is described once, below. The unit follows from the name, as everywhere: ``_at`` is a time in UTC,
``_ms`` and ``_seconds`` are durations, ``_bytes`` are bytes, ``_rate`` and ``share`` are shares of one.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, get_args, get_origin, get_type_hints

__all__ = ["Column", "Unit", "columns_of", "unit_of"]


class Unit(enum.StrEnum):
    """What a column's values are measured in."""

    COUNT = "count"
    SHARE = "share of one"
    MILLISECONDS = "ms"
    SECONDS = "s"
    BYTES = "bytes"
    TIME = "time, UTC"
    DAY = "day, UTC"
    FLAG = "yes or no"
    TEXT = "text"
    COUNTS = "counts by name"


_UNIT_OF_ENDING = {
    "_at": Unit.TIME,
    "_ms": Unit.MILLISECONDS,
    "_seconds": Unit.SECONDS,
    "_bytes": Unit.BYTES,
    "_rate": Unit.SHARE,
    "share": Unit.SHARE,
    "confidence": Unit.SHARE,
    "chance": Unit.SHARE,
}
# bool before int, datetime before date: the first that fits counts
_UNIT_OF_TYPE = {
    bool: Unit.FLAG,
    int: Unit.COUNT,
    float: Unit.COUNT,
    datetime: Unit.TIME,
    date: Unit.DAY,
    str: Unit.TEXT,
    dict: Unit.COUNTS,
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a view's rows.

    Attributes:
        name: Its name, in SQL and everywhere else.
        type: The Python type of its values.
        is_nullable: It has values that are None.
        unit: What its values are measured in.
        sentence: What it says, for people.
    """

    name: str
    type: type
    is_nullable: bool
    unit: Unit
    sentence: str


def unit_of(name: str, kind: type) -> Unit:
    """Say what values of a name and type are measured in.

    Args:
        name: The column's name; its ending names the unit.
        kind: The Python type of its values.

    Returns:
        The unit.
    """
    if name.startswith("share_of_"):
        return Unit.SHARE
    return next((unit for ending, unit in _UNIT_OF_ENDING.items() if name.endswith(ending)), None) or next(
        unit for known, unit in _UNIT_OF_TYPE.items() if issubclass(kind, known)
    )


def columns_of(row: type) -> list[Column]:
    """List the columns of a row type.

    Args:
        row: A ``TypedDict`` whose columns are ``Annotated`` with their sentence.

    Returns:
        The columns, in the view's order.
    """
    return [_column(name, hint) for name, hint in get_type_hints(row, include_extras=True).items()]


def _column(name: str, hint: Any) -> Column:
    kind, sentence = get_args(hint)
    kinds = [part for part in get_args(kind) if get_origin(kind) is not dict and part is not type(None)] or [kind]
    plain = get_origin(kinds[0]) or kinds[0]
    return Column(
        name=name,
        type=plain,
        is_nullable=type(None) in get_args(kind),
        unit=unit_of(name, plain),
        sentence=sentence,
    )


# -- what several views give -------------------------------------------------------------------------------------------

Subject = Annotated[str, "Whose figures these are: a model, pattern or other subject, by its name; empty for all."]
Model = Annotated[str, "The model, by the name its aliases lead to."]
Requests = Annotated[int, "Requests to models that began in the window."]
Operations = Annotated[int, "Operations that began in the window; one inside another of its kind counts with that one."]
Users = Annotated[int, "Different users, told apart by their hashes."]
User = Annotated[str, "The user, by the hash, 16 hex digits; empty for operations without one."]
Rated = Annotated[int, "All but those that were cancelled or may still be running: what the rates are of."]
Successes = Annotated[int, "Those that ended well."]
PartialSuccesses = Annotated[int, "Those that ended well in part; each counts half in the success rate."]
Failures = Annotated[int, "Those that raised an error, or ran and gave no acceptable result."]
UnacceptableResults = Annotated[int, "Those that ran and gave no acceptable result."]
Errors = Annotated[int, "Those that raised an error."]
Cancelled = Annotated[int, "Those that were cancelled; no rate and no duration counts them."]
Abandoned = Annotated[int, "Those without an end for longer than abandoned_after_seconds."]
InFlight = Annotated[int, "Those without an end that may still be running."]
SuccessRate = Annotated[float | None, "Successes among those that ended or were abandoned; empty where none did."]
ErrorRate = Annotated[
    float | None, "Errors and abandoned ones among those that ended or were abandoned; empty where none did."
]
Mean = Annotated[float | None, "Mean duration of those that finished and were not cancelled."]
Median = Annotated[float | None, "Half of them took at most so long, within 1.1 %."]
P95 = Annotated[float | None, "All but 5 of 100 took at most so long, within 1.1 %."]
P99 = Annotated[float | None, "All but 1 of 100 took at most so long, within 1.1 %."]
ColdStarts = Annotated[int, "Those that had to wait for their model to be loaded."]
InputTokens = Annotated[int, "Tokens that went in."]
OutputTokens = Annotated[int, "Tokens that came out."]
FirstUsed = Annotated[datetime, "When the first of them began."]
LastUsed = Annotated[datetime, "When the last of them began."]
Judged = Annotated[int, "Those that have a quality: said by themselves, else evaluated afterwards."]
Evaluated = Annotated[int, "Those of them that were evaluated afterwards and said none themselves."]
MeanQuality = Annotated[float | None, "Mean of the quality scores, 0 to 1; empty where nothing was judged."]
