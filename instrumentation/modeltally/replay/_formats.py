"""The formats of logs that replay knows: each is one record, so another format is another record."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modeltally.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

__all__ = ["FORMATS", "ISO", "NUMBERED", "Column", "Ending", "Kind", "LogFormat", "choose_format", "format_named"]

ISO: Final = "iso"
NUMBERED: Final[Mapping[str, float]] = MappingProxyType({"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6})


class Kind(enum.Enum):
    """How a column's text is read."""

    TEXT = "text"
    COUNT = "a whole number, 0 or more"
    NUMBER = "a number"
    SHARE = "a number from 0 to 1"
    FLAG = "true or false"


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
class LogFormat:
    """One kind of log: a CSV file, or an object of JSON a line, where columns are keys.

    Attributes:
        name: What ``--format-name`` calls it.
        operation: The operation every row is.
        time_column: The column with the start.
        time_format: Its format for ``strptime``, or a word of ``NUMBERED`` or ``ISO``.
        duration_column: The column with the execution time; None where the end is known instead.
        duration_unit_seconds: Seconds in one unit of it.
        end_column: The column with the end, in the format of the start; None where the execution time is known.
        status_column: The column that says how the operation ended; None where every one succeeded.
        endings: What its values mean.
        unknown_ending: What any other value means; None refuses it.
        columns: The other columns that are read.
        constants: Facts that are the same for every row.
        zone: The zone of times without an offset.
        is_own: It comes from a mapping file: a row is known by all it holds, so a mapping may be mended and the file
            imported again.
    """

    name: str
    operation: str
    time_column: str
    time_format: str
    columns: tuple[Column, ...]
    duration_column: str | None = None
    duration_unit_seconds: float = 1.0
    end_column: str | None = None
    status_column: str | None = None
    endings: Mapping[str, Ending] = field(default_factory=lambda: MappingProxyType({}))
    unknown_ending: Ending | None = None
    constants: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    zone: tzinfo = UTC
    is_own: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        """Name every column a file of this format has, each once."""
        fixed = (self.time_column, self.duration_column, self.end_column, self.status_column)
        named = (*(name for name in fixed if name is not None), *(column.name for column in self.columns))
        return tuple(dict.fromkeys(named))


GENTD26 = LogFormat(
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
            "PROCESSING": Ending(None),
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

PATTERN_FEEDBACK = LogFormat(
    name="pattern_feedback",
    operation="pattern.run",
    time_column="created_at",
    time_format=ISO,
    duration_column="execution_time_ms",
    duration_unit_seconds=0.001,
    status_column="success",
    endings=MappingProxyType(
        {word: Ending("success") for word in ("true", "True", "t", "1")}
        | {word: Ending("failure", error_type="failed") for word in ("false", "False", "f", "0")}
    ),
    columns=(
        Column("pattern_id", "pattern_id"),
        Column("quality_score", "quality_score", Kind.SHARE),
        Column("correlation_id", "correlation_id"),
    ),
)

FORMATS: Mapping[str, LogFormat] = MappingProxyType({one.name: one for one in (GENTD26, PATTERN_FEEDBACK)})


def format_named(name: str) -> LogFormat:
    """Find a format by its name.

    Raises:
        UnknownNameError: No format has that name.
    """
    if name not in FORMATS:
        raise UnknownNameError("format of logs", name, FORMATS)
    return FORMATS[name]


def choose_format(header: Sequence[str], *, asked: LogFormat | None, where: str) -> LogFormat:
    """Find the format a header belongs to.

    Args:
        header: The file's column names.
        asked: The format asked for; None finds it by the header.
        where: File and line, for messages.

    Returns:
        The format; the header has all its columns.

    Raises:
        InputError: There is no header, or it lacks columns, or has one twice.
    """
    present = set(header)
    candidates = [asked] if asked is not None else list(FORMATS.values())
    closest = min(candidates, key=lambda one: len(set(one.required) - present))
    if not header:
        wanted = ", or ".join(f"{','.join(one.required)} ({one.name})" for one in candidates)
        raise InputError(f"{where}: the file is empty; it needs a header with the columns {wanted}")
    missing = [column for column in closest.required if column not in present]
    if missing:
        raise InputError(
            f"{where}: column {missing[0]!r} is missing"
            + (f" (and {', '.join(missing[1:])})" if missing[1:] else "")
            + f"; the header reads {','.join(header)[:200]!r}, format {closest.name} needs"
            f" {','.join(closest.required)}"
            + ("" if asked is not None else "; for a log of your own write a mapping file: --format-name mylog.toml")
        )
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise InputError(f"{where}: column {repeated[0]!r} stands twice in the header; keep one")
    return closest
