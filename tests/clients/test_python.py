"""Python's stock exporters, aiochclient and clickhouse-sqlalchemy work as with a Collector and a ClickHouse server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients.programs import BUILT, answers, check_what_arrived, found, models, run

if TYPE_CHECKING:
    from modeltally.server import LocalServer

PYTHON = BUILT / "python" / "bin" / "python"
PROGRAM = Path(__file__).with_name("python") / "main.py"


@pytest.mark.parametrize("way", ["http", "http-gzip", "grpc", "grpc-gzip"])
def test_what_the_sdk_sends_is_counted_and_stored(server: LocalServer, way: str) -> None:
    """Operations, spans of others and metrics arrive whole, and free text does not."""
    run(server, [PYTHON, PROGRAM, "spans", way])
    check_what_arrived(server, f"python-{way}")


def test_other_clients_of_clickhouse_read(server: LocalServer) -> None:
    """Rows, a long result and a look at tables and columns."""
    run(server, [PYTHON, PROGRAM, "spans", "http"])
    expected = models(server)
    (columns,) = found(
        server, "SELECT count() AS columns FROM system.columns WHERE database = 'modeltally' AND table = 'usage_events'"
    )
    assert answers(server, [PYTHON, PROGRAM, "ask"]) == {
        "aiochclient": {"alive": True, "models": expected, "streamed": 150_000, "refused": True},
        "sqlalchemy": {"models": expected, "tables": True, **columns},
    }
