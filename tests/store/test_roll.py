"""The roller: windows of bounded size, numbers for users, the same result beside itself."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING

from modeltally.store import sql
from modeltally.store.roll import Roller, _windows, numbering_stopped
from queries.given import Given, Operation, give
from support.stores import ask

if TYPE_CHECKING:
    from modeltally.store import EmbeddedStore

HOUR = dt.timedelta(hours=1)
NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
DAY = {"since": dt.datetime(2026, 3, 2, tzinfo=dt.UTC), "until": dt.datetime(2026, 3, 3, tzinfo=dt.UTC)}


def _dirty(*counts: int) -> list[tuple[dt.datetime, int]]:
    """Hours from noon backwards with these rows."""
    return [(NOON - number * HOUR, count) for number, count in enumerate(counts)]


def test_windows_hold_no_more_rows_than_allowed() -> None:
    """Dirty hours are taken together, newest first, up to the limit."""
    windows = list(_windows(_dirty(4, 4, 4, 4, 4), length=HOUR, max_rows=8))
    assert windows == [(NOON - HOUR, NOON + HOUR), (NOON - 3 * HOUR, NOON - HOUR), (NOON - 4 * HOUR, NOON - 3 * HOUR)]


def test_window_holds_one_bucket_that_is_too_large() -> None:
    """An hour with more rows than allowed is rolled alone: it cannot be cut."""
    windows = list(_windows(_dirty(1, 100, 1), length=HOUR, max_rows=8))
    assert windows == [(NOON, NOON + HOUR), (NOON - HOUR, NOON), (NOON - 2 * HOUR, NOON - HOUR)]


def test_windows_of_nothing_are_none() -> None:
    """Nothing dirty, nothing to do."""
    assert list(_windows([], length=HOUR, max_rows=8)) == []


def test_roll_in_small_windows_gives_the_same_rows(store: EmbeddedStore) -> None:
    """The size of a window changes the work, not the result."""
    give(store, Given(operations=[Operation(at=NOON, times=16, every_seconds=1800, user=5)]))
    text = (
        "SELECT kind, toString(grain) AS grain, bucket, consumed, operations, duration_sum_us,"
        " arrayMap(bitmap -> bitmapToArray(bitmap), users) AS users FROM usage_rolls FINAL ORDER BY kind, grain, bucket"
    )
    Roller(store.database).run()
    at_once = ask(store, text)
    store.database.command(sql.Statement("forget", "TRUNCATE TABLE usage_rolls"))
    Roller(store.database, max_rows=3).run()
    assert ask(store, text) == at_once
    assert len(at_once) == 4 * (8 + 1)


def test_users_are_numbered_once_by_two_runners(store: EmbeddedStore) -> None:
    """Two rollers in one process give every hash one number and every number one hash."""
    operations = [Operation(at=NOON + number * dt.timedelta(seconds=1), user=number + 1) for number in range(200)]
    give(store, Given(operations=operations))
    threads = [threading.Thread(target=Roller(store.database, max_rows=50).number_users, kwargs=DAY) for _ in range(2)]
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
    thread = threading.Thread(target=Roller(store.database).number_users, kwargs=DAY)
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
    store.database.command(sql.statement("roll/roll_buckets"), {"kind": "model", "grain": "hour", **DAY})
    assert Roller(store.database).dirty("model", "hour") == [(NOON, 1)]
    Roller(store.database).run()
    assert Roller(store.database).dirty("model", "hour") == []


def test_day_waits_for_its_hours(store: EmbeddedStore) -> None:
    """A day is made of rolled hours only, so it is not dirty before they are rolled."""
    give(store, Given(operations=[Operation(at=NOON)]))
    roller = Roller(store.database)
    assert roller.dirty("model", "day") == []
    roller.rewrite("model", "hour", roller.dirty("model", "hour"))
    assert roller.dirty("model", "day") == [(DAY["since"], 1)]
