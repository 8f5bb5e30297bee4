"""``agent``: what lies on this machine's disks reaches a real server, and is asked for as any statistic."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from availability.samples import ollama_model, safetensors
from cli.conftest import COMMAND, rows_of, start_server, stop_server
from modeltally.cli._exit import ExitCode
from support.environment import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.conftest import Run, RunningServer
    from support.stores import Template


@pytest.fixture
def server(template: Template, tmp_path: Path, home: Path) -> Iterator[RunningServer]:
    """Run a server of its own: what is told here must not be counted elsewhere."""
    started = start_server(template.copy(tmp_path / "data"), home)
    yield started
    stop_server(started)


def test_a_look_reaches_the_statistics(tmp_path: Path, run: Run, server: RunningServer) -> None:
    """One look tells models, bytes, what no model needs, and how full the disk is; and moves no access time."""
    root = tmp_path / "ollama"
    ollama_model(root, "llama3", {"config": b"{}", "model": safetensors(1)})
    orphan = root / "blobs" / f"sha256-{'1' * 64}"
    orphan.write_bytes(b"x" * 100)
    blobs = sorted((root / "blobs").iterdir())
    for blob in blobs:
        os.utime(blob, (1_000_000_000, 1_000_000_000))
    where = ["--dir", str(server.directory)]
    told = run("agent", "--once", "--store", f"ollama={root}", *where)
    assert told.returncode == ExitCode.OK, told.stderr
    assert told.stdout.startswith("5 items")
    assert [blob.stat().st_atime for blob in blobs] == [1_000_000_000] * len(blobs)
    deadline = time.monotonic() + 30
    while not rows_of(run("stats", "disk", "--format", "json", *where).stdout):
        assert time.monotonic() < deadline, "nothing was stored"
    (model,) = rows_of(run("stats", "inventory", "--format", "json", *where).stdout)
    assert (model["store"], model["state"], model["requests"]) == ("ollama", "available", 0)
    assert model["size_bytes"] == model["freed_bytes"] == 2 + len(safetensors(1))
    (rubbish,) = rows_of(run("stats", "rubbish", "--format", "json", *where).stdout)
    assert (rubbish["leftover"], rubbish["freed_bytes"], rubbish["places"]) == ("orphan", 100, 1)
    (disk,) = rows_of(run("stats", "disk", "--format", "json", *where).stdout)
    assert disk["size_bytes"] == shutil.disk_usage(root).total
    assert (disk["rubbish_bytes"], disk["changes"], disk["days_until_full"]) == (100, 0, None)


def test_without_a_receiver_nothing_begins(tmp_path: Path, run: Run) -> None:
    """Where nobody would take it, the command says so and names the two ways out."""
    ended = run("agent", "--once", "--dir", str(tmp_path))
    assert ended.returncode == ExitCode.USAGE
    assert "--endpoint" in ended.stderr
    wrong = run("agent", "--once", "--store", "floppy=/a", "--dir", str(tmp_path))
    assert wrong.returncode == ExitCode.USAGE
    assert "floppy" in wrong.stderr


def test_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    """It runs until it is told to stop, though nobody listens, and ends without an error."""
    ollama_model(tmp_path / "ollama", "llama3", {"config": b"{}", "model": safetensors(1)})
    command = [str(COMMAND), "agent", "--store", f"ollama={tmp_path / 'ollama'}", "--endpoint", "http://127.0.0.1:9"]
    with subprocess.Popen(
        [*command, "--dir", str(tmp_path)], stderr=subprocess.PIPE, text=True, env=clean_environment()
    ) as process:
        assert process.stderr is not None
        assert "looking every" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
