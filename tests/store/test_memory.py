"""What the engine holds grows with the rows, not with their square: much happens to one model in one place."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.store.rollup import Roller
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from modeltally.store import EmbeddedStore

LIMIT_BYTES = 500_000_000
DAY = {"since": dt.datetime(2026, 3, 2, tzinfo=dt.UTC), "until": dt.datetime(2026, 3, 3, tzinfo=dt.UTC)}
NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
LATER = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def test_very_many_operations_of_one_slice_are_rolled(store: EmbeddedStore) -> None:
    """Sixty thousand requests to one model in five minutes, a tenth of what comes at 2,000 a second."""
    give(store, Given(operations=[Operation(at=NOON, times=60_000, every_seconds=0)]))
    store.database._client.set_client_setting("max_memory_usage", LIMIT_BYTES)
    for as_of in (NOON + dt.timedelta(minutes=6), LATER):  # a slice, and its hour
        Roller(store.database).run(as_of=as_of)
    (row,) = store.read("usage_by_model", {**DAY, "as_of": LATER, "abandoned_after_seconds": 60.0})
    assert row["requests"] == 60_000
    assert row["p95_ms"] == pytest.approx(1000, rel=0.011)


def test_very_many_loads_of_one_model_are_stays(store: EmbeddedStore) -> None:
    """A service that loads a model for each request does so thousands of times a day."""
    give(store, Given(operations=[Operation(at=DAY["since"], operation="model.load", times=8_000, every_seconds=10)]))
    store.database._client.set_client_setting("max_memory_usage", LIMIT_BYTES)
    asked = {**DAY, "as_of": LATER, "abandoned_after_seconds": 60.0, "silent_after_seconds": 60.0}
    stays = store.read("residency", asked)
    assert len(stays) == 8_000
    assert {stay["resident_seconds"] for stay in stays[:-1]} == {10.0}
    assert [stays[0]["closed_by"], stays[-1]["closed_by"]] == ["load", "process end"]
