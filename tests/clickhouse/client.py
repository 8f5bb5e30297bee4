"""Asks the ClickHouse interface of a server by hand, so that every part of a request can be bent."""

from __future__ import annotations

import base64
import contextlib
import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import clickhouse_connect

from modeltally.server import LocalServer
from receiver.bodies import Sender, body
from support.servers import settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

SPANS = 30


@contextlib.contextmanager
def running(directory: Path, **settings: object) -> Iterator[LocalServer]:
    """Run a server that has stored a few spans, for tests that only read."""
    with LocalServer(settings_for(directory, **settings)) as server:
        sender = Sender(server.address.otlp_url)
        assert sender.send(body(SPANS)).status == 200
        sender.close()
        assert server.wait_until_stored()
        yield server


@dataclass(frozen=True)
class Answer:
    """What came back; headers by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> int:
        """ClickHouse's code of what is wrong, 0 for nothing."""
        return int(self.headers.get("x-clickhouse-exception-code", "0"))

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def ask(
    server: LocalServer,
    query: str | bytes = b"",
    /,
    *,
    method: str = "POST",
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    also: Mapping[str, object] | None = None,
    **arguments: object,
) -> Answer:
    """Send one query as the user ``default`` with the server's token."""
    url = urlsplit(server.address.clickhouse_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
    shown = base64.b64encode(f"default:{server.address.token}".encode()).decode()
    arguments |= also or {}
    where = f"{path}?{urlencode(arguments)}" if arguments else path
    body = query.encode() if isinstance(query, str) else query
    try:
        connection.request(method, where, body, {"Authorization": f"Basic {shown}", **(headers or {})})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
    finally:
        connection.close()


def connect(server: LocalServer, **how: object) -> Client:
    """Open clickhouse-connect's own client on a server."""
    url = urlsplit(server.address.clickhouse_url)
    options: dict[str, object] = {"username": "default", "password": server.address.token, **how}
    return clickhouse_connect.get_client(host=url.hostname, port=url.port or 0, **options)  # type: ignore[arg-type] # as given
