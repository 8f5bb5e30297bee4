"""Java's OpenTelemetry SDK and ClickHouse's JDBC drivers work as with a Collector and a ClickHouse server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients.programs import BUILT, answers, check_what_arrived, found, models, run

if TYPE_CHECKING:
    from modeltally.server import LocalServer

JAVA = shutil.which("java") or "java"
CLASSES = BUILT / "java" / "classes"
# The driver that many tools ship, and a newer one.
DRIVERS = ("0.9.2", "0.11.1")


def command(driver: str, *arguments: str) -> list[str | Path]:
    """Make the command that runs the program with a driver."""
    return [JAVA, "-cp", os.pathsep.join([str(CLASSES), str(BUILT / "java" / driver / "*")]), "Main", *arguments]


@pytest.mark.parametrize("way", ["http", "http-gzip", "grpc", "grpc-gzip"])
def test_what_the_sdk_sends_is_counted_and_stored(server: LocalServer, way: str) -> None:
    """Operations, spans of others and metrics arrive whole, and free text does not."""
    run(server, command(DRIVERS[0], "spans", way), Path(JAVA), CLASSES)
    check_what_arrived(server, f"java-{way}")


@pytest.mark.parametrize("driver", DRIVERS)
def test_jdbc_reads_without_compression(server: LocalServer, driver: str) -> None:
    """Rows, a long result, prepared statements and its look at the columns; compressed it is refused in words."""
    run(server, command(driver, "spans", "http"), Path(JAVA), CLASSES)
    expected = models(server)
    said = answers(server, command(driver, "ask"), Path(JAVA), CLASSES)
    columns = found(
        server, "SELECT count() AS columns FROM system.columns WHERE database = 'modeltally' AND table = 'usage_events'"
    )
    assert said == {
        "models": expected,
        "streamed": 150_000,
        "parameters_kept": True,
        "columns": columns[0]["columns"],
        "wrong": 47,
        "create": 164,
        "compressed": 48,
        "stranger": 516,
    }
