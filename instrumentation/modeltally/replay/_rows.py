"""Reads a CSV file row by row: from bytes to operations, with the place of everything that is wrong.

The file is streamed. A row is good or bad by itself: a bad one never hides the good rows before it.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from modeltally.errors import InputError
from modeltally.replay._feed import PastOperation
from modeltally.replay._formats import Column, CsvFormat, Kind, choose_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["BadRow", "CsvRows"]

_LINE_LIMIT_BYTES = 1024**2
_LONGEST = timedelta(days=366)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LARGEST_COUNT = 2**53
_SHOWN_CHARS = 80
# Bytes that are no UTF-8 travel through the CSV reader as these, and are found again in their field.
_UNDECODABLE = range(0xDC80, 0xDD00)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read.

    Attributes:
        reason: File, line, column, value and what is allowed.
    """

    reason: str


class _FieldError(Exception):
    """A field holds something that is not allowed."""

    def __init__(self, column: str, value: str, allowed: str) -> None:
        super().__init__(f"column {column!r} has the value {_shown(value)}; allowed: {allowed}")


class CsvRows:
    """The rows of one file, read as they are asked for."""

    def __init__(self, path: Path, file: BinaryIO, *, format_name: str | None, now: datetime) -> None:
        """Read the header.

        Args:
            path: The file's name, for messages.
            file: The file, opened for bytes.
            format_name: The format asked for; None finds it by the header.
            now: The current time: nothing recorded can be later than a day from it.

        Raises:
            InputError: The file is empty, is not text, or has a header of no known format.
            UnknownNameError: No format has that name.
        """
        self._path = path
        self._latest = now + timedelta(days=1)
        self._occurrences: Counter[bytes] = Counter()
        self._reader = csv.reader(self._lines(file), strict=True)
        header = self._read_header()
        self.format: CsvFormat = choose_format(header, name=format_name, where=f"{path}:1")
        self._width = len(header)
        self._places = {name: header.index(name) for name in self.format.required}

    def __iter__(self) -> Iterator[PastOperation | BadRow]:
        """Yield every row, blank lines left out."""
        while True:
            first_line = self._reader.line_num + 1
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadRow(f"{self._path}:{first_line}: not a CSV row: {error}")
                continue
            if row:
                yield self._read(row, first_line)

    def _lines(self, file: BinaryIO) -> Iterator[str]:
        number = 0
        while line := file.readline(_LINE_LIMIT_BYTES):
            number += 1
            if len(line) == _LINE_LIMIT_BYTES and not line.endswith(b"\n"):
                raise InputError(
                    f"{self._path}:{number}: the line is longer than {_LINE_LIMIT_BYTES:,} bytes; is this a CSV file?"
                )
            yield line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape")

    def _read_header(self) -> list[str]:
        try:
            header = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise InputError(f"{self._path}:1: not a CSV header: {error}") from None
        for place, name in enumerate(header, start=1):
            if _is_binary(name):
                raise InputError(
                    f"{self._path}:1: column {place} is named {_shown(name)}, which is not UTF-8 text;"
                    " is this a CSV file?"
                )
        return header

    def _read(self, row: list[str], line: int) -> PastOperation | BadRow:
        if len(row) != self._width:
            return BadRow(
                f"{self._path}:{line}: {len(row)} fields where the header has {self._width}: {_shown(','.join(row))}"
            )
        values = {name: row[place].strip() for name, place in self._places.items()}
        try:
            return self._operation(values)
        except _FieldError as error:
            return BadRow(f"{self._path}:{line}: {error}")

    def _operation(self, values: Mapping[str, str]) -> PastOperation:
        form = self.format
        for name, text in values.items():
            if _is_binary(text):
                raise _FieldError(name, text, "UTF-8 text without control characters")
        started_at = self._moment(form.time_column, values[form.time_column])
        status = values[form.status_column]
        ending = form.endings.get(status)
        if ending is None:
            raise _FieldError(form.status_column, status, ", ".join(form.endings))
        duration = _duration(
            form.duration_column,
            values[form.duration_column],
            unit_seconds=form.duration_unit_seconds,
            is_needed=ending.outcome is not None,
        )
        facts: dict[str, object] = dict(form.constants)
        for column in form.columns:
            fact = _fact(column, values[column.name])
            if fact is not None:
                facts[column.fact] = fact
        return PastOperation(
            operation=form.operation,
            operation_id=self._identity(values),
            started_at=started_at,
            ended_at=started_at + duration if ending.outcome is not None else None,
            outcome=ending.outcome or "success",
            error_type=ending.error_type,
            facts=facts,
        )

    def _moment(self, column: str, text: str) -> datetime:
        allowed = f"{self.format.time_format}, from 2000 to a day from now"
        try:
            moment = datetime.strptime(text, self.format.time_format)  # noqa: DTZ007 - made aware below
        except ValueError:
            raise _FieldError(column, text, allowed) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        if not _EARLIEST <= moment <= self._latest:
            raise _FieldError(column, text, allowed)
        return moment

    def _identity(self, values: Mapping[str, str]) -> str:
        content = "\x1f".join((self.format.name, *(values[name] for name in self.format.required)))
        digest = hashlib.sha256(content.encode()).digest()
        # Eight bytes keep the memory small: a row that shares them with another only gets a later number.
        short = digest[:8]
        self._occurrences[short] += 1
        return f"{digest.hex()}:{self._occurrences[short]}"


def _fact(column: Column, text: str) -> object:
    text = text or (column.when_empty or "")
    if not text:
        return None
    if column.words is not None:
        if text not in column.words:
            raise _FieldError(column.name, text, ", ".join(column.words))
        return column.words[text]
    if column.kind is Kind.TEXT:
        return text
    number = _number(text)
    if number is None or not number.is_integer() or not 0 <= number <= _LARGEST_COUNT:
        raise _FieldError(column.name, text, f"{column.kind.value}, or empty")
    return int(number)


def _duration(column: str, text: str, *, unit_seconds: float, is_needed: bool) -> timedelta:
    if not text and not is_needed:
        return timedelta()
    number = _number(text)
    seconds = number * unit_seconds if number is not None else math.nan
    if not 0 <= seconds <= _LONGEST.total_seconds():
        raise _FieldError(column, text, f"a number from 0 to {_LONGEST.days} days")
    return timedelta(seconds=seconds)


def _number(text: str) -> float | None:
    """Read a plain decimal number; Python's own reading takes underscores and other scripts' digits too."""
    if not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _is_binary(text: str) -> bool:
    return any(ord(char) < ord(" ") or ord(char) in _UNDECODABLE for char in text)


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "...")
