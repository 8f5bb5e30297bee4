"""A store with a little use in it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.store import sql
from queries.given import EPOCH, Given, Heartbeat, Operation, give
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store import EmbeddedStore
    from support.stores import Template

START = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
AS_OF = dt.datetime(2026, 7, 20, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def opened(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open one store for a module."""
    with template.opened(tmp_path_factory.mktemp("advice"), clock=lambda: EPOCH) as store:
        yield store


def fill(store: EmbeddedStore) -> None:
    """Fill an empty store: a model that idles, one in daily use and slow at last; a process that lived all the time."""
    size = {"modeltally.download.size": str(2**30)}
    brought = [
        Operation(at=START, model=model, operation="model.download", attributes=size) for model in ("idle", "busy")
    ]
    idle = Operation(at=START, model="idle", times=10, every_seconds=86_400)
    busy = Operation(at=START, model="busy", times=200, every_seconds=86_400, ms=400_000)
    alive = Heartbeat(at=START, times=200)
    give(store, Given(operations=[*brought, idle, busy], heartbeats=[alive]))


@pytest.fixture
def store(opened: EmbeddedStore) -> EmbeddedStore:
    """Give a filled store without any advice; a test that adds use empties it afterwards."""
    if ask(opened, "SELECT count() AS n FROM usage_events") == [{"n": 0}]:
        fill(opened)
    opened.database.command(sql.Statement("forget", "TRUNCATE TABLE recommendations"))
    return opened
