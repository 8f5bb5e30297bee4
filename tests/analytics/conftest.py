"""The published trace in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.conftest import run_command
from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.store import DatabaseStore


@pytest.fixture(scope="module")
def replayed(gentd26: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseStore]:
    """Open a store into which the trace was imported; a process opens one store at a time, so each file has its own."""
    home = tmp_path_factory.mktemp("trace")
    done = run_command("replay", gentd26, "--dir", home / "data", "--quiet", home=home)
    assert done.returncode == 0, done.stderr
    store = open_store(home / "data", settings=Settings(dir=home / "data"), jobs=runners())
    store.migrate()
    yield store
    store.close()
