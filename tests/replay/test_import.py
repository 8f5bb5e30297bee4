"""Importing a file: through the public wrappers, over a socket, with an account of every row."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import InputError, ServerError, SettingError
from modeltally.instrument._values import Values
from modeltally.replay import FORMATS, Account, Feed, replay_file

if TYPE_CHECKING:
    from pathlib import Path

    from support.sink import Sink

HEADER = ",".join(FORMATS["gentd26"].required)


def line(number: int, *, seconds: str = "2.5", status: str = "SUCCEED") -> str:
    """Write one row in the order of the declared columns."""
    return f"2024-11-15 16:{number // 60:02}:{number % 60:02},{seconds},{status},M0001,TXT_2_IMG,G0007,63.0,,1.0,30.0,2"


def write(path: Path, *lines: str) -> Path:
    """Write a file with the header and these rows."""
    path.write_text("\n".join((HEADER, *lines)) + "\n")
    return path


def feed_to(receiver: Sink, *, patience_seconds: float = 30.0, waits: list[float] | None = None) -> Feed:
    """Make a feed that notes how long it waited."""
    noted = [] if waits is None else waits
    return Feed(address=receiver.url, patience_seconds=patience_seconds, on_wait=noted.append)


def test_every_row_arrives_as_a_span(tmp_path: Path, receiver: Sink) -> None:
    """Start, end, outcome and facts of a row are those of its span; a row without an end is an unfinished copy."""
    file = write(tmp_path / "t.csv", line(0), line(1, status="FAILED"), line(2, status="PENDING", seconds="0"))
    feed = feed_to(receiver)
    first_at = datetime(2024, 11, 15, 16, tzinfo=UTC)
    expected = Account("gentd26", rows=3, recorded=3, first_at=first_at, last_at=first_at + timedelta(seconds=2))
    assert replay_file(file, feed) == expected
    done, failed, pending = receiver.operations
    assert done.end_ns - done.start_ns == 2_500_000_000
    assert done.start_ns == 1_731_686_400 * 10**9
    assert [span.attributes["modeltally.source"] for span in (done, failed, pending)] == ["import"] * 3
    assert done.attributes["modeltally.model.id"] == "M0001"
    assert done.attributes["modeltally.prompt.length"] == 63
    assert failed.attributes["error.type"] == "failed"
    assert pending.attributes["modeltally.unfinished"] is True
    assert "modeltally.outcome" not in pending.attributes
    assert feed.delivered().delivered == 3


def test_same_file_has_the_same_ids_when_it_is_imported_again(tmp_path: Path, receiver: Sink) -> None:
    """A second import sends the same identities, and an appended row one more."""
    rows = [line(0), line(0), line(1)]
    replay_file(write(tmp_path / "t.csv", *rows), feed_to(receiver))
    first = {(span.trace_id, span.span_id) for span in receiver.operations}
    replay_file(write(tmp_path / "t.csv", *rows, line(2)), feed_to(receiver))
    both = {(span.trace_id, span.span_id) for span in receiver.operations}
    assert (len(first), len(both - first)) == (3, 1)


def test_import_waits_for_a_server_that_is_away(tmp_path: Path, receiver: Sink) -> None:
    """Nothing is lost when the server is away in between; the caller is told that it waits."""
    file = write(tmp_path / "t.csv", *(line(number) for number in range(3000)))
    waits: list[float] = []
    is_back = threading.Event()

    def note(waited_seconds: float) -> None:
        waits.append(waited_seconds)
        if not is_back.is_set():
            is_back.set()
            receiver.come_back()

    receiver.go_away()
    feed = Feed(address=receiver.url, patience_seconds=60.0, on_wait=note)
    replay_file(file, feed)
    assert waits[-1] == 0.0
    assert len(receiver.operations) == 3000
    delivered = feed.delivered()
    assert (delivered.started, delivered.delivered, delivered.lost) == (3000, 3000, 0)


def test_import_gives_up_when_the_server_stays_away(tmp_path: Path, receiver: Sink) -> None:
    """After its patience the import ends with an error that says what was delivered and what to do."""
    receiver.go_away()
    with pytest.raises(ServerError, match=r"took nothing for .* run the same command again"):
        replay_file(write(tmp_path / "t.csv", line(0)), feed_to(receiver, patience_seconds=0.0))


def test_good_rows_before_a_bad_one_are_delivered(tmp_path: Path, receiver: Sink) -> None:
    """The import stops at a bad row, and what it read before is there."""
    file = write(tmp_path / "t.csv", line(0), line(1), line(2, seconds="-1"), line(3))
    with pytest.raises(InputError, match=r"t\.csv:4: column 'exec_time_seconds' .*\(2 rows before it are recorded"):
        replay_file(file, feed_to(receiver))
    assert len(receiver.operations) == 2


def test_bad_rows_are_counted_and_listed_when_skipped(tmp_path: Path, receiver: Sink) -> None:
    """With skip_bad every good row counts; of the bad ones the first twenty are explained."""
    bad = [line(number, seconds="nan") for number in range(25)]
    account = replay_file(write(tmp_path / "t.csv", line(0), *bad, line(1)), feed_to(receiver), skip_bad=True)
    assert (account.rows, account.recorded, account.skipped, len(account.reasons)) == (27, 2, 25, 20)
    assert len(receiver.operations) == 2


def test_import_is_refused_when_telemetry_is_off(
    tmp_path: Path, receiver: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import that would record nothing says so."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with pytest.raises(SettingError, match="OTEL_SDK_DISABLED"):
        replay_file(write(tmp_path / "t.csv", line(0)), feed_to(receiver))


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_file_that_cannot_be_read_is_named(tmp_path: Path, receiver: Sink, name: str) -> None:
    """A missing file or a directory is an input error."""
    with pytest.raises(InputError, match="cannot read"):
        replay_file(tmp_path / name, feed_to(receiver))


@pytest.mark.parametrize("one", FORMATS.values(), ids=FORMATS)
def test_every_fact_of_a_format_is_a_keyword_of_record(one: object) -> None:
    """A column's fact that no keyword takes would be lost without a word."""
    assert isinstance(one, type(FORMATS["gentd26"]))
    facts = {column.fact for column in one.columns} | set(one.constants)
    assert facts <= set(Values.__annotations__)
