"""Reads a log row by row, CSV or an object of JSON a line: from bytes to operations, with the place of what is wrong.

The file is streamed. A row is good or bad by itself: a bad one never hides the good rows before it.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from modeltally.errors import InputError
from modeltally.replay._feed import PastOperation
from modeltally.replay._formats import ISO, NUMBERED, Column, Ending, Kind, LogFormat, choose_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["BadRow", "LogRows"]

_LINE_LIMIT_BYTES = 1024**2
_LONGEST = timedelta(days=366)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LARGEST_COUNT = 2**53
_SHOWN_CHARS = 80
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
# Bytes that are no UTF-8 travel through the reader as some of these, and are found again in their field; JSON has them
# all, as halves of pairs.
_UNDECODABLE = range(0xD800, 0xE000)


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


class LogRows:
    """The rows of one file, read as they are asked for."""

    def __init__(self, path: Path, file: BinaryIO, *, log_format: LogFormat | None, now: datetime) -> None:
        """Read the header, or the first object.

        Args:
            path: The file's name, for messages.
            file: The file, opened for bytes.
            log_format: The format asked for; None finds it by the header.
            now: The current time: nothing recorded can be later than a day from it.

        Raises:
            InputError: The file is empty, is not text, or has a header of no known format.
        """
        self._path = path
        self._latest = now + timedelta(days=1)
        self._occurrences: Counter[bytes] = Counter()
        self.unknown_words: Counter[str] = Counter()
        lines = self._lines(file)
        first = next(lines, "")
        self._is_json = first.lstrip().startswith("{")
        self._all_lines = itertools.chain([first], lines) if first else lines
        self._reader = csv.reader(iter(()) if self._is_json else self._all_lines, strict=True)
        if self._is_json and log_format is not None:
            self.format = log_format  # an object leaves out what it does not know
            return
        header = list(self._object(first, 1)) if self._is_json else self._read_header()
        self.format = choose_format(header, asked=log_format, where=f"{path}:1")
        self._header = header
        self._places = {name: header.index(name) for name in self.format.required}

    def __iter__(self) -> Iterator[PastOperation | BadRow]:
        """Yield every row, blank lines left out."""
        return self._objects() if self._is_json else self._rows()

    def _objects(self) -> Iterator[PastOperation | BadRow]:
        for number, line in enumerate(self._all_lines, start=1):
            if not line.strip():
                continue
            try:
                told = self._object(line, number)
            except InputError as error:
                yield BadRow(str(error))
                continue
            values = {name: told.get(name, "") for name in self.format.required}
            yield self._judged(values, (line.strip(),), number)

    def _object(self, line: str, number: int) -> dict[str, str]:
        try:
            told = json.loads(line)
            if isinstance(told, dict):
                return dict(_flat(told, ""))
        except (ValueError, RecursionError):  # the place is said below
            pass
        raise InputError(f"{self._path}:{number}: not an object of JSON: {_shown(line.strip())}")

    def _rows(self) -> Iterator[PastOperation | BadRow]:
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
        width = len(self._header)
        if len(row) != width:
            return BadRow(
                f"{self._path}:{line}: {len(row)} fields where the header has {width}: {_shown(','.join(row))}"
            )
        values = {name: row[place].strip() for name, place in self._places.items()}
        return self._judged(values, row, line)

    def _judged(self, values: Mapping[str, str], whole: Iterable[str], line: int) -> PastOperation | BadRow:
        try:
            return self._operation(values, whole)
        except _FieldError as error:
            return BadRow(f"{self._path}:{line}: {error}")

    def _operation(self, values: Mapping[str, str], whole: Iterable[str]) -> PastOperation:
        form = self.format
        for name, text in values.items():
            if _is_binary(text):
                raise _FieldError(name, text, "UTF-8 text without control characters")
        started_at = self._moment(form.time_column, values[form.time_column])
        ending = self._ending(values)
        ended_at = self._ended_at(values, started_at) if ending.outcome is not None else None
        facts: dict[str, object] = dict(form.constants)
        for column in form.columns:
            fact = _fact(column, values[column.name])
            if fact is not None:
                facts[column.fact] = fact
        return PastOperation(
            operation=form.operation,
            operation_id=self._identity(values, whole),
            started_at=started_at,
            ended_at=ended_at,
            outcome=ending.outcome or "success",
            error_type=ending.error_type,
            facts=facts,
        )

    def _ending(self, values: Mapping[str, str]) -> Ending:
        form = self.format
        if form.status_column is None:
            return Ending("success")
        status = values[form.status_column]
        if status in form.endings:
            return form.endings[status]
        self.unknown_words[_shown(status)] += 1
        if form.unknown_ending is None:
            raise _FieldError(form.status_column, status, ", ".join(form.endings))
        return form.unknown_ending

    def _ended_at(self, values: Mapping[str, str], started_at: datetime) -> datetime:
        form = self.format
        if form.end_column is None:
            column = form.duration_column or ""
            return started_at + _duration(column, values[column], unit_seconds=form.duration_unit_seconds)
        ended_at = self._moment(form.end_column, values[form.end_column])
        if not timedelta() <= ended_at - started_at <= _LONGEST:
            raise _FieldError(form.end_column, values[form.end_column], f"0 to {_LONGEST.days} days after the start")
        return ended_at

    def _moment(self, column: str, text: str) -> datetime:
        form = self.format
        try:
            moment = _time(text, form.time_format)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=form.zone)
            moment = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            moment = None
        if moment is None or not _EARLIEST <= moment <= self._latest:
            raise _FieldError(column, text, f"{form.time_format}, from 2000 to a day from now")
        return moment

    def _identity(self, values: Mapping[str, str], whole: Iterable[str]) -> str:
        # a log of one's own is known by all it holds, whatever the mapping is called and says
        known = ("", *whole) if self.format.is_own else (self.format.name, *values.values())
        digest = hashlib.sha256("\x1f".join(known).encode("utf-8", "surrogatepass")).digest()
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
    if column.kind is Kind.FLAG and text.lower() in _FLAGS:
        return _FLAGS[text.lower()]
    number = None if column.kind is Kind.FLAG else _number(text)
    if number is None or not _fits(column.kind, number):
        raise _FieldError(column.name, text, f"{column.kind.value}, or empty")
    return int(number) if column.kind is Kind.COUNT else number


def _fits(kind: Kind, number: float) -> bool:
    if kind is Kind.COUNT:
        return number.is_integer() and 0 <= number <= _LARGEST_COUNT
    return kind is Kind.NUMBER or 0 <= number <= 1


def _time(text: str, how: str) -> datetime:
    """Read a time; raise ValueError or OverflowError where it is none."""
    if how == ISO:
        return datetime.fromisoformat(text)
    if how in NUMBERED:
        number = _number(text)
        if number is None:
            raise ValueError(text)
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=number * NUMBERED[how])
    return datetime.strptime(text, how)  # noqa: DTZ007 - the caller knows the zone


def _flat(told: Mapping[str, object], before: str) -> Iterator[tuple[str, str]]:
    """Name what an object holds, within another by the path: ``usage.tokens``."""
    for name, value in told.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif value is None:
            yield f"{before}{name}", ""
        else:
            yield f"{before}{name}", value.strip() if isinstance(value, str) else json.dumps(value)


def _duration(column: str, text: str, *, unit_seconds: float) -> timedelta:
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
