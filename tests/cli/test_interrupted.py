"""Ctrl-C ends a command with a word, and what it leaves behind is whole."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from cli.conftest import COMMAND, HEADER, ROWS, TIMEOUT_SECONDS, rows_of
from modeltally.cli._console import guarded
from modeltally.cli._exit import ExitCode
from support.environment import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run, RunningServer


def test_command_that_is_stopped_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with the code for it, whatever it was doing, and without a traceback."""

    @guarded
    def command() -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(Exception, match="130") as ended:
        command()
    assert getattr(ended.value, "exit_code", None) == ExitCode.INTERRUPTED
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "stopped by Ctrl-C\n")


def test_import_that_is_stopped_says_how_to_go_on(run: Run, server: RunningServer, home: Path, tmp_path: Path) -> None:
    """Its rows are kept, the reader is told, and the same import again counts each row once."""
    rows = [row.replace("2024-11", "2023-03") for row in ROWS]
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with (
        subprocess.Popen(
            [COMMAND, "replay", pipe, "--dir", server.directory],
            env=clean_environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as importing,
        pipe.open("w") as log,
    ):
        log.write("\n".join((HEADER, *rows)) + "\n")
        log.flush()
        importing.send_signal(signal.SIGINT)
        said, told = importing.communicate(timeout=TIMEOUT_SECONDS)
    assert (importing.returncode, said) == (ExitCode.INTERRUPTED, "")
    assert "run the same import again for the rest" in " ".join(told.split())
    assert told.endswith("stopped by Ctrl-C\n")
    file = tmp_path / "whole.csv"
    file.write_text("\n".join((HEADER, *rows)) + "\n")
    assert run("replay", file, "--dir", server.directory).returncode == ExitCode.OK
    window = ("--since", "2023-03-01", "--until", "2023-04-01", "--dir", server.directory, "--format", "json")
    (overview,) = rows_of(run("stats", "overview", *window).stdout)
    assert overview["requests"] == len(rows)
