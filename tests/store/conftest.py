"""Stores on directories of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modeltally.store.client import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.store import EmbeddedStore
    from support.stores import Template


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database; a process can have one directory open at a time."""
    opened = Database.open_directory(tmp_path / "chdb")
    yield opened
    opened.close()


@pytest.fixture
def store(template: Template, tmp_path: Path) -> Iterator[EmbeddedStore]:
    """Open a migrated store."""
    with template.opened(tmp_path) as opened:
        yield opened
