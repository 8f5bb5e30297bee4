"""Go's OpenTelemetry SDK and clickhouse-go work as with a Collector and a ClickHouse server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clients.programs import BUILT, answers, check_what_arrived, models, run

if TYPE_CHECKING:
    from modeltally.server import LocalServer

PROGRAM = BUILT / "go" / "clients"


@pytest.mark.parametrize("way", ["http", "http-gzip", "grpc", "grpc-gzip"])
def test_what_the_sdk_sends_is_counted_and_stored(server: LocalServer, way: str) -> None:
    """Operations, spans of others and metrics arrive whole, and free text does not."""
    run(server, [PROGRAM, "spans", way])
    check_what_arrived(server, f"go-{way}")


def test_clickhouse_go_reads(server: LocalServer) -> None:
    """Through its own interface, and through database/sql, with each compression but ClickHouse's own."""
    run(server, [PROGRAM, "spans", "http"])
    expected = models(server)
    said = answers(server, [PROGRAM, "ask"])
    for compression in ("none", "gzip", "br"):
        assert said[compression] == {
            "ping": True,
            "models": expected,
            "parameter": "plain",
            "parameters_kept": True,
            "streamed": 150_000,
            "settings": 0,
            "values": 0,
            "wrong": 47,
            "create": 164,
        }
    assert said["database/sql"] == {"ping": True, "events": sum(int(str(row[1])) for row in expected), "null": True}
    assert "compress" in said["lz4"]
    assert "516" in said["stranger"]
