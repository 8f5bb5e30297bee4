"""Stores on directories of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modeltally.recommend import ADVICE_JOBS
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, sql
from modeltally.store.client import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database; a process can have one directory open at a time."""
    opened = Database.open_directory(tmp_path / "chdb")
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> EmbeddedStore:
    """Migrate the database to the schema of this version."""
    made = EmbeddedStore(database, settings=Settings(), jobs=ADVICE_JOBS)
    made.migrate()
    return made


def ask(store: EmbeddedStore, text: str) -> list[dict[str, Any]]:
    """Ask a question no view answers."""
    return store.database.query(sql.Statement("question", text))
