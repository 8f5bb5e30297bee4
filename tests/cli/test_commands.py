"""The commands as an operator runs them: the installed script, a real server, real data."""

from __future__ import annotations

import csv
import io
import json
import socket
import stat
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from cli.conftest import COMMAND, HEADER, ROWS, rows_of, start_server, stop_server
from modeltally.analytics.topics import TOPICS
from modeltally.cli._exit import ExitCode
from support.environment import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run, RunningServer

WINDOW = ("--since", "2024-11-15", "--until", "2024-12-01")
# what a topic needs beside the window
NEEDED = {"attribute": ("--name", "acme.team")}


def ask(run: Run, server: RunningServer, *arguments: str) -> list[dict[str, Any]]:
    """Run a command that answers in JSON."""
    answer = run(*arguments, "--dir", server.directory, "--format", "json")
    assert answer.returncode == ExitCode.OK, answer.stderr
    return rows_of(answer.stdout)


def test_stats_models_counts_what_was_imported(run: Run, filled: RunningServer) -> None:
    """Every figure of the small trace is as counted by hand."""
    rows = {row["model"]: row for row in ask(run, filled, "stats", "models", *WINDOW)}
    assert {name: row["requests"] for name, row in rows.items()} == {"M0000": 3, "M0001": 1, "unknown": 1}
    first = rows["M0000"]
    assert (first["failures"], first["abandoned"], first["users"]) == (1, 0, 2)
    assert first["success_rate"] == pytest.approx(2 / 3)
    assert first["p50_ms"] == pytest.approx(20_000, rel=0.011)
    assert first["p95_ms"] == first["p99_ms"] == pytest.approx(30_000, rel=0.011)
    assert first["last_used_at"] == "2024-11-15T17:00:00Z"
    assert (rows["unknown"]["abandoned"], rows["unknown"]["p50_ms"]) == (1, None)


def test_replay_counts_once_when_it_is_run_again(run: Run, here: Run, filled: RunningServer, trace: Path) -> None:
    """A second import of the same file changes no figure."""
    before = ask(here, filled, "stats", "overview", *WINDOW)
    again = run("replay", trace, "--dir", filled.directory)
    assert again.returncode == ExitCode.OK, again.stderr
    assert "5 rows = 5 recorded + 0 skipped" in again.stdout
    assert "5 started = 5 delivered + 0 dropped" in again.stdout
    assert ask(here, filled, "stats", "overview", *WINDOW) == before


@pytest.mark.parametrize("topic", TOPICS)
def test_stats_prints_a_table_that_fits(here: Run, filled: RunningServer, topic: str) -> None:
    """Every topic is a table within 80 columns, with the window it is about below it."""
    answer = here("stats", topic, *WINDOW, *NEEDED.get(topic, ()), "--dir", filled.directory)
    assert answer.returncode == ExitCode.OK, answer.stderr
    assert max(map(len, answer.stdout.splitlines())) <= 80
    assert "2024-11-15 00:00 to 2024-12-01 00:00 UTC" in answer.stdout


def test_stats_window_is_half_open(here: Run, filled: RunningServer) -> None:
    """What begins at --since is in the window, what begins at --until is not."""
    window = ("--since", "2024-11-15T16:10", "--until", "2024-11-16T09:00")
    assert ask(here, filled, "stats", "overview", *window)[0]["requests"] == 2


def test_stats_csv_has_the_columns_of_json(here: Run, filled: RunningServer) -> None:
    """CSV carries the same rows."""
    answer = here("stats", "models", *WINDOW, "--dir", filled.directory, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(answer.stdout)))
    expected = ask(here, filled, "stats", "models", *WINDOW)
    assert list(rows[0]) == list(expected[0])
    assert [row["model"] for row in rows] == [row["model"] for row in expected]


def test_stats_says_so_when_nothing_happened(here: Run, filled: RunningServer) -> None:
    """An empty window is a sentence and an empty list, not an error."""
    window = ("--since", "2023-01-01", "--until", "2023-02-01")
    shown = " ".join(here("stats", "models", *window, "--dir", filled.directory).stdout.split())
    assert "Models: nothing began between 2023-01-01 00:00 and 2023-02-01 00:00 UTC; what is stored began" in shown
    assert "try --since 2024-11-" in shown
    assert ask(here, filled, "stats", "models", *window) == []


@pytest.mark.slow(seconds=8, why="every command twice")
def test_directory_answers_the_same_without_a_server(run: Run, trace: Path, home: Path, tmp_path: Path) -> None:
    """A server can be stopped and started; with none running the commands open the directory themselves."""
    directory = tmp_path / "data"
    started = start_server(directory, home)
    assert run("replay", trace, "--dir", directory).returncode == ExitCode.OK
    asked = run("stats", "models", *WINDOW, "--dir", directory, "--format", "json")
    assert stop_server(started) == ExitCode.OK
    assert not (directory / "server.json").exists()
    opened = run("stats", "models", *WINDOW, "--dir", directory, "--format", "json")
    assert opened.returncode == ExitCode.OK, opened.stderr
    assert rows_of(opened.stdout) == rows_of(asked.stdout)
    assert run("migrate", "--dir", directory).returncode == ExitCode.OK


