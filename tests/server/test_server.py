"""One process per directory; it starts, answers, and stops in order."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from modeltally.analytics.statistics import Statistics
from modeltally.analytics.topics.usage import OPERATIONS
from modeltally.analytics.window import Window
from modeltally.errors import ParameterError, ServerError, SettingError, StoreInUseError, UnknownNameError
from modeltally.server import LocalServer, ServerAddress, find_server
from modeltally.settings import Settings
from modeltally.store import sql
from receiver.bodies import Sender, body, post
from support.servers import settings_for
from support.stores import stored

if TYPE_CHECKING:
    from pathlib import Path

    from support.servers import StartServer

END = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
DECADE = Window(dt.datetime(2020, 1, 1, tzinfo=dt.UTC), END, END)
PARAMETERS = {
    **DECADE.parameters(),
    "abandoned_after_seconds": 3600.0,
}

RUN = """
import sys
from pathlib import Path
from modeltally.errors import StoreInUseError
from modeltally.server import serve
from modeltally.settings import Settings

ports = {"otlp_port": 0, "otlp_grpc_port": 0, "http_port": 0, "clickhouse_port": 0}
settings = Settings(dir=Path(sys.argv[1]), min_free_disk_bytes=0, **ports)
try:
    serve(settings, ready=lambda address: print(address.otlp_url, flush=True))
except StoreInUseError as error:
    print(error)
    raise SystemExit(3)
"""


def start_process(directory: Path) -> subprocess.Popen[str]:
    """Start a server in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", RUN, str(directory)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow(seconds=9, why="two servers in processes of their own")
def test_a_signal_ends_it_in_order(tmp_path: Path, ending: signal.Signals) -> None:
    """On SIGTERM and on Ctrl-C what was acknowledged is stored, the address goes, and the exit code is 0."""
    directory = tmp_path / "data"
    process = start_process(directory)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    sender = Sender(url)
    for number in range(10):
        assert sender.send(body(100, seed=number)).status == 200
    process.send_signal(ending)
    assert process.wait(60) == 0
    sender.close()
    process.stdout.close()
    assert not (directory / "server.json").exists()
    assert list((directory / "spool").glob("*.spool")) == []
    assert stored(directory, "SELECT count() AS rows FROM otel_traces") == [{"rows": 1000}]


def test_a_second_server_on_a_directory_is_told_who_has_it(server: LocalServer) -> None:
    """The second one ends with an error that names the directory and the process, and disturbs nothing."""
    second = start_process(server.directory)
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 3
    assert str(server.directory) in output
    assert f"process {os.getpid()}" in output
    assert post(server.address, body()).status == 200
    assert find_server(server.directory) is not None


HOLD = """
import sys
from pathlib import Path
from modeltally.store import open_store

store = open_store(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


def test_a_database_open_in_a_process_that_is_no_server_is_told_apart(tmp_path: Path) -> None:
    """A directory that a command has open is refused too, with the process named."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    with pytest.raises(StoreInUseError, match=f"in use by process {holder.pid};"):
        LocalServer(Settings(dir=tmp_path, otlp_port=0, otlp_grpc_port=0, http_port=0, clickhouse_port=0)).start()
    holder.communicate("")


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """The error says which setting, which address and which port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingError, match=f"'http_port'.*127.0.0.1 port {port}"):
            LocalServer(
                Settings(dir=tmp_path, otlp_port=0, otlp_grpc_port=0, http_port=port, clickhouse_port=0)
            ).start()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org"])  # noqa: S104 - it is refused
def test_only_this_machine_is_served(tmp_path: Path, host: str) -> None:
    """There are no passwords and no TLS, so other addresses are refused."""
    with pytest.raises(SettingError, match="'host'"):
        LocalServer(
            Settings(dir=tmp_path, host=host, otlp_port=0, otlp_grpc_port=0, http_port=0, clickhouse_port=0)
        ).start()


def test_an_unusable_directory_is_named(tmp_path: Path) -> None:
    """A file where the directory should be: the error names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="file"):
        LocalServer(
            Settings(dir=tmp_path / "file", otlp_port=0, otlp_grpc_port=0, http_port=0, clickhouse_port=0)
        ).start()


def test_it_starts_again_after_it_stopped(start_server: StartServer) -> None:
    """Stopping gives everything back: lock, ports, database."""
    first = start_server()
    ports = [int(url.rsplit(":", 1)[1]) for url in (first.address.otlp_url, first.address.http_url)]
    first.stop()
    first.stop()
    with pytest.raises(ServerError):
        _ = first.address
    again = start_server(otlp_port=ports[0], http_port=ports[1])
    assert post(again.address, body()).status == 200


def test_the_address_is_for_its_owner_alone(server: LocalServer) -> None:
    """The file with the token cannot be read by others, and is what clients find."""
    path = server.directory / "server.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = find_server(server.directory)
    assert found is not None
    assert found.address == server.address
    server.stop()
    assert find_server(server.directory) is None


