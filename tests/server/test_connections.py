"""Connections that do nothing, or little, keep nobody out, and the check of the host's name is on every port."""

from __future__ import annotations

import contextlib
import http.client
import resource
import selectors
import socket
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import yaml

from modeltally.receiver import http as http_listener
from modeltally.server import connections
from modeltally.settings import load_settings
from receiver.bodies import Sender, body, post
from support.servers import settings_for
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.server import LocalServer
    from support.servers import StartServer

ROOT = Path(__file__).parents[2]
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
LARGE = 16 * 1024**2


@pytest.fixture
def _many_files() -> Iterator[None]:
    """Let this process have some thousand connections, both ends of each."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def open_connection(url: str, sent: bytes = b"") -> socket.socket:
    """Open a connection and send something."""
    where = urlsplit(url)
    connection = socket.create_connection((where.hostname or "", where.port or 0), timeout=60)
    with contextlib.suppress(OSError):
        connection.sendall(sent)
    return connection


def is_closed(connection: socket.socket) -> bool:
    """Tell whether the server has closed a connection."""
    connection.setblocking(False)  # noqa: FBT003 - the library's own
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.usefixtures("_many_files")
@pytest.mark.parametrize("sent", [b"", HEAD + b"X-Slow: "], ids=["idle", "unfinished heads"])
def test_connections_without_a_request_keep_nobody_out(
    server: LocalServer, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more of them than there are places, on each port, an honest sender is answered at once."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 600.0)
    address = server.address
    held = [
        open_connection(url, sent)
        for url in (address.otlp_url, address.http_url, address.clickhouse_url)
        for _ in range(connections.MAX_CONNECTIONS + 20)
    ]
    for seed in range(5):
        assert post(address, body(10, seed=seed)).status == 200
    for url, path in ((address.http_url, "/healthz"), (address.clickhouse_url, "/ping")):
        assert get(url, path) == 200
    assert wait_until(lambda: sum(map(is_closed, held)) >= 3 * 20)
    for connection in held:
        connection.close()


def get(url: str, path: str, **headers: str) -> int:
    """Ask for a path; gives the status."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    connection.request("GET", path, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_an_unfinished_head_has_a_deadline(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed without an answer, the first of a connection and a later one; one at work is not."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    url = start_server().address.otlp_url
    first = open_connection(url, b"POST /v1/tra")
    later = open_connection(url, b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert later.recv(12) == b"HTTP/1.1 404"
    later.sendall(b"GET /now")
    slow = open_connection(url, HEAD + b"Content-Length: 2\r\n\r\n\x0a")
    assert wait_until(lambda: is_closed(first) and (drain(later) or is_closed(later)))
    assert not is_closed(slow)
    for connection in (first, later, slow):
        connection.close()


def drain(connection: socket.socket) -> bool:
    """Read what is there; tells that the end is not reached."""
    connection.setblocking(False)  # noqa: FBT003 - the library's own
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass
    return False


@pytest.mark.slow(seconds=6, why="eighty megabytes of bodies")
def test_large_bodies_that_stop_keep_no_small_one_out(server: LocalServer) -> None:
    """While the room for bodies is taken by some that never end, small ones are taken as before."""
    head = HEAD + f"Content-Length: {LARGE}\r\n\r\n".encode()
    held = [open_connection(server.address.otlp_url, head + bytes(LARGE - 10)) for _ in range(5)]
    for seed in range(10):
        assert post(server.address, body(10, seed=seed)).status == 200
    for connection in held:
        connection.close()


def test_a_body_that_drips_is_answered_408(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that come forever, and one that stands still, have a deadline; who sends beside them is served."""
    monkeypatch.setattr(http_listener, "BODY_TIMEOUT_SECONDS", 1.0)
    address = start_server().address
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    dripping, still = (open_connection(address.otlp_url, head + b"1\r\n\x0a\r\n") for _ in range(2))
    while not is_answered(dripping):
        with contextlib.suppress(OSError):
            dripping.sendall(b"1\r\n\x0a\r\n")
        assert post(address, body(1)).status == 200
    assert wait_until(lambda: is_answered(still))
    for connection in (dripping, still):
        connection.settimeout(60)
        assert connection.recv(12) == b"HTTP/1.1 408"
        connection.close()


def is_answered(connection: socket.socket) -> bool:
    """Tell whether there is something to read."""
    with selectors.DefaultSelector() as waiting:  # select() takes no descriptor beyond 1,023
        waiting.register(connection, selectors.EVENT_READ)
        return bool(waiting.select(0.02))


def test_requests_in_one_piece_are_each_answered(server: LocalServer) -> None:
    """Two hundred requests written at once, before any answer is read, are two hundred acknowledgements."""
    requests = b"".join(
        HEAD + f"Content-Length: {len(content)}\r\n\r\n".encode() + content
        for content in (body(1, seed=seed) for seed in range(200))
    )
    connection = open_connection(server.address.otlp_url, requests)
    answers = b""
    while answers.count(b"HTTP/1.1 200") < 200 and (piece := connection.recv(65_536)):
        answers += piece
    connection.close()
    assert answers.count(b"HTTP/1.1 200") == 200
    assert server.counters["traces"]["items"] == 200


def test_every_port_knows_its_names(start_server: StartServer) -> None:
    """Names of this machine and those of the settings are served; others get 421, or PERMISSION_DENIED of gRPC."""
    address = start_server(allowed_hosts="modeltally, box.internal").address
    ports = [(address.otlp_url, "/v1/traces"), (address.http_url, "/healthz"), (address.clickhouse_url, "/ping")]
    served = {"/v1/traces": 405, "/healthz": 200, "/ping": 200}
    for url, path in ports:
        port = urlsplit(url).port
        for host in (
            "localhost",
            f"127.0.0.1:{port}",
            f"[::1]:{port}",
            "LOCALHOST:1",
            "modeltally:4318",
            "box.internal",
        ):
            assert get(url, path, Host=host) == served[path], (path, host)
        for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "box", "[::1", ""):
            assert get(url, path, Host=host) in {421, 400}, (path, host)


def test_services_of_the_compose_file_can_be_named(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that containers know each other by are served once the environment lists them, and not before."""
    names = list(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])
    assert "collector" in names
    for listed in (False, True):
        if listed:
            monkeypatch.setenv("MODELTALLY_ALLOWED_HOSTS", ",".join(names))
        address = start_server(allowed_hosts=load_settings().allowed_hosts).address
        for url, path, served in (
            (address.otlp_url, "/v1/traces", 405),
            (address.http_url, "/healthz", 200),
            (address.clickhouse_url, "/ping", 200),
        ):
            for name in names:
                asked = f"{name}:{urlsplit(url).port}"
                assert get(url, path, Host=asked) == (served if listed else 421), (path, asked)


def test_a_page_of_another_origin_gets_nothing_in(server: LocalServer) -> None:
    """What a page may send unasked is refused for its type, and what it has to ask for is not allowed to it."""
    address = server.address
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        page = {"Origin": "https://evil.example", "Content-Type": content_type}
        with closing(Sender(address.otlp_url)) as sender:
            assert sender.send(body(), headers=page).status == 415
    wishes = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for url, path in ((address.otlp_url, "/v1/traces"), (address.http_url, "/status"), (address.clickhouse_url, "/")):
        for method in ("OPTIONS", "GET"):
            with closing(Sender(url)) as sender:
                answer = sender.send(b"", headers=wishes, method=method, path=path)
            assert answer.status in ({405} if method == "OPTIONS" else {200, 405})
            assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("authority", "taken"),
    [("localhost", True), ("127.0.0.1:1", True), ("modeltally:4317", True), ("evil.example", False), ("box", False)],
)
def test_grpc_knows_its_names(start_server: StartServer, authority: str, taken: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """The authority of a call is checked like the host of a request."""
    grpc = pytest.importorskip("grpc", reason="grpcio is missing: pip install grpcio")
    server = start_server(allowed_hosts="modeltally")
    target = server.address.otlp_grpc_url.removeprefix("http://")
    with grpc.insecure_channel(target, options=[("grpc.default_authority", authority)]) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        if taken:
            call(body(3), timeout=60)
        else:
            with pytest.raises(grpc.RpcError) as raised:
                call(body(3), timeout=60)
            assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert server.wait_until_stored()
    assert server.counters["traces"]["items"] == (3 if taken else 0)


def test_names_of_hosts_are_names(tmp_path: object) -> None:
    """A list of names is read with blanks and brackets; what is no name is refused."""
    settings = settings_for(Path(str(tmp_path)), allowed_hosts=" a , [fd00::1],b.c ,")
    assert settings.allowed_host_names == ["a", "fd00::1", "b.c"]
    with pytest.raises(ValueError, match="names of hosts"):
        settings_for(Path(str(tmp_path)), allowed_hosts="http://a")
