"""Reading a CSV file: rows become operations, everything wrong is named with its place."""

from __future__ import annotations

import io
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modeltally.errors import InputError, UnknownNameError
from modeltally.replay import BadRow, LogFormat, LogRows, PastOperation
from modeltally.replay._formats import format_named

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HEADER = (
    "gmt_create,predict_type,predict_status,exec_time_seconds,groupId,prompt_length,negative_prompt_length,"
    "num_images_per_prompt,num_inference_steps,checkpoint_model_version_id,num_lora"
)
GOOD = "2024-11-15 16:57:50,TXT_2_IMG,SUCCEED,32.5,G0000,63.0,26.0,1.0,30.0,M0000,0"
NAMES = HEADER.split(",")


def read(content: str | bytes, *, log_format: LogFormat | None = None) -> list[PastOperation | BadRow]:
    """Read a whole file from memory."""
    data = content.encode() if isinstance(content, str) else content
    return list(LogRows(Path("trace.csv"), io.BytesIO(data), log_format=log_format, now=NOW))


def with_value(column: str, value: str) -> str:
    """Write the good row with another value in one column."""
    values = GOOD.split(",")
    values[NAMES.index(column)] = value
    return ",".join(values)


def read_row(line: str) -> PastOperation | BadRow:
    """Read a file of one row."""
    (row,) = read(f"{HEADER}\n{line}\n")
    return row


def reason(line: str) -> str:
    """Read a file of one row that is bad."""
    row = read_row(line)
    assert isinstance(row, BadRow)
    return row.reason


def test_row_becomes_an_operation_with_every_fact() -> None:
    """Each column arrives under the name the wrappers know it by, in their units and words."""
    row = read_row(GOOD)
    assert isinstance(row, PastOperation)
    started_at = datetime(2024, 11, 15, 16, 57, 50, tzinfo=UTC)
    assert (row.operation, row.outcome) == ("model.request", "success")
    assert (row.started_at, row.ended_at) == (started_at, started_at + timedelta(seconds=32.5))
    assert row.facts == {
        "model": "M0000",
        "task": "text_to_image",
        "user": "G0000",
        "prompt_length": 63,
        "negative_prompt_length": 26,
        "output_count": 1,
        "steps_requested": 30,
        "lora_count": 0,
        "operation_name": "generate_content",
        "output_type": "image",
    }


def test_failed_row_is_an_error() -> None:
    """FAILED is an error with its type."""
    row = read_row(with_value("predict_status", "FAILED"))
    assert isinstance(row, PastOperation)
    assert (row.outcome, row.error_type) == ("error", "failed")


def test_pending_row_never_ended() -> None:
    """PENDING has no end, whatever its execution time says."""
    row = read_row(with_value("predict_status", "PENDING"))
    assert isinstance(row, PastOperation)
    assert row.ended_at is None


def test_empty_fields_leave_facts_out_and_the_model_is_unknown() -> None:
    """An empty model is called unknown; other empty fields are simply not known."""
    row = read_row("2024-11-26 22:50:35,TXT_2_IMG,PENDING,,G0325,,,,,,0")
    assert isinstance(row, PastOperation)
    assert row.facts["model"] == "unknown"
    assert {"prompt_length", "output_count", "steps_requested"}.isdisjoint(row.facts)


def test_ids_are_the_same_when_the_file_is_read_again() -> None:
    """The same row has the same id; an appended row changes no other."""
    other = with_value("groupId", "G0001")
    first = [row.operation_id for row in read(f"{HEADER}\n{GOOD}\n{other}\n") if isinstance(row, PastOperation)]
    again = [
        row.operation_id
        for row in read(f"{HEADER}\n{GOOD}\n{other}\n{with_value('num_lora', '3')}\n")
        if isinstance(row, PastOperation)
    ]
    assert again[:2] == first
    assert len(set(again)) == 3


def test_identical_rows_of_a_file_each_have_their_own_id() -> None:
    """Two rows that read the same happened twice."""
    rows = [row for row in read(f"{HEADER}\n{GOOD}\n{GOOD}\n") if isinstance(row, PastOperation)]
    assert rows[0].operation_id != rows[1].operation_id


def test_ids_do_not_depend_on_column_order_or_further_columns() -> None:
    """A row is what its columns say, wherever they stand."""
    shuffled = ",".join(["note", *reversed(NAMES)]) + "\n" + ",".join(["x", *reversed(GOOD.split(","))])
    (row,), (moved,) = read(f"{HEADER}\n{GOOD}\n"), read(shuffled)
    assert isinstance(row, PastOperation)
    assert row == moved


