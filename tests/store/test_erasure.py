"""Erasure: the hash is in no file afterwards, statistics stay, nothing brings it back, stopped anywhere it goes on."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import ParameterError, StoreError
from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, open_store, sql
from modeltally.store.check import checks
from queries.given import TABLES, Given, Operation, give
from receiver.bodies import request
from store.test_embedded import batch_of
from support.engine_files import files_with
from support.stores import FailingDatabase, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.stores import Template

MARCH = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
AS_OF = dt.datetime(2026, 7, 15, tzinfo=dt.UTC)
LATER = AS_OF + dt.timedelta(hours=1)
HASH = 0xFEEDFACECAFEBEEF
ERASED = {"user_hash": f"{HASH:016X}", "as_of": AS_OF}
WINDOW = {
    "since": dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    "until": AS_OF + dt.timedelta(days=30),
    "as_of": AS_OF,
    "abandoned_after_seconds": 3600,
}
# The tables whose rows an erasure changes; what they replaced must be gone.
CHANGED = ("usage_events", "usage_late", "users", "otel_traces", "erasing")
STEPS = (
    "tombstone",
    "substitute",
    "forget_in_landing",
    "stop_merges",
    "keep_no_replaced_parts",
    "delete_replaced_parts",
    "keep_replaced_parts",
    "start_merges",
    "forget_changes",
    "done",
)
OLD_WAY = (
    "ALTER TABLE usage_events UPDATE user_hash = {substitute:UInt64} WHERE user_hash = {user_hash:UInt64}",
    "ALTER TABLE users UPDATE user_hash = {substitute:UInt64} WHERE user_hash = {user_hash:UInt64}",
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Name the data directory of the store."""
    return tmp_path / "data"


@pytest.fixture
def failing(template: Template, directory: Path) -> Iterator[EmbeddedStore]:
    """Open a store that can be made to fail."""
    with template.opened(directory, database=FailingDatabase, clock=lambda: AS_OF) as opened:
        yield opened


def lived_in(store: EmbeddedStore, *users: int) -> None:
    """Users in events, late rows, the landing table and the table of numbers; one that stays is among them."""
    everybody = (*users, 2)
    give(store, Given(operations=[Operation(at=MARCH, user=user, times=3) for user in everybody]))
    store.run("expire", {"as_of": AS_OF})
    more = [Operation(at=at, user=user) for at in (MARCH, AS_OF - dt.timedelta(days=1)) for user in everybody]
    give(store, Given(operations=more), first_id=1000)
    store.run("roll", {"as_of": AS_OF})


def statistics(store: EmbeddedStore) -> list[dict[str, object]]:
    """What can be told of users, whoever they are."""
    by_user = store.read("usage_by_user", WINDOW | {"kind": "model", "subject": "", "operation": ""})
    counts = sorted([{name: row[name] for name in row if name != "user"} for row in by_user], key=str)
    return [*store.read("usage_by_model", WINDOW), *store.read("usage_overview", WINDOW), *counts]


def assert_gone(store: EmbeddedStore, directory: Path, user_hash: int) -> None:
    """No file holds the hash, no row, and nothing that was replaced waits to be deleted; the store is as any other."""
    assert files_with(directory, user_hash) == {}
    for table in (*TABLES, "erasing"):
        rows = ask(store, f"SELECT formatRow('TSV', *) AS line FROM {table}")  # noqa: S608 - our own table names
        assert not [row for row in rows if str(user_hash) in row["line"] or f"{user_hash:016x}" in row["line"].lower()]
    replaced = "SELECT count() AS parts FROM system.parts WHERE NOT active AND rows > 0 AND table IN {t:Array(String)}"
    assert ask(store, replaced, {"t": list(CHANGED)}) == [{"parts": 0}]
    assert ask(store, "SELECT count() AS hashes FROM erasing") == [{"hashes": 0}]
    lasting = "SELECT count() AS tables FROM system.tables WHERE create_table_query LIKE '%old_parts_lifetime%'"
    assert ask(store, lasting + " AND name != 'erasing'") == [{"tables": 0}]
    assert [check.name for check in checks() if store.database.query(check)] == []


@pytest.mark.slow(seconds=6, why="every file of a store read")
def test_hash_is_in_no_file_and_no_replay_brings_it_back(
    failing: EmbeddedStore, directory: Path, tmp_path: Path
) -> None:
    """When the erasure returns the hash is in no file; figures are as before, and stay so when the spans come again."""
    lived_in(failing, HASH)
    body = request(1, seed=1)
    for attribute in body.resource_spans[0].scope_spans[0].spans[0].attributes:
        if attribute.key == "user.hash":
            attribute.value.string_value = f"{HASH:016x}"
    failing.insert_spans(batch_of(tmp_path / "batch", body), batch_id="first")
    before = statistics(failing)
    paths = "SELECT name, data_paths[1] AS path FROM system.tables WHERE engine LIKE '%MergeTree'"
    tables = {row["path"]: row["name"] for row in ask(failing, paths)}
    held = {tables[f"{directory}/{'/'.join(file.split('/')[:4])}/"] for file in files_with(directory, HASH)}
    assert held == {"usage_events", "usage_late", "users", "otel_traces"}, "else the search finds too little"

    assert failing.run("erase_user", ERASED) == [{"erased": True}]
    assert_gone(failing, directory, HASH)
    assert statistics(failing) == before

    failing.insert_spans(batch_of(tmp_path / "batch", body), batch_id="again")
    assert files_with(directory, HASH) == {}
    # the collector writes spans as they are
    give(failing, Given(operations=[Operation(at=AS_OF, user=HASH, received_at=AS_OF)]), first_id=5000)
    assert ask(failing, f"SELECT count() AS rows FROM usage_events WHERE user_hash = {HASH}") == [{"rows": 0}]  # noqa: S608 - a number
    failing.run("expire", {"as_of": LATER})
    failing.run("roll", {"as_of": LATER})
    assert_gone(failing, directory, HASH)
    assert statistics(failing)[0]["users"] == before[0]["users"]


