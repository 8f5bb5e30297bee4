"""Expiry and erasure: stopped anywhere they go on, and what must be gone is gone."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import ParameterError, StoreError
from modeltally.store.client import Database
from queries.given import TABLES, Given, Operation, give
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.store import EmbeddedStore, sql
    from support.stores import Template

MARCH = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
AS_OF = dt.datetime(2026, 7, 15, tzinfo=dt.UTC)
HASH = 0xFEEDFACECAFEBEEF
WINDOW = {
    "since": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    "until": dt.datetime(2026, 4, 1, tzinfo=dt.UTC),
    "as_of": AS_OF,
    "abandoned_after_seconds": 3600,
}


class _Failing(Database):
    """A database that fails before one statement, once."""

    fail_at = ""

    def command(self, statement: sql.Statement, *args: object, **kwargs: object) -> None:
        if statement.name == self.fail_at:
            self.fail_at = ""
            raise StoreError(f"stopped before {statement.name}")
        super().command(statement, *args, **kwargs)  # type: ignore[arg-type] # passed through


@pytest.fixture
def failing(template: Template, tmp_path: Path) -> Iterator[EmbeddedStore]:
    """Open a store that can be made to fail."""
    with template.opened(tmp_path, database=_Failing) as opened:
        yield opened


@pytest.mark.slow(seconds=10, why="an expiry stopped at each of its steps")
@pytest.mark.parametrize(
    "statement",
    ["expire/drop_landing_day", "expire/freeze_month", "roll/number_users", "roll/roll_events", "expire/drop_month"],
)
def test_expire_goes_on_where_it_was_stopped(failing: EmbeddedStore, statement: str) -> None:
    """Stopped before any of its statements, the next run drops the month and its figures stay what they were."""
    give(failing, Given(operations=[Operation(at=MARCH, user=1, times=20, every_seconds=3600)]))
    before = failing.read("usage_by_model", WINDOW)
    assert isinstance(failing.database, _Failing)
    failing.database.fail_at = statement
    with pytest.raises(StoreError, match=f"stopped before {statement}"):
        failing.run("expire", {"as_of": AS_OF})
    assert failing.read("usage_by_model", WINDOW) == before
    # between the mark and the drop more comes: it goes aside and changes nothing
    give(failing, Given(operations=[Operation(at=MARCH)]), first_id=100)
    late = ask(failing, "SELECT count() AS late FROM usage_late")[0]["late"]
    failing.run("expire", {"as_of": AS_OF + dt.timedelta(days=60)})
    assert ask(failing, "SELECT count() AS events FROM usage_events") == [{"events": 0}]
    after = failing.read("usage_by_model", WINDOW)
    assert after[0]["requests"] == 20 + (1 - late)
    if late:
        assert after == before
    assert failing.run("expire", {"as_of": AS_OF + dt.timedelta(days=60)}) == []


def test_expire_keeps_events_whose_month_is_not_fully_rolled(
    failing: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen month that cannot be rolled clean is not dropped: its events are all there is."""
    give(failing, Given(operations=[Operation(at=MARCH)]))
    monkeypatch.setattr("modeltally.store.rollup.Roller.run", lambda _roller, **_: [])
    with pytest.raises(StoreError, match="2026-03-01 is frozen but not fully rolled; its events are kept"):
        failing.run("expire", {"as_of": AS_OF})
    assert ask(failing, "SELECT count() AS events FROM usage_events") == [{"events": 1}]


@pytest.mark.slow(seconds=8, why="an erasure stopped at each of its steps")
@pytest.mark.parametrize(
    "statement",
    ["erase/tombstone", "erase/substitute_in_usage_late", "erase/substitute_in_users", "erase/forget_in_landing"],
)
def test_erase_leaves_no_trace_even_when_stopped_and_repeated(failing: EmbeddedStore, statement: str) -> None:
    """The hash is in no column of any table once the erasure returned, but as the tombstone that keeps it out."""
    give(failing, Given(operations=[Operation(at=MARCH, user=HASH, times=5), Operation(at=MARCH, user=2)]))
    failing.run("expire", {"as_of": AS_OF})
    give(failing, Given(operations=[Operation(at=MARCH, user=HASH), Operation(at=AS_OF, user=HASH)]), first_id=100)
    failing.run("roll", {})
    assert isinstance(failing.database, _Failing)
    failing.database.fail_at = statement
    with pytest.raises(StoreError):
        failing.run("erase_user", {"user_hash": f"{HASH:016x}", "as_of": AS_OF})
    assert failing.run("erase_user", {"user_hash": f"{HASH:016X}", "as_of": AS_OF}) == [{"erased": True}]
    assert _tables_with(failing, HASH) == ["erased_users"]
    assert failing.read("usage_by_model", WINDOW)[0]["users"] == 2


def test_erase_keeps_other_users(store: EmbeddedStore) -> None:
    """Who did not ask to be forgotten is not."""
    give(store, Given(operations=[Operation(at=MARCH, user=HASH), Operation(at=MARCH, user=2)]))
    store.run("erase_user", {"user_hash": f"{HASH:016x}", "as_of": AS_OF})
    assert ask(store, "SELECT countIf(user_hash = 2) AS kept FROM usage_events") == [{"kept": 1}]
    landed = "SELECT countIf(SpanAttributes['user.hash'] = '0000000000000002') AS kept FROM otel_traces"
    assert ask(store, landed) == [{"kept": 1}]


@pytest.mark.parametrize(
    "text", ["", "user@example.com", "0" * 16, "abc", "0x1234567890abcd", "+123456789abcdef", "1_2345678_abcdef"]
)
def test_erase_refuses_what_is_no_hash(store: EmbeddedStore, text: str) -> None:
    """A name or a number in another notation would erase nobody, and say it had."""
    with pytest.raises(ParameterError, match="is not a keyed user hash of 16 hex digits"):
        store.run("erase_user", {"user_hash": text})
    assert ask(store, "SELECT count() AS erased FROM erased_users") == [{"erased": 0}]


def _tables_with(store: EmbeddedStore, user_hash: int) -> list[str]:
    """Tables in which some row, written out, holds the hash as a number or in hex."""
    found = []
    for table in TABLES:
        rows = ask(store, f"SELECT formatRow('TSV', *) AS line FROM {table}")  # noqa: S608 - our own table names
        if any(str(user_hash) in row["line"] or f"{user_hash:016x}" in row["line"].lower() for row in rows):
            found.append(table)
    return found
