"""A service that nobody changed, started by one command: every request is a row, and its answers are what they were."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import pytest

pytest.importorskip("diffusers", reason="make test-libraries installs it")
pytest.importorskip("torch", reason="make test-libraries installs it")

from libraries import tiny
from support.ports import free_port
from support.servers import start_server  # noqa: F401 - a fixture
from support.stores import stored
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from support.servers import StartServer

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of the libraries themselves
    pytest.mark.slow(seconds=90, why="real services with a real pipeline, three times"),
]

HERE: Final = Path(__file__).parent
BIN: Final = Path(sys.executable).parent
HEADER: Final = "X-Studio-User"
PAINTED, BROKEN, LEFT, LATER = 150, 20, 10, 20
USERS: Final = ("ann", "bob", "cid", "")
MODEL: Final = "model"
NO_EXPORTS: Final = dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none")
COMMANDS: Final = {
    "without us": [],
    "modeltally run": [str(BIN / "modeltally"), "run"],
    "opentelemetry-instrument": [str(BIN / "opentelemetry-instrument")],
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the pipeline's files."""
    path = tmp_path_factory.mktemp("models") / MODEL
    tiny.image_pipeline().save_pretrained(path)
    return path


@contextlib.contextmanager
def running(folder: Path, command: list[str], variables: Mapping[str, str]) -> Iterator[str]:
    """Run the service and its worker; gives the service's address."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "MODELTALLY_"))},
        "STUDIO_FOLDER": str(folder),
        "PYTHONPATH": str(HERE),
        "OMP_NUM_THREADS": "1",
        **variables,
    }
    programs = (
        [str(BIN / "uvicorn"), "studio:app", "--port", str(port), "--log-level", "warning"],
        [str(BIN / "celery"), "-A", "studio:tasks", "worker", "-P", "solo", "-l", "warning", "--without-mingle"],
    )
    with contextlib.ExitStack() as stack:
        started = []
        for program in programs:
            log = stack.enter_context((folder / f"{Path(program[0]).name}.log").open("wb"))
            process = stack.enter_context(
                subprocess.Popen([*command, *program], cwd=folder, env=environment, stdout=log, stderr=log)
            )
            stack.callback(process.kill)
            started.append(process)
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(address) or any(process.poll() is not None for process in started))
        yield address
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(60)


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"{address}/openapi.json", timeout=5).close()  # noqa: S310 - of this machine
        return True
    return False


def call(address: str, path: str, number: int, **asked: Any) -> tuple[int, bytes]:
    """Ask once, as one of the users."""
    user = USERS[number % len(USERS)]
    request = urllib.request.Request(  # noqa: S310 - of this machine
        f"{address}{path}?{urlencode({'seed': number, **asked})}", headers={HEADER: user} if user else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - of this machine
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def leave(address: str, number: int) -> None:
    """Ask for something long, and hang up."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
        user = USERS[number % len(USERS)]
        header = f"{HEADER}: {user}\r\n" if user else ""
        connection.sendall(f"GET /slowly?seed={number} HTTP/1.1\r\nHost: here\r\n{header}\r\n".encode())
        connection.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            connection.recv(1)


def send_everything(address: str) -> list[tuple[int, bytes]]:
    """Send 200 requests, eight at once; gives the answers to those that wait for one."""
    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(call, address, "/paint", number, prompt="a lighthouse") for number in range(PAINTED)]
        work += [pool.submit(call, address, "/paint", number, prompt="broken") for number in range(BROKEN)]
        work += [pool.submit(call, address, "/later", number, prompt="a sea") for number in range(LATER)]
        gone = [pool.submit(leave, address, number) for number in range(LEFT)]
        answers = [each.result() for each in work]
        for each in gone:
            each.result()
    return answers


@pytest.fixture(scope="module")
def expected(model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, bytes]]:
    """What the service answers without us."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / MODEL).symlink_to(model)
    with running(folder, COMMANDS["without us"], {}) as address:
        return send_everything(address)


@pytest.mark.parametrize("how", ["modeltally run", "opentelemetry-instrument"])
def test_every_request_is_a_row(
    model: Path,
    tmp_path: Path,
    start_server: StartServer,  # noqa: F811 - the fixture
    expected: list[tuple[int, bytes]],
    how: str,
) -> None:
    """Outcomes, users, models, waits and cold starts of 200 requests; the answers are the same bytes as without us."""
    server = start_server()
    folder = tmp_path / "studio"
    folder.mkdir()
    (folder / MODEL).symlink_to(model)
    variables = {
        "MODELTALLY_OTLP_ENDPOINT": server.address.otlp_url,
        "MODELTALLY_USER_KEY": "a key of this test",
        "MODELTALLY_USER_HEADER": HEADER,
        **NO_EXPORTS,
    }
    with running(folder, COMMANDS[how], variables) as address:
        answers = send_everything(address)
    assert answers == expected
    server.stop()
    rows = stored(
        tmp_path / "data",
        "SELECT outcome, error_type, model, user_hash, queue_us, is_cold_start FROM usage_events"
        " WHERE operation = 'model.request' AND NOT is_unfinished LIMIT 1 BY trace_id, span_id",
    )
    assert Counter(row["outcome"] for row in rows) == {
        "success": PAINTED + LATER,
        "error": BROKEN,
        "cancelled": LEFT,
    }
    assert {row["error_type"] for row in rows if row["outcome"] == "error"} == {"ValueError"}
    assert {row["model"] for row in rows} == {str(folder / MODEL)}
    assert len({row["user_hash"] for row in rows}) == len(USERS)
    assert sum(row["queue_us"] is not None for row in rows) == LATER
    assert sum(bool(row["is_cold_start"]) for row in rows) == 2  # the service and its worker
