"""Servers on directories of their own, in an environment without settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.environment import forget_environment
from support.servers import server, start_server

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["server", "start_server"]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's environment out of the tests."""
    forget_environment(monkeypatch)
    monkeypatch.chdir(tmp_path)
