"""Invariants of the store: each holds after a full life of the data, and each notices when it does not."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.store import EmbeddedStore, sql
from queries.given import EPOCH, Alias, Given, Operation, give

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.stores import Template

CHECKS = {
    path.stem: sql.Statement(path.stem, path.read_text()) for path in sorted((sql.root() / "checks").glob("*.sql"))
}
MARCH = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
MAY = dt.datetime(2026, 5, 30, 10, tzinfo=dt.UTC)
AS_OF = dt.datetime(2026, 7, 15, tzinfo=dt.UTC)
LIFE = Given(
    operations=[
        Operation(at=MARCH, user=1, times=30, every_seconds=7200),
        Operation(at=MARCH, user=2, model="other", outcome="error", error_type="timeout", times=3),
        Operation(at=MAY, user=1, times=30, every_seconds=7200),
        Operation(at=MAY, user=3, unfinished=True, id=7),
        Operation(at=MAY, user=3, id=7),
        Operation(at=MAY, operation="pattern.run", pattern="portrait", user=4),
    ],
    aliases=[Alias(alias="other", name="flux")],
)
EVENT = "start, trace_id, span_id, received_at, operation, outcome, is_unfinished, user_hash"
# What breaks each invariant: a statement that puts into the tables what no code of ours would.
BREAKS = {
    "roll_arrays_aligned": (
        "INSERT INTO usage_rolls (kind, section, grain, bucket, consumed, operation, subject) "
        "VALUES ('model', 'other', 'hour', '2026-05-01 00:00:00', 1, ['model.load'], ['flux'])"
    ),
    "aliases_direct": "INSERT INTO aliases (kind, alias, name) VALUES ('model', 'third', 'other')",
    "days_within_hours": (
        "INSERT INTO usage_rolls (kind, section, grain, bucket, consumed)"
        " VALUES ('model', 'request', 'day', '2026-05-30 00:00:00', 9999)"
    ),
    "erased_users_gone": "INSERT INTO users (user_hash, number) VALUES (2, 77)",
    "frozen_months_closed": (
        f"INSERT INTO usage_events ({EVENT}) "  # noqa: S608 - a test's own text
        "VALUES ('2026-03-03 10:00:00', 'a', 'b', '2026-08-01 00:00:00', 'model.request', 'success', false, 0)"
    ),
    "frozen_months_rolled": "INSERT INTO frozen_months (month, frozen_at) VALUES ('2025-01-01', '2025-06-01 00:00:00')",
    "outcomes_known": (
        f"INSERT INTO usage_events ({EVENT}) "  # noqa: S608 - a test's own text
        "VALUES ('2026-05-03 10:00:00', 'a', 'b', '2026-05-03 10:00:00', 'model.request', 'maybe', false, 0)"
    ),
    "prices_sensible": "INSERT INTO prices (model, unit, valid_from, valid_until) VALUES ('', 'hour', 0, 1)",
    "roll_keys_unique": (
        "INSERT INTO usage_rolls (kind, section, grain, bucket, consumed, operation, subject) VALUES "
        "('model', 'other', 'hour', '2026-05-01 01:00:00', 1, ['model.load', 'model.load'], ['flux', 'flux'])"
    ),
    "rolls_within_events": (
        "INSERT INTO usage_rolls (kind, section, grain, bucket, consumed)"
        " VALUES ('model', 'request', 'hour', '2026-05-30 10:00:00', 9999)"
    ),
    "users_in_rolls_numbered": (
        "INSERT INTO usage_rolls (kind, section, grain, bucket, consumed, users) "
        "SELECT 'model', 'other', 'hour', '2026-05-01 02:00:00', 1, [bitmapBuild([toUInt32(999)])]"
    ),
    "users_numbered_once": "INSERT INTO users (user_hash, number) VALUES (1, 55)",
}


@pytest.fixture(scope="module")
def lived_in(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Fill a store: rolled, a user erased, a month expired, late rows, rolled again; then it is broken bit by bit."""
    store = template.open(tmp_path_factory.mktemp("checks"), clock=lambda: EPOCH)
    give(store, LIFE)
    store.run("roll", {})
    store.run("erase_user", {"user_hash": f"{2:016x}", "as_of": AS_OF})
    store.run("expire", {"as_of": AS_OF})
    late = Operation(at=MARCH, user=2, times=5, received_after_seconds=(AS_OF - MARCH).total_seconds() + 60)
    give(store, Given(operations=[late, Operation(at=MAY, user=2, times=5)]), first_id=1000)
    store.run("roll", {})
    store.run("expire", {"as_of": AS_OF})
    yield store
    store.close()


def test_every_check_can_fail() -> None:
    """A check without a way to break it proves nothing."""
    assert set(BREAKS) == set(CHECKS)


def test_checks_find_nothing_in_a_store_that_lived(lived_in: EmbeddedStore) -> None:
    """After rolls, an erasure, an expiry and late rows every invariant holds."""
    found = {name: lived_in.database.query(check) for name, check in CHECKS.items()}
    assert {name: rows for name, rows in found.items() if rows} == {}


@pytest.mark.parametrize("name", BREAKS)
def test_check_finds_what_is_broken(lived_in: EmbeddedStore, name: str) -> None:
    """An invariant that still holds is broken on purpose, and reported."""
    assert lived_in.database.query(CHECKS[name]) == []
    lived_in.database.command(sql.Statement("break", BREAKS[name]))
    assert lived_in.database.query(CHECKS[name]) != []