def test_the_address_of_a_dead_process_is_ignored(tmp_path: Path) -> None:
    """A server that was killed leaves its address behind; nobody is sent there."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ServerAddress(gone.pid, "http://127.0.0.1:1", "http://127.0.0.1:2", "token").write(tmp_path)
    assert find_server(tmp_path) is None
    (tmp_path / "server.json").write_text("{")
    assert find_server(tmp_path) is None


def test_a_remote_store_answers_like_the_store_itself(server: LocalServer) -> None:
    """Views and jobs through the server give the rows, the types and the errors of the store."""
    assert post(server.address, body(5)).status == 200
    assert server.wait_until_stored()
    remote, local = find_server(server.directory), server._store
    assert remote is not None
    assert local is not None
    remote.run("roll", {})
    for view in ("usage_by_model", "usage_overview", "users_by_day"):
        wanted = {name: value for name, value in PARAMETERS.items() if name in sql.view(view).parameters}
        rows = remote.read(view, wanted)
        assert rows
        assert rows == local.read(view, wanted)
    assert isinstance(remote.read("usage_by_model", PARAMETERS)[0]["last_used_at"], dt.datetime)


def test_a_remote_store_raises_what_the_store_would(server: LocalServer) -> None:
    """Unknown names offer the nearest, wrong parameters are named."""
    remote = find_server(server.directory)
    assert remote is not None
    with pytest.raises(ParameterError):
        remote.read("usage_by_model", {})
    with pytest.raises(UnknownNameError, match="did you mean") as unknown:
        remote.read("usage_by_modell", PARAMETERS)
    assert unknown.value.nearest == "usage_by_model"
    with pytest.raises(UnknownNameError):
        remote.run("rol", {})


def test_a_server_that_went_away_is_named(server: LocalServer) -> None:
    """A client that outlives its server gets an error with the address."""
    remote = find_server(server.directory)
    assert remote is not None
    server.stop()
    with pytest.raises(ServerError, match="does not answer"):
        remote.read("usage_by_model", PARAMETERS)


def test_the_control_channel_wants_its_token_and_its_name(server: LocalServer) -> None:
    """Without the token nobody asks; a page that pretends to be on this machine is refused."""
    token = f"Bearer {server.address.token}"
    expected = {
        (): 401,
        (("Authorization", "Bearer wrong"),): 401,
        (("Authorization", "Bearer \xff"),): 401,
        (("Authorization", token), ("Host", "evil.example:80")): 421,
        (("Authorization", token),): 400,
    }
    sender = Sender(server.address.http_url)
    for path in ("views/usage_by_model", "topics/models"):
        answers = {
            headers: sender.send(b'{"parameters": []}', path=f"/control/{path}", headers=dict(headers) or {"X": "y"})
            for headers in expected
        }
        assert {headers: answer.status for headers, answer in answers.items()} == expected, path
        assert all("error" in answer.json() for answer in answers.values()), path
    sender.close()


def test_status_and_health_tell_what_happened(start_server: StartServer) -> None:
    """The status counts what came, what was stored and why things were refused."""
    server = start_server(roll_interval_seconds=0.2)
    post(server.address, body(10, attributes={"modeltally.operation": "model.load", "secret": "x"}))
    post(server.address, b"\xff")
    assert server.wait_until_stored()
    deadline = time.monotonic() + 30
    sender = Sender(server.address.http_url)
    while not (status := sender.send(b"", method="GET", path="/status").json())["last_roll"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status["received"] == {"requests": 2, "spans": 10}
    assert status["stored_spans"] == 10
    assert status["refused"] == {"malformed": 1}
    assert status["filtered_attributes"] == 10
    assert status["quarantined"] == {}
    assert status["spool"]["records"] == 0
    assert status["last_roll"]["error"] is None
    assert status["versions"]["chdb-core"]
    health = sender.send(b"", method="GET", path="/healthz")
    assert (health.status, health.json()) == (200, {"status": "ok"})
    sender.close()


def test_answers_are_kept_and_the_status_says_how_often(server: LocalServer) -> None:
    """Whoever asks the same again gets the answer that was kept, with its age; the status has the hit rate."""

    def cache() -> dict[str, object]:
        sender = Sender(server.address.http_url)
        try:
            told: dict[str, object] = sender.send(b"", method="GET", path="/status").json()["cache"]
        finally:
            sender.close()
        return told

    remote = find_server(server.directory)
    assert remote is not None
    assert (cache()["hits"], cache()["hit_rate"]) == (0, None)
    post(server.address, body(10))
    assert server.wait_until_stored()
    remote.run("roll", {})
    statistics = Statistics(remote, settings=Settings(dir=server.directory))
    first, second = (statistics.ask(OPERATIONS, DECADE) for _ in range(2))
    assert [row["operations"] for row in first.rows] == [row["operations"] for row in second.rows] == [10]
    assert (first.trust.n, first.trust.newest_at) == (10, second.trust.newest_at)
    assert second.trust.answer_age_seconds > first.trust.answer_age_seconds == 0
    told = cache()
    assert (told["hits"], told["misses"], told["hit_rate"], told["answers"]) == (1, 1, 0.5, 1)
    post(server.address, body(1, seed=1))
    assert server.wait_until_stored()
    assert statistics.ask(OPERATIONS, DECADE).rows[0]["operations"] == 11


def test_health_is_bad_when_the_disk_is_at_its_floor(start_server: StartServer) -> None:
    """503 with the reason, and spans are refused with Retry-After."""
    server = start_server(min_free_disk_bytes=2**50)
    sender = Sender(server.address.http_url)
    health = sender.send(b"", method="GET", path="/healthz")
    sender.close()
    assert health.status == 503
    assert "bytes free" in json.loads(health.content)["reason"]
    answer = post(server.address, body())
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")


def test_health_is_good_as_long_as_bodies_are_taken(start_server: StartServer) -> None:
    """Little room above the floor is no failure while what is sent is still accepted."""
    server = start_server()
    disk = os.statvfs(server.directory)
    spare = 80 * 1024**2
    tight = start_server(min_free_disk_bytes=max(0, disk.f_bavail * disk.f_frsize - spare))
    assert post(tight.address, body()).status == 200
    sender = Sender(tight.address.http_url)
    assert sender.send(b"", method="GET", path="/healthz").status == 200
    sender.close()


def test_nobody_else_reads_what_a_server_writes(tmp_path: Path) -> None:
    """Every file and folder is the owner's alone, though the umask leaves all open and the directory was there."""
    directory = tmp_path / "data"
    directory.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        with LocalServer(settings_for(directory)) as server:
            assert post(server.address, body(50)).status == 200
            assert server.wait_until_stored()
            files = [path for path in directory.rglob("*") if not path.is_symlink()]
            open_to_others = [path for path in files if path.exists() and path.stat().st_mode & 0o077]
        assert len(files) > 100
        assert open_to_others == []
        assert os.umask(0) == 0
    finally:
        os.umask(before)


