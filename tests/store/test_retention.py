"""Expiry: stopped anywhere it goes on, and what must be gone is gone."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import StoreError
from queries.given import Given, Operation, give
from support.stores import FailingDatabase, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.store import EmbeddedStore
    from support.stores import Template

MARCH = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
AS_OF = dt.datetime(2026, 7, 15, tzinfo=dt.UTC)
WINDOW = {
    "since": dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    "until": dt.datetime(2026, 4, 1, tzinfo=dt.UTC),
    "as_of": AS_OF,
    "abandoned_after_seconds": 3600,
}


@pytest.fixture
def failing(template: Template, tmp_path: Path) -> Iterator[EmbeddedStore]:
    """Open a store that can be made to fail."""
    with template.opened(tmp_path, database=FailingDatabase) as opened:
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
    assert isinstance(failing.database, FailingDatabase)
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
