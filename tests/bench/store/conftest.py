"""One small store for every test of the benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.store.stores import Shape

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def shape() -> Shape:
    """Give the seeded slice of twenty thousand events."""
    return Shape(20_000, models=40, users=300)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep the stores of these tests between them."""
    return tmp_path_factory.mktemp("stores")
