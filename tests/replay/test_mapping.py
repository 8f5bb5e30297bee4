"""Logs of people's own: what a mapping file says is what is recorded, and every slip in it is named."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modeltally.errors import InputError, UnknownNameError
from modeltally.replay import BadRow, LogRows, PastOperation
from modeltally.replay._mapping import read_mapping

NOW = datetime(2026, 7, 1, tzinfo=UTC)
MAPPING = """
[time]
column = "when"
format = "%d.%m.%Y %H:%M"
zone = "Europe/Berlin"

[duration]
column = "took"
unit = "milliseconds"

[outcome]
column = "state"
words = { ok = "success", boom = "error:out_of_memory", bad = "failure", stop = "cancelled", run = "unfinished" }

[columns]
model = "engine"
user = "who"
input_tokens = "tokens"
cold_start = "cold"
quality_score = "stars"

[constants]
provider = "local"
"""
HEADER = "when,took,state,engine,who,tokens,cold,stars,note"


def mapped(tmp_path: Path, log: str, mapping: str = MAPPING) -> tuple[list[PastOperation | BadRow], LogRows]:
    """Read a log by a mapping."""
    path = tmp_path / "mylog.toml"
    path.write_text(mapping)
    rows = LogRows(Path("my.log"), io.BytesIO(log.encode()), log_format=read_mapping(path), now=NOW)
    return list(rows), rows


def operation(rows: list[PastOperation | BadRow]) -> PastOperation:
    """The only row, which is good."""
    (row,) = rows
    assert isinstance(row, PastOperation), row
    return row


def test_csv_is_read_as_the_mapping_says(tmp_path: Path) -> None:
    """Times in their zone, durations in their unit, words by their meaning, facts by their types."""
    rows, _ = mapped(tmp_path, f"{HEADER}\n15.06.2026 10:30,250,ok,flux,ann,12,yes,0.5,secret\n")
    read = operation(rows)
    assert read.started_at == datetime(2026, 6, 15, 8, 30, tzinfo=UTC)
    assert read.ended_at == read.started_at + timedelta(milliseconds=250)
    assert (read.operation, read.outcome, read.error_type) == ("model.request", "success", None)
    assert read.facts == {
        "provider": "local",
        "model": "flux",
        "user": "ann",
        "input_tokens": 12,
        "cold_start": True,
        "quality_score": 0.5,
    }


@pytest.mark.parametrize(
    ("word", "outcome", "error_type"),
    [("boom", "error", "out_of_memory"), ("bad", "failure", None), ("stop", "cancelled", None)],
)
def test_words_mean_what_the_mapping_says(tmp_path: Path, word: str, outcome: str, error_type: str | None) -> None:
    """An outcome, or an outcome with its type."""
    rows, _ = mapped(tmp_path, f"{HEADER}\n15.06.2026 10:30,250,{word},flux,,,,,\n")
    read = operation(rows)
    assert (read.outcome, read.error_type) == (outcome, error_type)


def test_unfinished_has_no_end(tmp_path: Path) -> None:
    """What still ran has no duration to be read."""
    rows, _ = mapped(tmp_path, f"{HEADER}\n15.06.2026 10:30,,run,flux,,,,,\n")
    assert operation(rows).ended_at is None


def test_word_that_nobody_declared_is_refused_and_counted(tmp_path: Path) -> None:
    """It is named with what is allowed, and how often it stood there is known at the end."""
    log = f"{HEADER}\n" + 3 * "15.06.2026 10:30,250,WAITING,flux,,,,,\n"
    rows, read = mapped(tmp_path, log)
    assert all(isinstance(row, BadRow) and "allowed: ok, boom, bad, stop, run" in row.reason for row in rows)
    assert read.unknown_words == {"'WAITING'": 3}


def test_word_that_nobody_declared_is_unfinished_where_the_mapping_says_so(tmp_path: Path) -> None:
    """It is recorded, and counted all the same."""
    mapping = MAPPING.replace("[columns]", 'unknown = "unfinished"\n[columns]')
    rows, read = mapped(tmp_path, f"{HEADER}\n15.06.2026 10:30,250,WAITING,flux,,,,,\n", mapping)
    assert operation(rows).ended_at is None
    assert read.unknown_words == {"'WAITING'": 1}


def test_objects_of_json_are_rows(tmp_path: Path) -> None:
    """Keys are columns, keys within keys are paths; what an object leaves out is not known; each line stands alone."""
    mapping = MAPPING.replace('"tokens"', '"usage.tokens"')
    log = (
        '{"when": "15.06.2026 10:30", "took": 250.5, "state": "ok", "engine": "flux", "usage": {"tokens": 7}}\n'
        "\n"
        "no json\n"
        '{"when": "15.06.2026 10:31", "took": 1, "state": "ok", "cold": false, "who": null}\n'
    )
    (first, bad, second), _ = mapped(tmp_path, log, mapping)
    assert isinstance(first, PastOperation)
    assert (first.facts["model"], first.facts["input_tokens"]) == ("flux", 7)
    assert first.ended_at == first.started_at + timedelta(milliseconds=250.5)
    assert isinstance(bad, BadRow)
    assert bad.reason.startswith("my.log:3: not an object of JSON")
    assert isinstance(second, PastOperation)
    assert second.facts == {"provider": "local", "cold_start": False}


def test_first_object_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    """A line that is cut off, nested without end, or holds half a character is a bad row, wherever it stands."""
    good = '{"when": "15.06.2026 10:30", "took": 1, "state": "ok", "engine": "flux"}'
    half = good.replace("flux", "\\ud800")
    deep = '{"x": ' * 900 + "1" + "}" * 900
    (cut, first, bad, odd, last), _ = mapped(tmp_path, "\n".join((good[:20], good, half, deep, good)))
    assert isinstance(cut, BadRow)
    assert cut.reason.startswith("my.log:1: not an object of JSON")
    assert isinstance(bad, BadRow)
    assert "column 'engine'" in bad.reason
    assert isinstance(odd, BadRow)
    assert isinstance(first, PastOperation)
    assert isinstance(last, PastOperation)
    assert first.operation_id != last.operation_id


def test_column_that_is_not_read_may_hold_anything(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 matter only where they are read."""
    path = tmp_path / "mylog.toml"
    path.write_text(MAPPING)
    log = f"{HEADER}\n15.06.2026 10:30,250,ok,flux,ann,12,yes,0.5,caf".encode() + b"\xe9\n"
    rows = list(LogRows(Path("my.log"), io.BytesIO(log), log_format=read_mapping(path), now=NOW))
    assert operation(rows).facts["model"] == "flux"


