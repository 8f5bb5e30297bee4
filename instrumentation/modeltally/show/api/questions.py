"""What is asked over HTTP: the parameters of every question, made from the topics, and how they are read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, create_model

from modeltally.analytics.arguments import BUCKETS, USER, arguments_of
from modeltally.analytics.window import Window, parse_window
from modeltally.keys import user_hash

if TYPE_CHECKING:
    from modeltally.analytics.topic import Argument, Topic
    from modeltally.show.backend import Backend

__all__ = [
    "Dated",
    "Days",
    "Interval",
    "Listed",
    "Moment",
    "Text",
    "listed_by",
    "name_of",
    "parameters_of",
    "question_of",
]

MAX_ROWS: Final = 10_000
DEFAULT_ROWS: Final = 1000
_MAX_TEXT: Final = 500
_MAX_SORTED: Final = 4
_UNSAFE: Final = r"\x00-\x1f\x7f"

_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK: Final = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
_MOMENT: Final = rf"^([0-9]{{1,6}}[mhdw]|{_DATE}({_CLOCK})?)$"


def _plus(value: object) -> object:
    """Give an offset its sign back, which an address that was written by hand has lost."""
    return re.sub(r" ([0-9]{2}:[0-9]{2})$", r"+\1", value) if isinstance(value, str) and "T" in value else value


Moment = Annotated[
    str,
    StringConstraints(pattern=_MOMENT, max_length=40),
    BeforeValidator(_plus),
]
Text = Annotated[str, StringConstraints(pattern=rf"^[^{_UNSAFE}]*$", max_length=_MAX_TEXT)]
Days = Annotated[int, Field(ge=1, le=3660, description="How many days back from now the window begins.")]


class Dated(BaseModel):
    """The window of a question."""

    model_config = ConfigDict(extra="forbid")

    since: Moment | None = Field(
        default=None,
        description="Begin of the window: an ISO date or time (UTC without an offset), or 24h, 7d before until."
        " Default: 30d.",
    )
    until: Moment | None = Field(default=None, description="End of the window, itself not in it. Default: as_of.")
    as_of: Moment | None = Field(default=None, description="Answer as of this moment. Default: now.")

    def window(self, backend: Backend) -> Window:
        """Read the window.

        Raises:
            InputError: A moment is none, or the window is empty.
        """
        return parse_window(self.since, self.until, self.as_of, now=backend.now())


class Listed(BaseModel):
    """Which rows of an answer, and in which form."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=DEFAULT_ROWS, ge=1, le=MAX_ROWS, description="How many rows at most.")
    cursor: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=1000)] | None = Field(
        default=None, description="Where to go on: next_cursor of the page before, with the same other parameters."
    )
    sort: str | None = Field(
        default=None, description="Columns to sort by, with commas between; - before one: descending."
    )
    q: Text | None = Field(default=None, description="Only rows with this text in a column of text.")
    format: Literal["json", "csv"] | None = Field(
        default=None, description="How the answer is written; without it Accept decides."
    )


def name_of(argument: Argument) -> str:
    """Name an argument of a topic as the command does: its flag, without dashes."""
    return argument.flag.removeprefix("--").replace("-", "_")


def listed_by(columns: list[str], *, name: str, base: type[BaseModel] = Listed) -> type[Any]:
    """Make the parameters of a list.

    Args:
        columns: What it can be sorted by.
        name: Names the type.
        base: The other parameters.
    """
    one = f"-?({'|'.join(columns)})"
    sort = Annotated[str, StringConstraints(pattern=f"^{one}(,{one}){{0,{_MAX_SORTED - 1}}}$", max_length=300)]
    description = Listed.model_fields["sort"].description
    return create_model(name, __base__=base, sort=(sort | None, Field(default=None, description=description)))


class _DatedList(Dated, Listed):
    """The window of a question, and which rows of its answer."""


def parameters_of(topic: Topic[Any]) -> type[Any]:
    """Make the parameters of a topic.

    Args:
        topic: The topic.

    Returns:
        A type with the window, which rows, and each of the topic's arguments.
    """
    fields: dict[str, Any] = {}
    for argument in topic.arguments:
        kind: Any = Literal[argument.allowed] if argument.allowed else Text
        default = argument.default if isinstance(argument.default, str) and argument.default else None
        told = f" Default: {default}." if default else ""
        described = f"{argument.what[0].upper()}{argument.what[1:]}; for example {argument.example}.{told}"
        if argument.default is None:
            fields[name_of(argument)] = (kind, Field(description=described, min_length=1))
        else:
            fields[name_of(argument)] = (kind | None, Field(default=None, description=described))
    sortable = [column.name for column in topic.columns if column.type is not dict]
    name = "".join(part.capitalize() for part in topic.name.split("-"))
    base = create_model(f"{name}Question", __base__=_DatedList, **fields)
    return listed_by(sortable, name=f"{name}Parameters", base=base)


def question_of(topic: Topic[Any], asked: Dated, backend: Backend) -> tuple[Window, dict[str, object]]:
    """Read a question.

    Args:
        topic: What is asked.
        asked: Its parameters.
        backend: Knows the time, and the key of users.

    Returns:
        The window, and the topic's arguments.

    Raises:
        InputError: The window is empty, or a value is not allowed.
    """
    given = {argument.parameter: getattr(asked, name_of(argument), None) for argument in topic.arguments}
    arguments = arguments_of(topic, given, topics=[topic])
    if arguments.get(USER.parameter):
        arguments[USER.parameter] = user_hash(str(arguments[USER.parameter]), backend.settings.dir)
    return asked.window(backend), arguments


if TYPE_CHECKING:
    Interval = str
else:  # the words are data
    Interval = Literal[tuple(BUCKETS)]
