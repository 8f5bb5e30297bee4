"""The CSV formats replay knows: each is one record, so another format is another record."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from modeltally.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FORMATS", "Column", "CsvFormat", "Ending", "Kind", "choose_format"]


class Kind(enum.Enum):
    """How a column's text is read."""

    TEXT = "text"
    COUNT = "a whole number, 0 or more"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that becomes one fact of the operation.

    Attributes:
        name: Its name in the header.
        fact: The keyword of ``modeltally.record`` it is handed to.
        kind: How its text is read.
        words: Other spellings of its values; a value that is not listed is refused. None takes every value.
        when_empty: What an empty field stands for; None leaves the fact out.
    """

    name: str
    fact: str
    kind: Kind = Kind.TEXT
    words: Mapping[str, str] | None = None
    when_empty: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an operation with a certain status ended.

    Attributes:
        outcome: The outcome, or None for an operation that never ended.
        error_type: The error type that goes with it.
    """

    outcome: str | None
    error_type: str | None = None


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """One kind of CSV file.

    Attributes:
        name: What ``--format-name`` calls it.
        operation: The operation every row is.
        time_column: The column with the start.
        time_format: Its format for ``strptime``; without an offset in it, UTC.
        duration_column: The column with the execution time.
        duration_unit_seconds: Seconds in one unit of it.
        status_column: The column that says how the operation ended.
        endings: What its values mean.
        columns: The other columns that are read.
        constants: Facts that are the same for every row.
    """

    name: str
    operation: str
    time_column: str
    time_format: str
    duration_column: str
    duration_unit_seconds: float
    status_column: str
    endings: Mapping[str, Ending]
    columns: tuple[Column, ...]
    constants: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def required(self) -> tuple[str, ...]:
        """Name every column a file of this format has."""
        fixed = (self.time_column, self.duration_column, self.status_column)
        return fixed + tuple(column.name for column in self.columns)


GENTD26 = CsvFormat(
    name="gentd26",
    operation="model.request",
    time_column="gmt_create",
    time_format="%Y-%m-%d %H:%M:%S",
    duration_column="exec_time_seconds",
    duration_unit_seconds=1.0,
    status_column="predict_status",
    endings=MappingProxyType(
        {
            "SUCCEED": Ending("success"),
            "FAILED": Ending("error", error_type="failed"),
            "PENDING": Ending(None),
        }
    ),
    columns=(
        Column("checkpoint_model_version_id", "model", when_empty="unknown"),
        Column(
            "predict_type",
            "task",
            words=MappingProxyType(
                {"TXT_2_IMG": "text_to_image", "IMG_2_IMG": "image_to_image", "INPAINTING": "inpaint"}
            ),
        ),
        Column("groupId", "user"),
        Column("prompt_length", "prompt_length", Kind.COUNT),
        Column("negative_prompt_length", "negative_prompt_length", Kind.COUNT),
        Column("num_images_per_prompt", "output_count", Kind.COUNT),
        Column("num_inference_steps", "steps_requested", Kind.COUNT),
        Column("num_lora", "lora_count", Kind.COUNT),
    ),
    constants=MappingProxyType({"operation_name": "generate_content", "output_type": "image"}),
)

FORMATS: Mapping[str, CsvFormat] = MappingProxyType({one.name: one for one in (GENTD26,)})


def choose_format(header: Sequence[str], *, name: str | None, where: str) -> CsvFormat:
    """Find the format a header belongs to.

    Args:
        header: The file's column names.
        name: The format asked for; None finds it by the header.
        where: File and line, for messages.

    Returns:
        The format; the header has all its columns.

    Raises:
        UnknownNameError: No format has that name.
        InputError: There is no header, or it lacks columns, or has one twice.
    """
    if name is not None and name not in FORMATS:
        raise UnknownNameError("CSV format", name, FORMATS)
    present = set(header)
    candidates = [FORMATS[name]] if name is not None else list(FORMATS.values())
    closest = min(candidates, key=lambda one: len(set(one.required) - present))
    if not header:
        raise InputError(f"{where}: the file is empty; it needs a header with the columns {','.join(closest.required)}")
    missing = [column for column in closest.required if column not in present]
    if missing:
        raise InputError(
            f"{where}: column {missing[0]!r} is missing"
            + (f" (and {', '.join(missing[1:])})" if missing[1:] else "")
            + f"; the header reads {','.join(header)[:200]!r}, format {closest.name} needs"
            f" {','.join(closest.required)}"
        )
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise InputError(f"{where}: column {repeated[0]!r} stands twice in the header; keep one")
    return closest