@pytest.mark.slow(seconds=6, why="two servers in processes of their own")
def test_replay_starts_a_server_when_none_is_running(run: Run, here: Run, trace: Path, tmp_path: Path) -> None:
    """Without a server the import brings one for its own time, and says so."""
    imported = run("replay", trace, "--dir", tmp_path / "data")
    assert imported.returncode == ExitCode.OK, imported.stderr
    assert "starting one for the time of the import" in imported.stderr
    rows = rows_of(here("stats", "overview", *WINDOW, "--dir", tmp_path / "data", "--format", "json").stdout)
    assert rows[0]["requests"] == 5


def test_replay_stops_at_a_bad_row_and_keeps_the_good_ones(
    run: Run, here: Run, server: RunningServer, tmp_path: Path
) -> None:
    """The message names file, line, column and value; with --skip-bad the bad row is listed instead."""
    file = tmp_path / "bad.csv"
    file.write_text("\n".join((HEADER, ROWS[0].replace("2024", "2023"), ROWS[1].replace("20.0", "nan"))) + "\n")
    stopped = run("replay", file, "--dir", server.directory)
    assert stopped.returncode == ExitCode.USAGE
    assert f"{file}:3: column 'exec_time_seconds' has the value 'nan'" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    window = ("--since", "2023-11-01", "--until", "2023-12-01")
    assert ask(here, server, "stats", "overview", *window)[0]["requests"] == 1
    skipped = run("replay", file, "--dir", server.directory, "--skip-bad")
    assert skipped.returncode == ExitCode.OK
    assert "2 rows = 1 recorded + 1 skipped" in skipped.stdout
    assert f"skipped {file}:3" in skipped.stdout


def test_replay_summary_is_json_when_asked(run: Run, filled: RunningServer, trace: Path) -> None:
    """Scripts get the account as one object, and no progress bar when they want none."""
    answer = run("replay", trace, "--dir", filled.directory, "--quiet", "--format", "json")
    (account,) = json.loads(answer.stdout)
    assert account == {
        "file": str(trace),
        "format": "gentd26",
        "rows": 5,
        "recorded": 5,
        "skipped": 0,
        "first_at": "2024-11-15T16:00:00Z",
        "last_at": "2024-11-16T09:30:00Z",
        "started": 5,
        "delivered": 5,
        "dropped": 0,
    }
    assert answer.stderr == ""


def test_second_server_on_a_directory_is_refused(run: Run, server: RunningServer) -> None:
    """A directory has one owner; the second hears which process it is."""
    second = run(
        "up",
        "--dir",
        server.directory,
        "--otlp-port",
        "0",
        "--otlp-grpc-port",
        "0",
        "--http-port",
        "0",
        "--clickhouse-port",
        "0",
    )
    assert second.returncode == ExitCode.DIRECTORY_IN_USE
    assert str(server.process.pid) in second.stderr
    assert "Traceback" not in second.stderr


def test_server_is_refused_a_port_that_is_taken(run: Run, tmp_path: Path) -> None:
    """The message names the setting, the port and the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run(
            "up",
            "--dir",
            tmp_path / "data",
            "--otlp-port",
            port,
            "--otlp-grpc-port",
            "0",
            "--http-port",
            "0",
            "--clickhouse-port",
            "0",
        )
    assert refused.returncode == ExitCode.USAGE
    assert f"port {port}" in refused.stderr
    assert "otlp_port" in refused.stderr
    assert "--otlp-port (0 picks a free one)" in refused.stderr


def test_server_is_refused_a_directory_that_is_a_file(run: Run, tmp_path: Path) -> None:
    """A directory that cannot be used is named."""
    (tmp_path / "data").write_text("not a directory")
    refused = run(
        "up",
        "--dir",
        tmp_path / "data",
        "--otlp-port",
        "0",
        "--otlp-grpc-port",
        "0",
        "--http-port",
        "0",
        "--clickhouse-port",
        "0",
    )
    assert refused.returncode == ExitCode.USAGE
    assert str(tmp_path / "data") in refused.stderr


def test_user_key_is_readable_by_its_owner_alone(server: RunningServer) -> None:
    """The key that makes pseudonyms is a secret of the data directory."""
    assert stat.S_IMODE((server.directory / "user.key").stat().st_mode) == 0o600


def test_closed_pipe_ends_a_command_quietly(server: RunningServer, filled: RunningServer, home: Path) -> None:
    """`modeltally stats ... | head` prints no traceback."""
    del filled
    process = subprocess.Popen(
        [str(COMMAND), "stats", "models", *WINDOW, "--dir", server.directory],
        env=clean_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stderr:
        assert stderr.read() == ""
    assert process.wait() == ExitCode.OK
