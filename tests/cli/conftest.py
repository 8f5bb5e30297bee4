"""What the tests of the commands share: the real command, a real server, a trace small enough to count by hand."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.cli import main
from support.environment import clean_environment

if TYPE_CHECKING:
    from support.stores import Template

COMMAND = Path(sys.executable).parent / "modeltally"
TIMEOUT_SECONDS = 120
FREE_PORTS = {f"MODELTALLY_{name}_PORT": "0" for name in ("OTLP", "OTLP_GRPC", "HTTP", "CLICKHOUSE")}
HEADER = (
    "gmt_create,predict_type,predict_status,exec_time_seconds,groupId,prompt_length,negative_prompt_length,"
    "num_images_per_prompt,num_inference_steps,checkpoint_model_version_id,num_lora"
)
ROWS = (
    "2024-11-15 16:00:00,TXT_2_IMG,SUCCEED,10.0,G0000,63.0,26.0,1.0,30.0,M0000,0",
    "2024-11-15 16:10:00,TXT_2_IMG,SUCCEED,20.0,G0001,63.0,,1.0,30.0,M0000,0",
    "2024-11-15 17:00:00,TXT_2_IMG,FAILED,30.0,G0001,63.0,,1.0,30.0,M0000,2",
    "2024-11-16 09:00:00,INPAINTING,SUCCEED,40.0,G0001,63.0,,1.0,30.0,M0001,0",
    "2024-11-16 09:30:00,TXT_2_IMG,PENDING,0.0,G0002,,,,,,0",
)

Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class RunningServer:
    """A server in a process of its own.

    Attributes:
        directory: Its data directory.
        otlp_url: Where it takes OTLP.
        http_url: Where it answers.
        process: The process.
    """

    directory: Path
    otlp_url: str
    http_url: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home of its own for every command."""
    return tmp_path_factory.mktemp("home")


def run_command(
    *arguments: object,
    home: Path,
    environment: dict[str, str] | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run the installed command and give what it printed."""
    return subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        env=clean_environment(home) | (environment or {}),
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
        cwd=home,
    )


def rows_of(printed: str) -> list[dict[str, Any]]:
    """Give the rows of what a command printed as JSON: an answer, or rows alone."""
    content = json.loads(printed)
    rows: list[dict[str, Any]] = content["rows"] if isinstance(content, dict) else content
    return rows


@pytest.fixture(scope="session")
def run(home: Path) -> Run:
    """Run the installed command in a home of its own."""
    return functools.partial(run_command, home=home)


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run commands in this process, where one that opens an engine takes a fifth of the time."""

    def run_here(*arguments: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        given = clean_environment(home) | (environment or {})
        out, errors = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patched:
            for name in os.environ.keys() - given.keys():
                patched.delenv(name)
            for name, value in given.items():
                patched.setenv(name, value)
            patched.chdir(home)
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(errors),
                pytest.raises(SystemExit) as ended,
            ):
                main(list(map(str, arguments)))
        code = ended.value.code
        assert isinstance(code, int)
        return subprocess.CompletedProcess(list(map(str, arguments)), code, out.getvalue(), errors.getvalue())

    return run_here


@pytest.fixture(scope="session")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the small trace."""
    path = tmp_path_factory.mktemp("trace") / "trace.csv"
    path.write_text("\n".join((HEADER, *ROWS)) + "\n")
    return path


def start_server(directory: Path, home: Path, *, environment: dict[str, str] | None = None) -> RunningServer:
    """Start `modeltally up` on free ports and wait until it says that it is ready."""
    process = subprocess.Popen(
        [str(COMMAND), "up", "--dir", directory, "--format", "json"],
        env=clean_environment(home) | FREE_PORTS | (environment or {}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert ready["dir"] == str(directory)
    assert ready["pid"] == process.pid
    return RunningServer(directory, ready["otlp_url"], ready["http_url"], process)


def stop_server(server: RunningServer) -> int:
    """Stop a server as an operator does, and give its exit code."""
    server.process.terminate()
    code = server.process.wait(TIMEOUT_SECONDS)
    assert server.process.stdout is not None
    server.process.stdout.close()
    return code


@pytest.fixture(scope="session")
def server(template: Template, tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[RunningServer]:
    """Run one server for all tests that only ask it."""
    started = start_server(template.copy(tmp_path_factory.mktemp("served") / "data"), home)
    yield started
    stop_server(started)


@pytest.fixture(scope="session")
def filled(server: RunningServer, run: Run, trace: Path) -> RunningServer:
    """Import the small trace into the server."""
    imported = run("replay", trace, "--dir", server.directory)
    assert imported.returncode == 0, imported.stderr
    return server
