"""What a topic is: one view that people and programs read, with the type of its rows and how they look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from modeltally.analytics.rows import columns_of

if TYPE_CHECKING:
    from modeltally.analytics.rows import Column

__all__ = ["NO_REQUEST", "Argument", "Layout", "R", "Topic"]

R = TypeVar("R", bound=Mapping[str, Any])

NO_REQUEST = "no request began in this window, though something else did"


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows look as a table.

    Attributes:
        title: What stands above it.
        columns: The columns to show, in order, where the rows have them; none means all.
        first_to_give_way: The columns to leave out, in this order, where there is no room for all.
        when_empty: What to tell the reader when there is no row.
        is_record: One row only, shown as a list of names and values.
    """

    title: str
    columns: tuple[str, ...] = ()
    first_to_give_way: tuple[str, ...] = ()
    when_empty: str = "nothing in this window"
    is_record: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """What a topic wants to know beside the window.

    Attributes:
        parameter: The view's parameter.
        flag: The command's flag for it.
        what: What it is, for messages and help.
        example: A value, for messages and help.
        default: What counts where none is given; None where one must be. A mapping goes by another argument, see
            ``default_by``.
        default_by: The parameter whose value picks the default; what the mapping does not have counts as ''.
        allowed: The values there are; none means that any will do.
    """

    parameter: str
    flag: str
    what: str
    example: str
    default: str | Mapping[str, str] | None = None
    default_by: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topic(Generic[R]):
    """One view that people and programs read.

    Attributes:
        name: What people call it.
        group: Under which heading it stands in help and documentation.
        sentence: What it answers.
        view: The view.
        row: The type of its rows.
        layout: How it looks as a table.
        settings: The settings the view goes by; each is a parameter of the same name.
        arguments: What it wants to know beside the window.
        has_as_of: It depends on the time of the answer.
        is_of_operations: Where no operation began there is nothing to tell.
        counted: The column that adds up to how many operations the figures are of; empty where none does.
        changes_by_silence: It tells of what has not been heard of for long, so no answer holds for a while.
    """

    name: str
    group: str
    sentence: str
    view: str
    row: type[R]
    layout: Layout
    settings: tuple[str, ...] = ("abandoned_after_seconds",)
    arguments: tuple[Argument, ...] = ()
    has_as_of: bool = True
    is_of_operations: bool = True
    counted: str = ""
    changes_by_silence: bool = False

    @property
    def columns(self) -> list[Column]:
        """What its rows are made of, in the view's order."""
        return columns_of(self.row)