def test_a_thread_that_is_gone_is_told(server: LocalServer) -> None:
    """Health and status name a thread that ended, whichever it is, instead of going on as if it were there."""
    assert server.problem() is None
    receiver = server._receiver
    assert receiver is not None
    shipper = receiver._shippers["metrics"]._thread
    scheduler = server._scheduler
    assert scheduler is not None
    for worker in (shipper, *scheduler._threads):
        gone = threading.Thread(target=int)
        gone.start()
        gone.join()
        kept, worker._thread = worker._thread, gone
        remote = find_server(server.directory)
        assert remote is not None
        assert f"the thread {worker.name} of the server is gone" in str(remote.status()["problem"])
        worker._thread = kept
    assert server.problem() is None


STUCK = (
    "SELECT max(damerauLevenshteinDistance(concat(repeat('ab', 2000), toString(number)), repeat('ba', 2000)))"
    " FROM numbers(60000)"
)


@pytest.mark.slow(seconds=25, why="a query that cannot be interrupted")
def test_a_query_that_cannot_be_interrupted_holds_no_stop(tmp_path: Path) -> None:
    """SIGTERM ends the process though the engine is in a call of minutes; what was acknowledged is there afterwards."""
    directory = tmp_path / "data"
    process = start_process(directory)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    sender = Sender(url)
    assert sender.send(body(100)).status == 200
    sender.close()
    address = ServerAddress.read(directory)
    assert address is not None
    asking = socket.create_connection(("127.0.0.1", urlsplit(address.clickhouse_url).port or 0))
    head = (
        f"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {address.token}\r\nContent-Length: {len(STUCK)}"
    )
    asking.sendall(f"{head}\r\n\r\n{STUCK}".encode())
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(80) == 0
    asking.close()
    process.stdout.close()
    assert stored(directory, "SELECT count() AS rows FROM otel_traces") == [{"rows": 100}]


LATE = """
import threading
from modeltally.server.stopping import stop_in_time

threading.Thread(target=threading.Event().wait).start()
stop_in_time(STOP, is_clean=lambda: CLEAN, timeout_seconds=0.2)
print("went on")
"""


@pytest.mark.parametrize(
    ("stop", "clean", "code"), [("threading.Event().wait", "True", 1), ("lambda: None", "False", 0)]
)
def test_a_stop_that_hangs_is_ended(stop: str, clean: str, code: int) -> None:
    """A stop that never returns ends with 1, one that leaves something behind with 0; neither waits for threads."""
    ended = subprocess.run(
        [sys.executable, "-c", LATE.replace("STOP", stop).replace("CLEAN", clean)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == code
    assert "went on" not in ended.stdout
