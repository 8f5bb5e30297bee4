"""A log of one's own: a mapping file in TOML says which column is what, and which words mean what.

The file is read whole before the log is opened; what is wrong in it is named by its key.
"""

from __future__ import annotations

import tomllib
import zoneinfo
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from modeltally.errors import InputError, UnknownNameError
from modeltally.instrument._names import OUTCOMES
from modeltally.instrument._values import Attribute, Values
from modeltally.replay._formats import ISO, NUMBERED, Column, Ending, Kind, LogFormat

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_mapping"]

UNFINISHED = "unfinished"
_UNIT_SECONDS = MappingProxyType({**NUMBERED, "minutes": 60.0, "hours": 3600.0})
_SCORES = ("quality_score", "integrity_score", "performance_score", "progress", "strength", "top_p")


def _ending(word: str) -> str:
    outcome, _, error_type = word.partition(":")
    if outcome != UNFINISHED and outcome not in OUTCOMES:
        raise ValueError(f"{word!r} is not one of {', '.join(sorted(OUTCOMES))}, {UNFINISHED}, or error:TYPE")
    if error_type and outcome not in {"error", "failure"}:
        raise ValueError(f"{word!r}: only error and failure have a type")
    return word


def _zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no zone; give one as Europe/Berlin") from None
    return name


Word = Annotated[str, AfterValidator(_ending)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Time(_Strict):
    column: str
    format: str = ISO
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"


class _Duration(_Strict):
    column: str
    unit: Literal["microseconds", "milliseconds", "seconds", "minutes", "hours"] = "seconds"


class _End(_Strict):
    column: str


class _Outcome(_Strict):
    column: str
    words: dict[str, Word]
    unknown: Word | None = None


class _Mapping(_Strict):
    operation: str = "model.request"
    time: _Time
    duration: _Duration | None = None
    end: _End | None = None
    outcome: _Outcome | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    constants: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _knows_the_end(self) -> _Mapping:
        if (self.duration is None) == (self.end is None):
            raise ValueError("give the table [duration] or the table [end], and not both")
        return self


def read_mapping(path: Path) -> LogFormat:
    """Read a mapping file.

    Args:
        path: The file, in TOML.

    Returns:
        The format it describes, named after the file.

    Raises:
        InputError: It cannot be read, is no TOML, or a key of it is not as it must be; the message names the key.
        UnknownNameError: A fact is none; the message offers the nearest.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the mapping file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML: {error}") from error
    try:
        mapping = _Mapping.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"{path}: {key}: {first['msg'].removeprefix('Value error, ')}") from None
    kinds = _kinds()
    for fact in (*mapping.columns, *mapping.constants):
        if fact not in kinds:
            raise UnknownNameError("fact", fact, kinds)
    outcome = mapping.outcome
    return LogFormat(
        name=path.stem,
        operation=mapping.operation,
        time_column=mapping.time.column,
        time_format=mapping.time.format,
        zone=zoneinfo.ZoneInfo(mapping.time.zone),
        duration_column=mapping.duration.column if mapping.duration else None,
        duration_unit_seconds=_UNIT_SECONDS[mapping.duration.unit] if mapping.duration else 1.0,
        end_column=mapping.end.column if mapping.end else None,
        status_column=outcome.column if outcome else None,
        endings=MappingProxyType({word: _meaning(text) for word, text in (outcome.words if outcome else {}).items()}),
        unknown_ending=_meaning(outcome.unknown) if outcome and outcome.unknown else None,
        columns=tuple(Column(name, fact, kinds[fact]) for fact, name in mapping.columns.items()),
        constants=MappingProxyType(dict(mapping.constants)),
        is_own=True,
    )


def _meaning(text: str) -> Ending:
    outcome, _, error_type = text.partition(":")
    if outcome == UNFINISHED:
        return Ending(None)
    return Ending(outcome, error_type=error_type or None)


def _kinds() -> dict[str, Kind]:
    """How the text of each fact is read, from the type it travels as."""
    by_type: dict[type, Kind] = {str: Kind.TEXT, int: Kind.COUNT, float: Kind.NUMBER, bool: Kind.FLAG}
    return {
        fact: Kind.SHARE if fact in _SCORES else by_type.get(_first_type(hint), Kind.TEXT)
        for fact, hint in get_type_hints(Values, include_extras=True).items()
    }


def _first_type(hint: Any) -> type:
    told = get_args(hint)
    is_annotated = len(told) > 1 and isinstance(told[-1], Attribute)
    kinds = get_args(told[0]) if is_annotated else told
    return next((kind for kind in kinds if kind in {str, int, float, bool}), str)
