"""A service that is killed: what is lost is bounded, and the figures say that it never said goodbye."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from cli.conftest import rows_of, run_command, start_server, stop_server
from support.environment import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

SERVICE = """
import sys, modeltally
modeltally.configure(service_name="doomed", export_interval_seconds=0.05, heartbeat_interval_seconds=0.2)
for number in range(50):
    with modeltally.model_request("flux"):
        pass
modeltally.flush()
print("delivered", flush=True)
running = modeltally.begin("model.request", "flux")
sys.stdin.read()
"""


def completeness(directory: Path, home: Path, *, as_of: str | None = None) -> list[dict[str, Any]]:
    """Ask what is complete."""
    at = () if as_of is None else ("--as-of", as_of)
    listed = run_command("stats", "completeness", "--dir", directory, "--format", "json", *at, home=home)
    assert listed.returncode == 0, listed.stderr
    return rows_of(listed.stdout)


@pytest.mark.slow(seconds=7, why="a service and a server")
def test_killed_service_is_shown_as_ended_without_goodbye(tmp_path: Path, home: Path) -> None:
    """All it delivered is there; once its heartbeats are late it counts as ended, and nothing else is guessed."""
    server = start_server(tmp_path / "data", home)
    environment = clean_environment(home) | {"MODELTALLY_OTLP_ENDPOINT": server.otlp_url}
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == "delivered\n"
        ends_at = time.monotonic() + 60
        rows: list[dict[str, Any]] = []
        while not (rows and rows[0]["started"] == 51 and rows[0]["stored"] == 50):
            assert time.monotonic() < ends_at, rows
            time.sleep(0.2)
            rows = completeness(server.directory, home)
        assert rows[0]["verdict"] == "running"
        service.kill()
    assert stop_server(server) == 0
    later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)
    (row,) = completeness(server.directory, home, as_of=later.isoformat())
    assert row["verdict"] == "ended without goodbye"
    assert (row["started"], row["stored"], row["in_flight"]) == (51, 50, 1)