@pytest.mark.parametrize(
    ("column", "value", "allowed"),
    [
        ("exec_time_seconds", "-1.0", "a number from 0"),
        ("exec_time_seconds", "nan", "a number from 0"),
        ("exec_time_seconds", "inf", "a number from 0"),
        ("exec_time_seconds", "1e300", "a number from 0"),
        ("exec_time_seconds", "1_0", "a number from 0"),
        ("exec_time_seconds", "", "a number from 0"),
        ("gmt_create", "15.11.2024 16:57", "%Y-%m-%d %H:%M:%S"),
        ("gmt_create", "2024-02-30 00:00:00", "%Y-%m-%d %H:%M:%S"),
        ("gmt_create", "1970-01-01 00:00:00", "from 2000"),
        ("gmt_create", "2099-01-01 00:00:00", "a day from now"),
        ("predict_status", "DONE", "SUCCEED, FAILED, PENDING"),
        ("predict_type", "TXT_2_VIDEO", "TXT_2_IMG, IMG_2_IMG, INPAINTING"),
        ("prompt_length", "63.5", "a whole number, 0 or more"),
        ("prompt_length", "-3", "a whole number, 0 or more"),
        ("num_lora", "many", "a whole number, 0 or more"),
    ],
)
def test_bad_value_is_named_with_file_line_and_column(column: str, value: str, allowed: str) -> None:
    """A message about a value says where it stands, what it is and what is allowed."""
    message = reason(with_value(column, value))
    assert message.startswith("trace.csv:2: ")
    assert f"column {column!r}" in message
    assert repr(value) in message
    assert allowed in message


def test_bad_row_hides_no_good_row() -> None:
    """Rows before and after a bad one are read; its line number counts every line of the file."""
    rows = read(f"{HEADER}\n{GOOD}\n\n{with_value('exec_time_seconds', 'x')}\n{GOOD}\n")
    assert [type(row) for row in rows] == [PastOperation, BadRow, PastOperation]
    assert isinstance(rows[1], BadRow)
    assert rows[1].reason.startswith("trace.csv:4: ")


def test_row_with_another_number_of_fields_is_bad() -> None:
    """A short or long row says how many fields it has and how many the header names."""
    assert "3 fields where the header has 11" in reason("a,b,c")
    assert "12 fields where the header has 11" in reason(GOOD + ",more")


def test_undecodable_value_is_bad_and_shown_escaped() -> None:
    """Bytes that are no UTF-8 make their row bad, not the file."""
    row, good = read(f"{HEADER}\n".encode() + GOOD.replace("M0000", "M\xff").encode("latin-1") + f"\n{GOOD}\n".encode())
    assert isinstance(row, BadRow)
    assert "trace.csv:2: column 'checkpoint_model_version_id'" in row.reason
    assert "udcff" in row.reason
    assert isinstance(good, PastOperation)


def test_broken_quotes_are_bad() -> None:
    """A quote that never closes is reported with the line it began on."""
    row = read(f'{HEADER}\n{GOOD}\n"{GOOD}\n')[-1]
    assert isinstance(row, BadRow)
    assert row.reason.startswith("trace.csv:3: not a CSV row")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf"])
def test_file_is_refused_when_it_is_empty(content: bytes) -> None:
    """An empty file lacks its header; the message says what the header must name."""
    with pytest.raises(InputError, match=r"trace\.csv:1: the file is empty.*gmt_create"):
        read(content)


def test_file_is_refused_when_a_column_is_missing() -> None:
    """A missing column is named, with what the header has."""
    with pytest.raises(InputError, match=r"trace\.csv:1: column 'exec_time_seconds' is missing"):
        read(HEADER.replace("exec_time_seconds", "duration") + "\n")


def test_file_is_refused_when_a_column_stands_twice() -> None:
    """Two columns of one name leave open which one counts."""
    with pytest.raises(InputError, match="column 'num_lora' stands twice"):
        read(f"{HEADER},num_lora\n")


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"PK\x03\x04\x00\x00", "é".encode("utf-16")]
)
def test_file_is_refused_when_it_is_binary(content: bytes) -> None:
    """A binary file is recognised by its first line."""
    with pytest.raises(InputError, match=r"trace\.csv:1: .*CSV"):
        read(content)


def test_file_is_refused_when_a_line_never_ends() -> None:
    """A line of megabytes is not read into memory."""
    with pytest.raises(InputError, match=r"trace\.csv:2: the line is longer"):
        read(f"{HEADER}\n{'x' * 3_000_000}")


def test_byte_order_mark_and_windows_line_ends_are_read() -> None:
    """A file saved by a spreadsheet reads like any other."""
    (row,) = read(b"\xef\xbb\xbf" + f"{HEADER}\r\n{GOOD}\r\n".encode())
    assert row == read_row(GOOD)


def test_unknown_format_name_offers_the_nearest() -> None:
    """A misspelt format is answered with the one that was meant."""
    with pytest.raises(UnknownNameError, match="did you mean 'gentd26'"):
        format_named("gentd62")


def test_real_trace_is_read_whole(gentd26: Path) -> None:
    """Every row of the published trace is good, and each has its own id."""
    with gentd26.open("rb") as file:
        rows = list(LogRows(gentd26, file, log_format=None, now=NOW))
    operations = [row for row in rows if isinstance(row, PastOperation)]
    assert len(rows) == len(operations) == len({one.operation_id for one in operations}) == 14_279
    assert Counter(one.outcome if one.ended_at else None for one in operations) == {
        "success": 14_033,
        "error": 233,
        None: 13,
    }


def test_reading_is_streamed() -> None:
    """The first row is there before the rest of the file is."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as file, os.fdopen(writing, "wb", buffering=0) as source:
        source.write(f"{HEADER}\n{GOOD}\n".encode())
        buffered = io.BufferedReader(file)
        rows = iter(LogRows(Path("pipe"), buffered, log_format=None, now=NOW))
        assert isinstance(next(rows), PastOperation)
