"""How rows are written for programs: every column the view gave, in one of the formats of ``WRITERS``.

Another format is another writer in that table.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TextIO

__all__ = ["WRITERS", "Row", "Writer", "write_rows"]

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


def _write_json(rows: Sequence[Mapping[str, object]], columns: Sequence[str], file: TextIO) -> None:
    """Write a list of objects."""
    del columns
    file.write(json.dumps([_plain(row) for row in rows], indent=2, ensure_ascii=False) + "\n")


def _write_csv(rows: Sequence[Mapping[str, object]], columns: Sequence[str], file: TextIO) -> None:
    """Write a header line and a line for each row; nested values are JSON."""
    writer = csv.writer(file, lineterminator="\n")
    if rows or columns:
        writer.writerow(rows[0] if rows else columns)
    writer.writerows([_csv_cell(value) for value in row.values()] for row in rows)


Writer = Callable[[Sequence[Mapping[str, object]], Sequence[str], TextIO], None]

WRITERS: dict[str, Writer] = {"json": _write_json, "csv": _write_csv}


def _plain(value: object) -> object:
    """Reduce a value to what JSON knows; a number JSON cannot write is null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _csv_cell(value: object) -> object:
    plain = _plain(value)
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, dict | list) else plain


def _iso(moment: datetime) -> str:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
