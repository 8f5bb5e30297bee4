"""What a replay reads: logs in CSV of any kind, days of use, and the events of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modeltally.errors import InputError
from modeltally.recommend.backtest.fleets import is_fleet, of_requests, read_fleet
from modeltally.recommend.backtest.history import read_csv, read_store
from modeltally.recommend.policies.contract import DAY_SECONDS, Request
from queries.given import EPOCH, Given, Operation, give
from recommend.conftest import AS_OF, START

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.store import EmbeddedStore
    from support.stores import Template

GOOD = "2026-03-02 10:00:00,sketch,ann,SUCCEED"
HEADER = "time,model,user,status"


def written(folder: Path, *lines: str) -> Path:
    """Write a file of lines."""
    path = folder / "log.csv"
    path.write_text("\n".join([*lines, ""]))
    return path


def test_requests_come_in_order(tmp_path: Path) -> None:
    """Rows in any order are put in the order of time, ties in that of models; unfinished ones are left out and said."""
    path = written(
        tmp_path,
        HEADER,
        "2026-03-02 10:00:01,sketch,ann,SUCCEED",
        "2026-03-02T10:00:00Z,photo,bob,FAILED",
        "2026-03-02 10:00:02,sketch,ann,PENDING",
        "2026-03-02 10:00:02,sketch,ann,processing",
        "",
        "1772445600.5,chat,,SUCCEED",
        "2026-03-02 11:00:00+01:00,anime,ann,SUCCEED",
    )
    history = read_csv(path)
    at = 1_772_445_600.0
    assert history.requests == [
        Request(at, "anime", "ann"),
        Request(at, "photo", "bob"),
        Request(at + 0.5, "chat", ""),
        Request(at + 1, "sketch", "ann"),
    ]
    assert history.has_users
    assert history.notes == [
        "1 rows with the status PENDING are left out: they have not ended",
        "1 rows with the status processing are left out: they have not ended",
    ]


def test_only_time_and_model_are_needed(tmp_path: Path) -> None:
    """A log without users or a status is read, with whatever else stands in it; a hole is told of."""
    path = written(tmp_path, "x,model_id,started_at", "1,a,2026-03-02", "2,b,2026-03-05")
    history = read_csv(path)
    assert [request.model for request in history.requests] == ["a", "b"]
    assert not history.has_users
    [note] = history.notes
    assert "holes in the history: 1 of 24 h and more without a request, the longest 72 h from 2026-03-02 00:00" in note


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((HEADER, GOOD, "yesterday,a,,"), "log.csv:3: column 'time' has the value 'yesterday'; allowed: a time as"),
        ((HEADER, GOOD, "1999-12-31 23:59:59,a,,"), "log.csv:3: column 'time'"),
        ((HEADER, GOOD, "nan,a,,"), "log.csv:3: column 'time'"),
        ((HEADER, GOOD, "9e99,a,,"), "log.csv:3: column 'time'"),
        ((HEADER, GOOD, GOOD, "2026-03-02, ,,"), "log.csv:4: column 'model' has the value ' '; allowed: the name"),
        ((HEADER, GOOD, "2026-03-02,a"), "log.csv:3: column 'user' is missing: 2 values, 4 columns"),
        ((HEADER, GOOD, GOOD + ",more"), "log.csv:3: 'more' is beyond the last column 'status'"),
        ((HEADER, GOOD, '"2026-03-02,a,,'), "log.csv:3: not a row of CSV"),
        (("when,what", "1,2"), "log.csv:1: no column is a time; allowed: gmt_create, start"),
        (("time,what", "1,2"), "log.csv:1: no column is a model"),
        (("time,model,time", "1,2,3"), "log.csv:1: two columns are named 'time'"),
        ((), "is empty"),
        ((HEADER,), "has no request that ended"),
    ],
)
def test_bad_row_is_told_by_line_and_column(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    """What cannot be read is named by its line and column, with the value and what is allowed."""
    with pytest.raises(InputError) as told:
        read_csv(written(tmp_path, *lines))
    assert message in str(told.value)


def test_bad_rows_are_left_out_where_asked(tmp_path: Path) -> None:
    """With leave, bad rows are skipped, counted, and the first of them is told."""
    history = read_csv(written(tmp_path, HEADER, "x,a,,", GOOD, "2026-03-02,a", GOOD), skips_bad=True)
    assert len(history.requests) == 2
    assert history.notes[0].startswith("2 bad rows are left out; the first: ")
    assert "log.csv:2: column 'time' has the value 'x'" in history.notes[0]


@pytest.mark.parametrize("problem", ["missing", "folder", "bytes"])
def test_file_that_cannot_be_read_is_told(tmp_path: Path, problem: str) -> None:
    """A file that is not there, is a folder or is no text is told as such, by its name."""
    path = tmp_path / "log.csv"
    if problem == "folder":
        path.mkdir()
    elif problem == "bytes":
        path.write_bytes(b"time,model\n1,\xff\n")
    with pytest.raises(InputError, match=r"log\.csv:2: not UTF-8" if problem == "bytes" else r"cannot read .*log\.csv"):
        read_csv(path)


DAYS = "model,arrived_day,size_bytes,day,uses"


def test_days_of_use_are_read(tmp_path: Path) -> None:
    """A fleet has arrivals, sizes and days of use; a model never used has a row without a day."""
    path = written(tmp_path, DAYS, "a,0,100,3,2", "a,0,100,9,1", "b,4,,,0")
    assert is_fleet(path)
    fleet = read_fleet(path)
    assert (fleet.days, fleet.arrived, fleet.sizes) == (10, {"a": 0, "b": 4}, {"a": 100})
    assert fleet.uses == {"a": {3: 2, 9: 1}}
    assert not is_fleet(written(tmp_path, HEADER, GOOD))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,0,100,3,0", "column 'uses' has the value '0'; allowed: whole numbers from 1"),
        ("a,0,100,-3,1", "column 'day' has the value '-3'"),
        ("a,0,100,1e3,1", "column 'day' has the value '1e3'"),
        ("a,9,100,3,1", "column 'day' has the value 3; allowed: 9 or later, when it arrived"),
        ("b,1,100,3,1", "column 'arrived_day' has the value 1; of 'b' there stood 0 before"),
        ("b,0,100,5,1", "column 'day' has the value 5, which stood there of 'b' before"),
        (",0,100,3,1", "column 'model' has the value ''"),
        ("a,0,much,3,1", "column 'size_bytes' has the value 'much'"),
        ("a,0,100,3", "column 'uses' is missing"),
    ],
)
def test_bad_day_is_told_by_line_and_column(tmp_path: Path, row: str, message: str) -> None:
    """A row of days that cannot be, alone or beside the others, is named by line and column."""
    with pytest.raises(InputError) as told:
        read_fleet(written(tmp_path, DAYS, "b,0,1,5,1", row))
    assert "log.csv:3: " in str(told.value)
    assert message in str(told.value)


def test_requests_make_a_fleet() -> None:
    """Days count from that of the first request, and a model is there from its first use on."""
    begin = 20_000 * DAY_SECONDS
    requests = [Request(begin + 3_600, "a"), Request(begin + 7_200, "a"), Request(begin + 2.5 * DAY_SECONDS, "b")]
    fleet, midnight = of_requests(requests)
    assert midnight == begin
    assert (fleet.days, fleet.arrived, fleet.sizes) == (3, {"a": 0, "b": 2}, {})
    assert fleet.uses == {"a": {0: 2}, "b": {2: 1}}


@pytest.fixture
def empty(template: Template, tmp_path: Path) -> Iterator[EmbeddedStore]:
    """Open a store without a row."""
    with template.opened(tmp_path, clock=lambda: EPOCH) as opened:
        yield opened


def test_events_of_a_store_are_replayed(empty: EmbeddedStore) -> None:
    """The store gives its requests in order, with who asked; what has not ended is left out and said."""
    store = empty
    give(
        store,
        Given(
            operations=[
                Operation(at=START, model="b", user=7, received_at=AS_OF),
                Operation(at=START, model="a", received_at=AS_OF),
                Operation(at=START, model="a", unfinished=True, service="other", received_at=AS_OF),
            ]
        ),
    )
    asked = {"since": "2000-01-01", "until": AS_OF, "as_of": AS_OF, "abandoned_after_seconds": 3_600.0}
    history = read_store(store, asked)
    assert history.requests == [
        Request(START.timestamp(), "a", ""),
        Request(START.timestamp(), "b", f"{7:016x}"),
    ]
    assert history.notes == ["1 requests are left out: they have not ended"]
    with pytest.raises(InputError, match="no request that ended"):
        read_store(store, asked | {"until": "2000-01-02"})
