"""The collector on the shipped configuration, in front of the real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from collector.running import BINARY, MISSING, Collector, StubStore
from support.environment import forget_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's environment out of the tests."""
    forget_environment(monkeypatch)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Count what runs the collector as slow."""
    if {"built", "store"} & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.slow(seconds=10, why="the collector's own program"))


@pytest.fixture(scope="session")
def built() -> None:
    """Skip where nobody has built the collector."""
    if not BINARY.is_file():
        pytest.skip(MISSING)


@pytest.fixture
def store(built: None, tmp_path: Path) -> Iterator[StubStore]:
    """Run the engine behind ClickHouse's HTTP interface."""
    del built
    with StubStore(tmp_path / "data") as running:
        yield running


@pytest.fixture
def collector(store: StubStore, tmp_path: Path) -> Iterator[Collector]:
    """Run the collector on ``collector.yaml`` as it is shipped."""
    with Collector(tmp_path / "collector", store.dsn) as running:
        yield running


def settle(collector: Collector, store: StubStore) -> None:
    """Wait until what was sent is stored, then end both, so that the store's directory can be opened."""
    assert collector.wait_until_drained(), collector.log.read_text()[-4000:]
    assert collector.stop() == 0
    assert store.stop() == 0
