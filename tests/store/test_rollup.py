"""The roller: windows of bounded size, numbers for users, the same result beside itself."""

from __future__ import annotations

import datetime as dt
import re
import threading
from typing import TYPE_CHECKING

from modeltally.store import sql
from modeltally.store.rollup import Bucket, Roller, _batches, numbering_stopped
from queries.given import Given, Operation, give
from support.stores import ask

if TYPE_CHECKING:
    from modeltally.store import EmbeddedStore

HOUR = dt.timedelta(hours=1)
LATER = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
ROLLS = (
    "SELECT kind, toString(section) AS section, toString(grain) AS grain, bucket, consumed,"
    " arraySort(arrayZip(operation, subject, arrayMap(s -> toString(s), sums), arrayMap(l -> toString(l), lows),"
    " arrayMap(h -> toString(h), highs), arrayMap(u -> toString(u), unfinished_starts),"
    " arrayMap(m -> toString(m), duration_histogram), arrayMap(b -> toString(bitmapToArray(b)), users))) AS figures"
    " FROM usage_rolls FINAL WHERE grain != 'slice' ORDER BY kind, section, grain, bucket"
)
NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
NUMBERED: dict[str, object] = {
    "raw_hours": [NOON + number * HOUR for number in range(12)],
    "raw_slices": [],
    "since": NOON,
    "until": NOON + 12 * HOUR,
}
DAY = {"since": dt.datetime(2026, 3, 2, tzinfo=dt.UTC), "until": dt.datetime(2026, 3, 3, tzinfo=dt.UTC)}


def _buckets(*counts: int) -> list[Bucket]:
    """Hours from noon on with these rows."""
    return [Bucket(NOON + number * HOUR, count) for number, count in enumerate(counts)]


def test_batches_hold_no_more_rows_than_allowed() -> None:
    """Dirty hours are taken together up to the limit."""
    hours = _buckets(4, 4, 4, 4, 4)
    assert list(_batches(hours, max_rows=8)) == [hours[:2], hours[2:4], hours[4:]]


def test_batch_holds_one_bucket_that_is_too_large() -> None:
    """An hour with more rows than allowed is rolled alone: it cannot be cut."""
    hours = _buckets(1, 100, 1)
    assert list(_batches(hours, max_rows=8)) == [[hour] for hour in hours]


def test_batches_of_nothing_are_none() -> None:
    """Nothing dirty, nothing to do."""
    assert list(_batches([], max_rows=8)) == []


def test_roll_in_small_batches_gives_the_same_rows(store: EmbeddedStore) -> None:
    """The size of a batch changes the work, not the result."""
    give(store, Given(operations=[Operation(at=NOON, times=16, every_seconds=1800, user=5)]))
    Roller(store.database).run(as_of=LATER)
    at_once = ask(store, ROLLS)
    store.database.command(sql.Statement("forget", "TRUNCATE TABLE usage_rolls"))
    Roller(store.database, max_rows=3).run(as_of=LATER)
    assert ask(store, ROLLS) == at_once
    kinds = len(store.read("usage_kinds", {}))
    assert len(at_once) == 2 * kinds * (8 + 1 + 1)


def test_hour_made_of_slices_is_the_hour_made_of_events(store: EmbeddedStore) -> None:
    """Whether an hour was rolled while it filled or afterwards, its figures are the same, and so are day and week."""
    operations = [
        Operation(at=NOON, times=9, every_seconds=700, user=5),
        Operation(at=NOON, times=9, every_seconds=701, user=6, model="other", ms=7, outcome="error", error_type="x"),
        Operation(at=NOON, id=9000, unfinished=True),
        Operation(at=NOON, operation="model.load", id=9001),
    ]
    give(store, Given(operations=operations))
    Roller(store.database).run(as_of=LATER)
    from_events = ask(store, ROLLS)
    store.database.command(sql.Statement("forget", "TRUNCATE TABLE usage_rolls"))
    for minutes in (20, 70, 130):
        Roller(store.database).run(as_of=NOON + dt.timedelta(minutes=minutes))
    Roller(store.database).run(as_of=LATER)
    assert ask(store, ROLLS) == from_events


def test_filling_hour_costs_its_new_rows_alone(store: EmbeddedStore) -> None:
    """Of an hour that fills only the slices with new rows are rolled again."""
    roller = Roller(store.database)
    give(store, Given(operations=[Operation(at=NOON, times=12, every_seconds=300)]))
    first = {row["grain"]: row["rows"] for row in roller.run(as_of=NOON + HOUR / 2)}
    give(store, Given(operations=[Operation(at=NOON + HOUR / 2)]), first_id=100)
    second = {row["grain"]: row["rows"] for row in roller.run(as_of=NOON + HOUR / 2)}
    assert first == {"slice": 12, "hour": 0, "day": 0, "week": 0}
    assert second == {"slice": 2, "hour": 0, "day": 0, "week": 0}


def test_late_row_of_an_hour_with_slices_rolls_one_slice(store: EmbeddedStore) -> None:
    """What ends long after its hour is added by its slice; the hour is put together again."""
    roller = Roller(store.database)
    give(store, Given(operations=[Operation(at=NOON, times=12, every_seconds=300)]))
    roller.run(as_of=NOON + HOUR)
    give(store, Given(operations=[Operation(at=NOON + HOUR / 2)]), first_id=100)
    report = {row["grain"]: (row["buckets"], row["rows"]) for row in roller.run(as_of=NOON + 2 * HOUR)}
    assert report == {"slice": (1, 2), "hour": (1, 13), "day": (0, 0), "week": (0, 0)}


