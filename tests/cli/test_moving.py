"""Moving a store by command: export, import, jobs, and the schema for a cluster."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from cli.conftest import COMMAND, TIMEOUT_SECONDS, Run, RunningServer, rows_of, start_server, stop_server
from support.environment import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

WINDOW = ("--since", "2024-11-01", "--until", "2024-12-01", "--format", "json")


@pytest.fixture(scope="module")
def moved(filled: RunningServer, run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Export the running server's store and import it into a new directory; give both."""
    root = tmp_path_factory.mktemp("moving")
    exported = run("export", "--to", root / "export", "--with-landing", "--dir", filled.directory)
    assert exported.returncode == 0, exported.stderr
    imported = run("import", root / "export", "--dir", root / "data")
    assert imported.returncode == 0, imported.stderr
    return root / "export", root / "data"


@pytest.mark.slow(seconds=15, why="two servers and a move")
@pytest.mark.parametrize("topic", ["overview", "models", "hours", "failures", "users"])
def test_figures_are_the_same_after_a_move(
    filled: RunningServer, moved: tuple[Path, Path], run: Run, topic: str
) -> None:
    """What the old store answers, asked through its server, the new one answers too."""
    before = run("stats", topic, *WINDOW, "--dir", filled.directory)
    after = run("stats", topic, *WINDOW, "--dir", moved[1])
    assert before.returncode == after.returncode == 0, before.stderr + after.stderr
    assert rows_of(after.stdout) == rows_of(before.stdout) != []


@pytest.mark.slow(seconds=15, why="two servers and a move")
def test_second_import_says_that_it_was_done(moved: tuple[Path, Path], run: Run) -> None:
    """Repeating an import is no error, and says that nothing changed."""
    again = run("import", moved[0], "--dir", moved[1])
    assert again.returncode == 0, again.stderr
    assert "were imported before; nothing was changed" in again.stdout.replace("\n", " ")


@pytest.mark.slow(seconds=12, why="two servers and a move")
def test_import_into_a_server_in_use_is_refused(filled: RunningServer, moved: tuple[Path, Path], run: Run) -> None:
    """A server that holds data refuses an import, with exit code 2 and the table's name."""
    refused = run("import", moved[0], "--dir", filled.directory)
    assert refused.returncode == 2, refused.stderr
    assert "already holds data" in refused.stderr


@pytest.mark.slow(seconds=7, why="a server and an import")
def test_import_into_an_empty_running_server(moved: tuple[Path, Path], run: Run, home: Path, tmp_path: Path) -> None:
    """A server that has received nothing takes an import, and answers from it at once."""
    server = start_server(tmp_path / "data", home, environment={"MODELTALLY_CLICKHOUSE_PORT": "0"})
    try:
        imported = run("import", moved[0], "--dir", server.directory)
        assert imported.returncode == 0, imported.stderr
        here = run("stats", "models", *WINDOW, "--dir", server.directory)
        there = run("stats", "models", *WINDOW, "--dir", moved[1])
        assert rows_of(here.stdout) == rows_of(there.stdout)
    finally:
        stop_server(server)


@pytest.mark.slow(seconds=15, why="two servers and a move")
def test_wrong_directories_are_bad_input_and_make_nothing(moved: tuple[Path, Path], run: Run, tmp_path: Path) -> None:
    """A directory that is no export, or no store, or not empty: exit code 2, and no directory is made."""
    wrong = run("import", tmp_path, "--dir", tmp_path / "data")
    assert (wrong.returncode, "it is no export" in wrong.stderr) == (2, True)
    assert not (tmp_path / "data").exists()
    nothing = run("export", "--to", tmp_path / "export", "--dir", tmp_path / "none")
    assert (nothing.returncode, "there is no data directory" in nothing.stderr) == (2, True)
    full = run("export", "--to", moved[0], "--dir", moved[1])
    assert (full.returncode, "is not empty" in full.stderr) == (2, True)


@pytest.mark.slow(seconds=15, why="two servers and a move")
def test_jobs_once_rolls_and_says_so(moved: tuple[Path, Path], run: Run) -> None:
    """One run rolls what is new; the next one finds nothing."""
    run("jobs", "--once", "--dir", moved[1])
    again = run("jobs", "--once", "--format", "json", "--dir", moved[1])
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)[0] == {"job": "roll", "changes": 0, "what": "buckets rolled"}


@pytest.mark.slow(seconds=6, why="a process that rolls")
def test_jobs_run_until_they_are_stopped(home: Path, tmp_path: Path) -> None:
    """Without --once the jobs run at their intervals, say that they are alive, and end with SIGTERM in order."""
    process = subprocess.Popen(
        [COMMAND, "jobs", "--every", "0.2", "--alive-file", tmp_path / "alive", "--dir", tmp_path / "data"],
        env=clean_environment(home),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not (tmp_path / "alive").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "failed" not in errors


def test_schema_for_a_cluster_is_printed_and_not_applied(here: Run, tmp_path: Path) -> None:
    """A dry run prints statements and makes no store; without it, or without a cluster, it is refused."""
    shown = here("migrate", "--cluster", "tally", "--dry-run", "--dir", tmp_path / "data")
    assert shown.returncode == 0, shown.stderr
    assert "CREATE TABLE IF NOT EXISTS modeltally_shard.usage_events ON CLUSTER tally" in shown.stdout
    assert "have not run on a cluster" in shown.stderr
    assert not (tmp_path / "data").exists()
    for arguments, message in (
        (("--cluster", "tally"), "cannot be applied from here yet"),
        (("--dry-run",), "--dry-run goes with --cluster"),
        (("--cluster", "a b", "--dry-run"), "is no name of a table or database"),
    ):
        refused = here("migrate", *arguments, "--dir", tmp_path / "data")
        assert (refused.returncode, message in refused.stderr) == (2, True), refused.stderr
