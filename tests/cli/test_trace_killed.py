"""A replay whose server is killed again and again: nothing is lost, nothing counts twice."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from cli.conftest import COMMAND, TIMEOUT_SECONDS, RunningServer, start_server, stop_server
from cli.test_trace import WINDOW, _assert_models
from cli.trace_truth import count, write_bursty
from support.environment import clean_environment
from support.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run

# Spans acknowledged in each life of the server before it is killed.
LIVES = (1, 1500, 700, 2500, 1)


def _received(server: RunningServer) -> int:
    try:
        with urllib.request.urlopen(f"{server.http_url}/status", timeout=5) as answer:  # noqa: S310 - our own server
            return int(json.load(answer)["received"]["spans"])
    except (urllib.error.URLError, OSError):
        return 0


@pytest.mark.slow(seconds=49, why="a server killed while a trace is replayed")
def test_replay_is_exact_when_its_server_is_killed(run: Run, home: Path, tmp_path: Path) -> None:
    """Five kill -9 while spans are being acknowledged; every span started is delivered, every figure the file's."""
    trace = tmp_path / "bursty.csv"
    write_bursty(trace, seed=11, bursts=250)
    rows = trace.read_text().count("\n") - 1
    ports = {"MODELTALLY_OTLP_PORT": str(free_port()), "MODELTALLY_HTTP_PORT": str(free_port())}
    server = start_server(tmp_path / "data", home, environment=ports)
    replay = subprocess.Popen(
        [COMMAND, "replay", trace, "--dir", server.directory, "--quiet", "--format", "json"],
        env=clean_environment(home),
        stdout=subprocess.PIPE,
        text=True,
    )
    killed_at = []
    for enough in LIVES:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while (received := _received(server)) < enough and replay.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        if received < enough:
            break
        killed_at.append(received)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        assert server.process.stdout is not None
        server.process.stdout.close()
        server = start_server(tmp_path / "data", home, environment=ports)
    out, _ = replay.communicate(timeout=TIMEOUT_SECONDS)
    print(f"killed after {killed_at} spans of each life, {rows} rows")  # noqa: T201 - shown with a failure
    if len(killed_at) < len(LIVES):
        pytest.fail(f"the replay was over after {len(killed_at)} kills; make the trace longer")
    account = json.loads(out)[0]
    assert account["started"] == rows
    assert account["delivered"] == rows
    assert account["dropped"] == 0
    _assert_models(run, server, count(trace, **WINDOW))
    stop_server(server)
