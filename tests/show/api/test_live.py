"""What happens, told over real sockets: by server-sent events and by a websocket, with the same events."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from modeltally.server import LocalServer
from modeltally.show.api import live
from receiver.bodies import post, request
from show.api.conftest import Client
from support.servers import settings_for
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.stores import Template


@pytest.fixture(scope="module")
def started(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Start a server in whose time things happen."""
    directory = template.copy(tmp_path_factory.mktemp("live"))
    with LocalServer(settings_for(directory)) as server:
        yield server


class Stream:
    """Reads server-sent events."""

    def __init__(
        self, server: LocalServer, headers: str = "", query: str = "", receive_bytes: int | None = None
    ) -> None:
        """Connect and ask."""
        where = urlsplit(server.address.http_url)
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(60)
        self.socket.connect((where.hostname or "", where.port or 0))
        self.socket.sendall(f"GET /api/v1/events{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.head = b"".join(iter(self.file.readline, b"\r\n")).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.file.close()

    def lines(self) -> Iterator[str]:
        """Give every line, taken out of its chunks."""
        rest = b""
        while True:
            size = int(self.file.readline() or b"0", 16)
            rest += self.file.read(size)
            self.file.readline()
            *whole, rest = rest.split(b"\n")
            yield from (line.decode() for line in whole)
            if not size:
                return

    def events(self) -> Iterator[dict[str, Any]]:
        """Give every event, with what its id and kind are on the wire."""
        fields: dict[str, str] = {}
        for line in self.lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "data" in fields:
                event = json.loads(fields["data"])
                assert (fields["event"], fields.get("id", "")) == (event["kind"], event["id"])
                yield event
                fields = {}


def test_snapshot_comes_first_then_what_is_stored_within_two_seconds(started: LocalServer) -> None:
    """Who connects gets a snapshot; spans that are sent are told of soon, with model and outcome."""
    with Stream(started) as stream:
        assert "text/event-stream" in stream.head
        events = stream.events()
        snapshot = next(events)
        assert snapshot["kind"] == "snapshot"
        assert snapshot["data"]["state"]["data"]["status"] == "ok"
        wait_until(lambda: started.backend.events.is_watched)
        time.sleep(1.5)  # the watcher takes what is there as known
        made = request(3)
        for span in made.resource_spans[0].scope_spans[0].spans:
            span.start_time_unix_nano, span.end_time_unix_nano = time.time_ns() - 10**9, time.time_ns()
        post(started.address, made.SerializeToString())
        began = time.monotonic()
        event = next(event for event in events if event["kind"] == "operations")
        assert time.monotonic() - began < 30  # two seconds on a quiet machine: see make bench-live
        assert event["data"]["count"] == 3
        assert {line["operation"] for line in event["data"]["lines"]} == {"model.request"}


def test_websocket_tells_the_same(started: LocalServer) -> None:
    """Over a websocket the same events come, with the same ids."""
    with Stream(started) as stream, connect(_ws(started)) as websocket:
        events = stream.events()
        assert (next(events)["kind"], json.loads(websocket.recv(60))["kind"]) == ("snapshot", "snapshot")
        started.backend.events.publish("advice", {"made": [1]})
        by_stream = next(event for event in events if event["kind"] == "advice")
        while (by_socket := json.loads(websocket.recv(60)))["kind"] != "advice":
            pass
        assert by_socket == by_stream


@pytest.mark.parametrize("way", ["header", "query", "websocket"])
def test_who_comes_back_gets_what_it_missed(started: LocalServer, way: str) -> None:
    """By the header that browsers send, by a parameter, and over the websocket."""
    broker = started.backend.events
    with Stream(started) as stream:
        events = stream.events()
        next(events)
        broker.publish("advice", {"n": 1})
        seen = next(event for event in events if event["kind"] == "advice")["id"]
    broker.publish("advice", {"n": 2})
    if way == "websocket":
        with connect(f"{_ws(started)}?last={seen}") as websocket:
            missed = json.loads(websocket.recv(60))
            while missed["kind"] == "state":
                missed = json.loads(websocket.recv(60))
    else:
        headers, query = (f"Last-Event-ID: {seen}\r\n", "") if way == "header" else ("", f"?last={seen}")
        with Stream(started, headers, query) as stream:
            missed = next(event for event in stream.events() if event["kind"] != "state")
    assert (missed["kind"], missed["data"]) == ("advice", {"n": 2})


@pytest.mark.parametrize("last_id", ["nonsense", "y" * 8000, "%00%0a", "-1"])
def test_strange_id_gets_a_snapshot(started: LocalServer, last_id: str) -> None:
    """An id that is none, however long, begins anew."""
    with Stream(started, f"Last-Event-ID: {last_id}\r\n") as stream:
        assert next(stream.events())["kind"] == "snapshot"


def test_heartbeats_come_while_nothing_happens(started: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment now and then keeps the connection open through whatever is between."""
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.05)
    with Stream(started) as stream:
        assert ": ping" in next(line for line in stream.lines() if line.startswith(":"))


def test_listener_that_does_not_read_is_cut_off(started: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads nothing loses the connection and holds nothing of the server; who reads gets all."""
    monkeypatch.setattr(live, "SEND_SECONDS", 0.2)
    broker = started.backend.events
    wait_until(lambda: broker.listeners == 0)
    with Stream(started, receive_bytes=4096) as slow, Stream(started) as quick:
        events = quick.events()
        next(events)
        number = 0
        deadline = time.monotonic() + 60
        while broker.listeners > 1 and time.monotonic() < deadline:
            number += 1
            broker.publish("advice", {"n": number, "text": "z" * 200_000})
            event = next(event for event in events if event["kind"] == "advice")
            assert event["data"]["n"] == number
        assert broker.listeners == 1
        with contextlib.suppress(ConnectionError):
            while slow.socket.recv(65536):
                pass
    assert started.problem() is None


def test_websocket_that_does_not_read_is_cut_off(started: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same over a websocket."""
    monkeypatch.setattr(live, "SEND_SECONDS", 0.2)
    broker = started.backend.events
    wait_until(lambda: broker.listeners == 0)
    where = urlsplit(started.address.http_url)
    with socket.socket() as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect((where.hostname or "", where.port or 0))
        stalled.sendall(_upgrade({}))
        wait_until(lambda: broker.listeners == 1)
        deadline = time.monotonic() + 60
        while broker.listeners and time.monotonic() < deadline:
            broker.publish("advice", {"text": "z" * 200_000})
            time.sleep(0.01)
        assert broker.listeners == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
def test_websocket_of_a_foreign_page_is_refused(started: LocalServer, headers: dict[str, str], status: int) -> None:
    """A page of another server, or under another name, is not let in."""
    where = urlsplit(started.address.http_url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=60) as asking:
        asking.sendall(_upgrade(headers))
        assert asking.recv(1000).startswith(f"HTTP/1.1 {status} ".encode())


def test_websocket_elsewhere_is_not_found(started: LocalServer) -> None:
    """Only one path has a websocket."""
    for path in ("/api/v1/nobody", "/nobody", "/healthz"):
        with pytest.raises(InvalidStatus) as refused, connect(f"{_ws(started).removesuffix('/api/v1/ws')}{path}"):
            pass
        assert refused.value.response.status_code in {403, 404}


def test_what_a_websocket_says_is_not_heeded(started: LocalServer) -> None:
    """Words are read and let go; a message that is too long ends the connection, and the server goes on."""
    with connect(_ws(started)) as websocket:
        websocket.recv(60)
        for said in ("hello", b"\x00\xff", json.dumps({"action": "erase"})):
            websocket.send(said)
        started.backend.events.publish("advice", {})
        while json.loads(websocket.recv(60))["kind"] != "advice":
            pass
        websocket.send("x" * 100_000)
        with pytest.raises(ConnectionClosed):
            _last_of(websocket)
    assert started.is_running


def test_there_is_no_place_for_too_many(started: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many listeners the next is sent away with a problem, by either way."""
    broker = started.backend.events
    wait_until(lambda: broker.listeners == 0)
    monkeypatch.setattr(broker, "_max_listeners", 1)
    client = Client(started.address.http_url, started.address.token)
    with Stream(started) as stream:
        next(stream.events())
        refused = client.get("/api/v1/events")
        assert (refused.status, refused.headers["retry-after"]) == (503, "10")
        with pytest.raises(InvalidStatus) as denied, connect(_ws(started)):
            pass
        assert denied.value.response.status_code == 503
    wait_until(lambda: broker.listeners == 0)


def test_connection_of_a_websocket_lives_longer_than_a_head_may_take(
    started: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline of a request's head is none for a websocket."""
    from modeltally.server import connections  # noqa: PLC0415 - this test alone

    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    with connect(_ws(started)) as websocket:
        websocket.recv(60)
        time.sleep(0.6)
        started.backend.events.publish("advice", {})
        while json.loads(websocket.recv(60))["kind"] != "advice":
            pass


def test_server_that_stops_lets_everybody_go(template: Template, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Listeners are told, and hold up no stop."""
    # a process has one directory open at a time: this test has a server of its own, in a process of its own
    from cli.conftest import start_server  # noqa: PLC0415 - this test alone

    home = tmp_path_factory.mktemp("stopping")
    running = start_server(template.copy(home / "data"), home)
    url = running.http_url.replace("http", "ws", 1)
    with connect(f"{url}/api/v1/ws") as websocket:
        websocket.recv(60)
        running.process.terminate()
        with pytest.raises(ConnectionClosed):
            _last_of(websocket)
    running.process.communicate(timeout=60)
    assert running.process.returncode == 0


def _upgrade(headers: dict[str, str]) -> bytes:
    """Ask for a websocket, as a browser does."""
    sent = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", **headers}  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"GET /api/v1/ws HTTP/1.1\r\n{lines}\r\n".encode()


def _last_of(websocket: Any) -> None:
    """Read until the connection is closed."""
    while True:
        websocket.recv(60)


def _ws(server: LocalServer) -> str:
    return f"{server.address.http_url.replace('http', 'ws', 1)}/api/v1/ws"
