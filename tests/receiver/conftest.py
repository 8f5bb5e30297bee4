"""Servers on directories of their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from modeltally.server import LocalServer
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, open_store, sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StartServer(Protocol):
    """Starts a server that ends with the test."""

    def __call__(self, **settings: Any) -> LocalServer:
        """Start it with these settings."""
        ...


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's environment out of the tests."""
    for name in os.environ:
        if name.startswith(("OTEL_", "MODELTALLY_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers; one at a time, because a process can have one database directory open."""
    started: list[LocalServer] = []

    def start(**settings: Any) -> LocalServer:
        for earlier in started:
            earlier.stop()
        ports = {"otlp_port": 0, "otlp_grpc_port": 0, "http_port": 0, "clickhouse_port": 0}
        values = {"dir": tmp_path / "data", **ports, "min_free_disk_bytes": 0, **settings}
        server = LocalServer(Settings(**values))
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


def ask(store: EmbeddedStore, text: str) -> list[dict[str, Any]]:
    """Ask a store a question no view answers."""
    return store.database.query(sql.Statement("question", text))


def stored(directory: Path, text: str) -> list[dict[str, Any]]:
    """Ask the store of a directory whose server has stopped."""
    store = open_store(directory)
    try:
        return ask(store, text)
    finally:
        store.close()
