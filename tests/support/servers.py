"""Local servers on directories of their own and free ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

from modeltally.jobs import JOBS
from modeltally.server import LocalServer
from modeltally.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.stores import Template

# settings of a server that takes any port, on a disk however full
ANYWHERE: dict[str, Any] = {
    **dict.fromkeys(("otlp_port", "otlp_grpc_port", "http_port", "clickhouse_port"), 0),
    "min_free_disk_bytes": 0,
}


# A server that runs no job by itself: nothing is rolled, dropped, advised or told between two readings.
QUIET: Final = {job.every: 86_400.0 for job in JOBS.values() if job.every}


def settings_for(directory: Path, **settings: Any) -> Settings:
    """Settings of a server on a directory and on free ports."""
    return Settings(**{"dir": directory, **ANYWHERE, **settings})


class StartServer(Protocol):
    """Starts a server that ends with the test."""

    def __call__(self, **settings: Any) -> LocalServer:
        """Start it with these settings."""
        ...


@pytest.fixture
def start_server(template: Template, tmp_path: Path) -> Iterator[StartServer]:
    """Start servers; one at a time, because a process can have one database directory open."""
    started: list[LocalServer] = []
    directory = tmp_path / "data"

    def start(**settings: Any) -> LocalServer:
        for earlier in started:
            earlier.stop()
        where = settings.get("dir", directory)
        if not where.exists():
            template.copy(where)
        server = LocalServer(settings_for(directory, **settings))
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def server(start_server: StartServer) -> LocalServer:
    """Start a server with the usual settings."""
    return start_server()
