"""What the tests of stores share: a hub on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from libraries.fake_hub import FakeHub, running_hub

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def hub_server() -> Iterator[FakeHub]:
    """Run one hub for all tests."""
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(hub_server: FakeHub) -> FakeHub:
    """Give the hub with nothing on it."""
    for kept in (hub_server.files, hub_server.large, hub_server.commits, hub_server.gated, hub_server.cuts):
        kept.clear()
    return hub_server