def test_the_way_it_was_done_before_leaves_the_hash(store: EmbeddedStore, tmp_path: Path) -> None:
    """The control: statements that name the hash leave it in the engine's notes, and in the parts they replaced."""
    lived_in(store, HASH)
    for statement in OLD_WAY:
        store.database.command(sql.Statement("old way", statement), {"user_hash": HASH, "substitute": 77})
    assert ask(store, f"SELECT count() AS rows FROM usage_events WHERE user_hash = {HASH}") == [{"rows": 0}]  # noqa: S608 - a number
    left = files_with(tmp_path, HASH)
    assert "decimal" in {left[file] for file in left if "mutation_" in file}
    assert "number" in {left[file] for file in left if file.endswith("data.bin")}
    # and another erasure takes that away too
    store.run("erase_user", {"user_hash": f"{5:016x}", "as_of": AS_OF})
    assert not [file for file in files_with(tmp_path, HASH) if "mutation_" in file]


def _stop_and_finish(store: EmbeddedStore, step: str, user_hash: int, *, by: str) -> None:
    assert isinstance(store.database, FailingDatabase)
    asked = {"user_hash": f"{user_hash:016x}", "as_of": AS_OF}
    store.database.fail_at = f"erase/{step}"
    with pytest.raises(StoreError, match=f"stopped before erase/{step}"):
        store.run("erase_user", asked)
    store.run(by, asked if by == "erase_user" else {"as_of": AS_OF})


@pytest.mark.slow(seconds=40, why="an erasure stopped before each of its statements")
def test_erasure_stopped_anywhere_is_finished(failing: EmbeddedStore, directory: Path) -> None:
    """Stopped before any statement, running it again, the next roll or expiry ends it; nobody counts twice."""
    users = [HASH + number for number in range(len(STEPS))]
    lived_in(failing, *users)
    before = statistics(failing)
    for number, (step, user_hash) in enumerate(zip(STEPS, users, strict=True)):
        _stop_and_finish(failing, step, user_hash, by=("erase_user", "roll", "expire")[number % 3])
        assert_gone(failing, directory, user_hash)
    assert statistics(failing) == before


@pytest.mark.slow(seconds=6, why="an erasure in a process that is killed")
def test_erasure_stopped_with_its_process_is_finished_when_the_store_is_opened(
    template: Template, directory: Path
) -> None:
    """Half of the rows have the substitute when the process ends: the rest gets the same, so nobody counts twice."""
    with template.opened(directory, database=FailingDatabase, clock=lambda: AS_OF) as store:
        lived_in(store, HASH)
        before = statistics(store)
        assert isinstance(store.database, FailingDatabase)
        store.database.fail_at = "erase/forget_in_landing"
        with pytest.raises(StoreError):
            store.run("erase_user", ERASED)
    assert files_with(directory, HASH)
    store = open_store(directory, settings=Settings(dir=directory), jobs=runners())
    try:
        store.migrate()
        assert_gone(store, directory, HASH)
        assert statistics(store) == before
        assert store.lost_parts() == []
    finally:
        store.close()
    assert files_with(directory, HASH) == {}


def test_erasure_keeps_other_users(store: EmbeddedStore) -> None:
    """Who did not ask to be forgotten is not."""
    give(store, Given(operations=[Operation(at=MARCH, user=HASH), Operation(at=MARCH, user=2)]))
    store.run("erase_user", {"user_hash": f"{HASH:016x}", "as_of": AS_OF})
    assert ask(store, "SELECT countIf(user_hash = 2) AS kept FROM usage_events") == [{"kept": 1}]
    landed = "SELECT countIf(SpanAttributes['user.hash'] = '0000000000000002') AS kept FROM otel_traces"
    assert ask(store, landed) == [{"kept": 1}]


def test_change_taken_up_again_where_nobody_is_erased_changes_nothing(store: EmbeddedStore) -> None:
    """What the engine resumes after a crash, when the erasure is long done, blocks nothing and touches no row."""
    give(store, Given(operations=[Operation(at=MARCH, user=2)]))
    for table in ("usage_events", "usage_late", "users"):
        store.database.command(sql.statement("erase/substitute").with_names({"table": table}))
    store.database.command(sql.statement("erase/forget_in_landing"))
    assert ask(store, "SELECT user_hash FROM usage_events") == [{"user_hash": 2}]
    assert ask(store, "SELECT count() AS waiting FROM system.mutations WHERE NOT is_done") == [{"waiting": 0}]


def test_erasure_refuses_what_is_no_hash(store: EmbeddedStore) -> None:
    """A name or a number in another notation would erase nobody, and say it had."""
    texts = ("", "user@example.com", "0" * 16, "abc", "0x1234567890abcd", "+123456789abcdef", "1_2345678_abcdef")
    for text in texts:
        with pytest.raises(ParameterError, match="is not a keyed user hash of 16 hex digits"):
            store.run("erase_user", {"user_hash": text})
    held = "SELECT (SELECT count() FROM tombstones) + (SELECT count() FROM erasing) AS erased"
    assert ask(store, held) == [{"erased": 0}]
