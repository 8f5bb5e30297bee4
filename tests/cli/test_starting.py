"""What commands do beside a server that is starting, and what they make: nothing that was not asked for."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import threading
import urllib.request
from typing import TYPE_CHECKING

import pytest

from cli.conftest import COMMAND, HEADER, ROWS, Run, RunningServer, rows_of
from modeltally import connect
from modeltally.errors import ServerError
from modeltally.server.binding import is_locked, lock_directory
from modeltally.server.client import ServerAddress
from modeltally.settings import Settings
from support.environment import clean_environment

if TYPE_CHECKING:
    from pathlib import Path


def test_command_waits_for_a_server_that_is_starting(tmp_path: Path) -> None:
    """A server holds the directory before it can answer; who asks meanwhile gets its answer then."""
    address = ServerAddress(pid=1, http_url="http://127.0.0.1:1", otlp_url="http://127.0.0.1:2", token="t")  # noqa: S106 - a made-up one
    found: list[object] = []
    with lock_directory(tmp_path):
        asking = threading.Thread(target=lambda: found.append(connect.running_server(Settings(dir=tmp_path))))
        asking.start()
        asking.join(0.2)
        assert found == []
        address.write(tmp_path)
        asking.join(60)
    (server,) = found
    assert server is not None
    assert server.address == address  # type: ignore[attr-defined] # a store behind a server


def test_command_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never gets ready is named with its directory."""
    monkeypatch.setattr(connect, "_STARTING_SECONDS", 0.0)
    with lock_directory(tmp_path), pytest.raises(ServerError, match=f"a server holds the data directory {tmp_path}"):
        connect.running_server(Settings(dir=tmp_path))


def test_directory_without_a_server_is_not_locked(tmp_path: Path) -> None:
    """Neither one that never had a server, nor one whose server has ended."""
    assert not is_locked(tmp_path)
    with lock_directory(tmp_path):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_lock_of_a_server_that_died_is_not_taken_to_ask_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks must not be what a server that starts just then runs into."""
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (tmp_path / "lock").write_bytes(ended.stdout)
    asked: list[object] = []
    monkeypatch.setattr(fcntl, "flock", lambda *given: asked.append(given))
    assert not is_locked(tmp_path)
    assert asked == []


def test_asking_a_directory_of_others_makes_no_store_in_it(here: Run, tmp_path: Path) -> None:
    """Statistics of a directory that is none of ours are refused, and it stays as it was."""
    (tmp_path / "letter.txt").write_text("dear reader")
    answer = here("stats", "models", "--dir", tmp_path)
    assert answer.returncode == 2
    assert "there is no store in the directory" in " ".join(answer.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_token_is_the_running_servers(run: Run, server: RunningServer, tmp_path: Path) -> None:
    """A script gets the password in one line; without a server it is told so."""
    known = json.loads((server.directory / "server.json").read_text())["token"]
    assert run("token", "--dir", server.directory).stdout == f"{known}\n"
    refused = run("token", "--dir", tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "no server runs on" in " ".join(refused.stderr.split())


def test_open_prints_a_link_to_the_page(run: Run, server: RunningServer, tmp_path: Path) -> None:
    """Whoever asks gets a link that opens the page of the running server; without a server it is told so."""
    link = run("open", "--print", "--dir", server.directory).stdout.strip()
    known = json.loads((server.directory / "server.json").read_text())["http_url"]
    assert link.startswith(f"{known}/enter?link=")
    with urllib.request.urlopen(link, timeout=30) as answered:  # noqa: S310 - the address of our own server
        assert "modeltally_session=" in answered.headers["set-cookie"]
    refused = run("open", "--print", "--dir", tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "no server runs on" in " ".join(refused.stderr.split())


def test_jobs_beside_a_server_say_that_it_does_them(server: RunningServer, home: Path) -> None:
    """Whoever starts them is told that nothing needs them."""
    command: list[str | Path] = [COMMAND, "jobs", "--dir", server.directory]
    with subprocess.Popen(command, env=clean_environment(home), stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        said = [running.stderr.readline() for _ in range(2)]
        running.terminate()
        running.stderr.read()
    assert running.returncode == 0
    assert said[0].startswith(f"the server that runs on {server.directory} does this itself")
    assert "Ctrl-C stops it" in said[1]


def test_replay_says_which_dates_it_imported(run: Run, server: RunningServer, tmp_path: Path) -> None:
    """The dates, and the command that shows them, which does."""
    file = tmp_path / "trace.csv"
    file.write_text("\n".join((HEADER, *ROWS)) + "\n")
    answer = run("replay", file, "--dir", server.directory)
    assert answer.returncode == 0, answer.stderr
    command = answer.stdout.splitlines()[-1].split()
    assert command[:3] == ["modeltally", "stats", "models"]
    assert "began between 2024-11-" in answer.stdout
    shown = rows_of(run(*command[1:], "--dir", server.directory, "--format", "json").stdout)
    assert sum(row["requests"] for row in shown) == len(ROWS)
