"""A store in which nothing is: pages say how to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modeltally.server import LocalServer
from show.api.conftest import Client
from show.page.conftest import NOW
from show.page.parsed import parsed
from support.environment import forget_environment
from support.servers import settings_for

if TYPE_CHECKING:
    from pathlib import Path

    from support.stores import Template


@pytest.mark.slow(seconds=18, why="every page")
def test_empty_store_says_how_to_begin(template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing was ever stored, the first screen has the lines that send the first span, and no error."""
    forget_environment(monkeypatch)
    template.copy(tmp_path)
    with LocalServer(settings_for(tmp_path), clock=lambda: NOW) as server:
        client = Client(server.address.http_url, server.address.token)
        for path in ("/", "/users", "/advice", "/health", "/models/none", "/topics/models"):
            content = parsed(client.get(path).body)
            assert "This block failed" not in content.text, path
        first = parsed(client.get("/?window=all").body)
        assert server.address.otlp_url in first.blocks["figures"]
        assert "modeltally doctor" in first.blocks["figures"]
        assert "Nothing needs you" in first.blocks["needs"]
