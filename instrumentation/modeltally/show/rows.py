"""How rows are written for programs: every column the view gave, in one of the formats of ``WRITERS``.

Another format is another writer in that table.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from modeltally.analytics.plain import plain

if TYPE_CHECKING:
    from modeltally.analytics.answers import Answer

__all__ = ["WRITERS", "Row", "Writer", "write_answer", "write_rows"]

Row = dict[str, object]


def write_rows(
    rows: Sequence[Mapping[str, object]], format_name: str, *, file: TextIO, columns: Sequence[str] = ()
) -> None:
    """Write rows for a program, every column the view gave.

    Args:
        rows: The answer.
        format_name: A key of ``WRITERS``.
        file: Where to.
        columns: The names of what a row holds, for the header of an answer without rows.
    """
    WRITERS[format_name](rows, columns, file)


def write_answer(answer: Answer[Any], format_name: str, *, file: TextIO) -> None:
    """Write an answer for a program: JSON says what the rows rest on, CSV holds the rows alone.

    Args:
        answer: The answer.
        format_name: A key of ``WRITERS``.
        file: Where to.
    """
    if format_name == "json":
        file.write(json.dumps(answer.to_dict(), indent=2, ensure_ascii=False) + "\n")
    else:
        write_rows(answer.rows, format_name, file=file, columns=[column.name for column in answer.topic.columns])


def _write_json(rows: Sequence[Mapping[str, object]], columns: Sequence[str], file: TextIO) -> None:
    """Write a list of objects."""
    del columns
    file.write(json.dumps([plain(row) for row in rows], indent=2, ensure_ascii=False) + "\n")


def _write_csv(rows: Sequence[Mapping[str, object]], columns: Sequence[str], file: TextIO) -> None:
    """Write a header line and a line for each row; nested values are JSON."""
    writer = csv.writer(file, lineterminator="\n")
    if rows or columns:
        writer.writerow(rows[0] if rows else columns)
    writer.writerows([_csv_cell(value) for value in row.values()] for row in rows)


Writer = Callable[[Sequence[Mapping[str, object]], Sequence[str], TextIO], None]

WRITERS: dict[str, Writer] = {"json": _write_json, "csv": _write_csv}


def _csv_cell(value: object) -> object:
    cell = plain(value)
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, dict | list) else cell