def test_end_may_be_told_instead_of_the_duration(tmp_path: Path) -> None:
    """Seconds since 1970 at both ends; an end before its start is refused."""
    mapping = '[time]\ncolumn = "from"\nformat = "seconds"\n[end]\ncolumn = "to"\n[columns]\nmodel = "m"\n'
    rows, _ = mapped(tmp_path, "from,to,m\n1781000000,1781000002.5,flux\n1781000000,1780000000,flux\n", mapping)
    good, bad = rows
    assert isinstance(good, PastOperation)
    assert good.ended_at == good.started_at + timedelta(seconds=2.5)
    assert isinstance(bad, BadRow)
    assert "allowed: 0 to 366 days after the start" in bad.reason


def test_row_is_the_same_when_its_mapping_was_mended(tmp_path: Path) -> None:
    """The second import of a file counts nothing twice, though one more column is read."""
    log = f"{HEADER}\n15.06.2026 10:30,250,ok,flux,ann,12,yes,0.5,secret\n"
    before, _ = mapped(tmp_path, log)
    after, _ = mapped(tmp_path, log, MAPPING.replace('who"', 'who"\nproject = "note"'))
    assert operation(after).facts["project"] == "secret"
    assert operation(before).operation_id == operation(after).operation_id


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ('unit = "milliseconds"', 'unit = "ms"', "duration.unit: Input should be 'microseconds'"),
        ('zone = "Europe/Berlin"', 'zone = "Berlin"', "time.zone: 'Berlin' is no zone"),
        ('ok = "success"', 'ok = "fine"', "outcome.words.ok: 'fine' is not one of cancelled, error"),
        ('ok = "success"', 'ok = "success:x"', "only error and failure have a type"),
        ('[duration]\ncolumn = "took"\nunit = "milliseconds"', "", "give the table [duration] or the table [end]"),
        ("[constants]", "[constant]", "constant: Extra inputs are not permitted"),
        ("[time]", "[time", "is no TOML"),
    ],
)
def test_slip_in_a_mapping_names_its_key(tmp_path: Path, wrong: str, right: str, message: str) -> None:
    """The file, the key, and what is allowed."""
    path = tmp_path / "mylog.toml"
    path.write_text(MAPPING.replace(wrong, right))
    with pytest.raises(InputError) as caught:
        read_mapping(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_fact_that_is_none_offers_the_nearest(tmp_path: Path) -> None:
    """A misspelt fact is answered with the one that was meant."""
    path = tmp_path / "mylog.toml"
    path.write_text(MAPPING.replace("input_tokens =", "input_token ="))
    with pytest.raises(UnknownNameError, match="did you mean 'input_tokens'"):
        read_mapping(path)


def test_feedback_on_patterns_is_runs_of_them(tmp_path: Path) -> None:
    """The table of feedback that agents keep: success or failure, quality, duration in milliseconds; no message."""
    log = (
        "id,pattern_id,created_at,success,quality_score,execution_time_ms,context,correlation_id,error_message\n"
        "1,outline,2026-06-15T10:30:00+00:00,true,0.9,120,{},c1,\n"
        "2,outline,2026-06-15 10:31:00,f,,80,{},c2,it said something private\n"
    )
    rows = list(LogRows(tmp_path / "feedback.csv", io.BytesIO(log.encode()), log_format=None, now=NOW))
    good, failed = (operation([row]) for row in rows)
    assert (good.operation, good.outcome) == ("pattern.run", "success")
    assert good.facts == {"pattern_id": "outline", "quality_score": 0.9, "correlation_id": "c1"}
    assert (failed.outcome, failed.error_type) == ("failure", "failed")
    assert "private" not in str(failed)


def test_mapping_of_the_page_reads_a_log(tmp_path: Path) -> None:
    """What docs/logs.md shows is a mapping, and means what it says."""
    page = (Path(__file__).parents[2] / "docs" / "logs.md").read_text()
    shown = page.partition("```toml\n")[2].partition("```")[0]
    log = "when,took,state,engine,account,tokens_in\n15.06.2026 10:30:00,250,oom,flux,ann,12\n"
    rows, _ = mapped(tmp_path, log, shown)
    read = operation(rows)
    assert (read.outcome, read.error_type) == ("error", "out_of_memory")
    assert read.facts == {"provider": "local", "model": "flux", "user": "ann", "input_tokens": 12}