def test_slices_go_when_their_hour_is_settled_and_nobody_reads_them(store: EmbeddedStore) -> None:
    """Slices are dropped hours later, and not by the run that rolled their hour: a reader may go by them just now."""
    roller = Roller(store.database)
    slices = "SELECT count() AS slices FROM usage_rolls WHERE grain = 'slice'"
    give(store, Given(operations=[Operation(at=NOON, times=3)]))
    roller.run(as_of=NOON + HOUR / 2)
    (made,) = ask(store, slices)
    assert made["slices"] > 0
    give(store, Given(operations=[Operation(at=NOON)]), first_id=100)
    roller.run(as_of=NOON + 4 * HOUR)
    assert ask(store, slices) == [made]
    roller.run(as_of=NOON + 4 * HOUR + dt.timedelta(minutes=11))
    assert ask(store, slices) == [{"slices": 0}]
    assert roller.dirty().hours == []


def test_slices_of_a_dirty_hour_stay(store: EmbeddedStore) -> None:
    """As long as the hour's roll does not hold all its rows, its slices serve it."""
    roller = Roller(store.database)
    give(store, Given(operations=[Operation(at=NOON, times=3)]))
    roller.run(as_of=NOON + HOUR / 2)
    roller.roll_parts("hour", roller.dirty().hours, as_of=NOON + HOUR)
    give(store, Given(operations=[Operation(at=NOON)]), first_id=100)
    roller.drop_slices(as_of=NOON + 9 * HOUR)
    (left,) = ask(store, "SELECT count() AS slices FROM usage_rolls WHERE grain = 'slice'")
    assert left["slices"] > 0


def test_day_and_week_wait_until_they_are_over(store: EmbeddedStore) -> None:
    """What still fills is not put together again with every run."""
    give(store, Given(operations=[Operation(at=NOON)]))
    roller = Roller(store.database)
    rolled = {}
    for days in (0, 1, 7):
        report = roller.run(as_of=NOON + 3 * HOUR + dt.timedelta(days=days))
        rolled[days] = [row["grain"] for row in report if row["buckets"]]
    assert rolled == {0: ["hour"], 1: ["day"], 7: ["week"]}


def test_users_are_numbered_once_by_two_runners(store: EmbeddedStore) -> None:
    """Two rollers in one process give every hash one number and every number one hash."""
    operations = [Operation(at=NOON + number * dt.timedelta(seconds=1), user=number + 1) for number in range(200)]
    give(store, Given(operations=operations))
    number = Roller(store.database, max_rows=50).number_users
    threads = [threading.Thread(target=number, args=(NUMBERED,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (counts,) = ask(
        store,
        "SELECT count() AS users, uniqExact(user_hash) AS hashes, uniqExact(number) AS numbers, max(number) AS highest"
        " FROM users",
    )
    assert counts == {"users": 200, "hashes": 200, "numbers": 200, "highest": 200}


def test_numbering_waits_while_it_is_stopped(store: EmbeddedStore) -> None:
    """An erasure can keep users from being numbered until it is done."""
    give(store, Given(operations=[Operation(at=NOON, user=1)]))
    thread = threading.Thread(target=Roller(store.database).number_users, args=(NUMBERED,))
    with numbering_stopped():
        thread.start()
        thread.join(timeout=0.2)
        assert thread.is_alive()
        assert ask(store, "SELECT count() AS users FROM users") == [{"users": 0}]
    thread.join()
    assert ask(store, "SELECT count() AS users FROM users") == [{"users": 1}]


def test_hour_with_a_user_without_number_stays_dirty(store: EmbeddedStore) -> None:
    """A bitmap cannot hold who has no number, so the hour waits for the numbering and answers from its events."""
    give(store, Given(operations=[Operation(at=NOON, user=1), Operation(at=NOON + HOUR)]))
    asked = {"grain": "hour", "raw_hours": [NOON, NOON + HOUR], "raw_slices": [], "as_of": LATER, **DAY}
    store.database.command(sql.statement("roll/roll_events"), asked)
    assert Roller(store.database).dirty().hours == [(NOON, 1)]
    (kept,) = ask(store, "SELECT count() AS rolls FROM usage_rolls WHERE bucket = '2026-03-02 12:00:00'")
    assert kept == {"rolls": 0}
    Roller(store.database).run(as_of=LATER)
    assert Roller(store.database).dirty() == ([], [], [])


def test_day_waits_for_its_hours(store: EmbeddedStore) -> None:
    """A day is made of rolled hours only, so it is not dirty before they are rolled."""
    give(store, Given(operations=[Operation(at=NOON)]))
    roller = Roller(store.database)
    assert roller.dirty().days == []
    roller.roll_events("hour", roller.dirty().hours, as_of=LATER)
    assert roller.dirty().days == [(DAY["since"], 1)]


def test_one_day_reads_two_granules_of_rolls(store: EmbeddedStore) -> None:
    """The key finds a rolled day: a month of hours, of other kinds and sections is not read."""
    give(store, Given(operations=[Operation(at=NOON, times=400, every_seconds=3600)]))
    Roller(store.database).run(as_of=LATER)
    store.database.command(sql.Statement("merge", "OPTIMIZE TABLE usage_rolls FINAL"))
    summary = sql.over_given_buckets("usage_summary", is_rolled=True)
    asked = {
        "kind": "model",
        "operation": "model.request",
        "by": "subject",
        "per": "",
        "zone": "UTC",
        "as_of": LATER,
        "abandoned_after_seconds": 60.0,
        "weeks": [],
        "days": [DAY["since"]],
        "hours": [],
        "slices": [],
    }
    plan = store.database.query(sql.Statement("plan", f"EXPLAIN indexes = 1 {summary.body}"), asked)
    (read, *_) = [line for row in plan for line in row.values() if "Granules: " in str(line) and "|" in str(line)]
    assert int(re.findall(r"Granules: (\d+)", str(read))[0]) <= 2
