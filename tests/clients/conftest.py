"""A server for the clients of one language, which nobody else's settings reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modeltally.server import LocalServer
from support.environment import forget_environment
from support.servers import settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.stores import Template


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's environment out of the programs."""
    forget_environment(monkeypatch)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Count what runs a program of another language as slow."""
    if "server" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.slow(seconds=3, why="a program of another language"))


@pytest.fixture(scope="module")
def server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Run one server for all the clients of a language."""
    with LocalServer(settings_for(template.copy(tmp_path_factory.mktemp("clients")))) as started:
        yield started
