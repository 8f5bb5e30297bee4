"""Servers on directories of their own, in an environment without settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modeltally.server import LocalServer
from support.environment import forget_environment
from support.servers import server, settings_for, start_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.stores import Template

__all__ = ["server", "start_server"]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's environment out of the tests."""
    forget_environment(monkeypatch)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def small_server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Start one server with small limits for tests that only refuse."""
    directory = template.copy(tmp_path_factory.mktemp("small"))
    with LocalServer(settings_for(directory, max_body_bytes=65_536, max_body_spans=100)) as started:
        yield started
