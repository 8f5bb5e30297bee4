"""A server with a fixed time on a store that was lived in, asked over real sockets."""

from __future__ import annotations

import csv
import datetime as dt
import http.client
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

from modeltally.server import LocalServer
from queries.given import Given, Operation, give
from support.environment import forget_environment
from support.servers import settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from support.stores import Template

NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)
HOSTILE = "<script>alert(1)</script>\u202e\U0001f600/" + "x" * 300
USER = f"{7:016x}"


def given() -> Given:
    """A month of a small studio: models in use, idle, never used; failures; users; a pattern."""
    ago = NOW - dt.timedelta(days=1)
    return Given(
        operations=[
            Operation(at=ago, model="org/flux", user=7, times=20, every_seconds=600),
            Operation(at=ago, model="org/flux", user=8, times=4, outcome="error", error_type="oom", every_seconds=900),
            Operation(at=NOW - dt.timedelta(days=3), model="sdxl", user=7, times=6, ms=4000),
            Operation(at=NOW - dt.timedelta(days=5), model=HOSTILE, times=2),
            Operation(at=NOW - dt.timedelta(days=60), model="old", times=3),
            Operation(at=NOW - dt.timedelta(days=2), operation="model.download", model="shelf",
                      attributes={"modeltally.model.size_bytes": "1000"}),
            Operation(at=NOW - dt.timedelta(days=3), operation="pattern.run", pattern="router", ms=20, times=10),
            Operation(at=NOW - dt.timedelta(days=2), operation="pattern.run", pattern="retry", ms=30, times=5,
                      outcome="failure"),
        ]
    )  # fmt: skip


@dataclass(frozen=True)
class Answered:
    """An answer.

    Attributes:
        status: Its status.
        headers: Its headers, by name in lower case.
        body: Its body.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def table(self) -> list[dict[str, str]]:
        """The body as CSV."""
        return list(csv.DictReader(io.StringIO(self.body.decode())))


@dataclass(frozen=True)
class Client:
    """Asks a server.

    Attributes:
        url: Where it is.
        token: What it wants to see of who acts.
    """

    url: str
    token: str
    _headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, headers: Mapping[str, str] | None = None, /, **query: object) -> Answered:
        """Get a path."""
        return self.send("GET", path, headers, **query)

    def act(self, path: str, headers: Mapping[str, str] | None = None, /, **query: object) -> Answered:
        """Post to a path, with the token."""
        return self.send("POST", path, {"Authorization": f"Bearer {self.token}", **(headers or {})}, **query)

    def send(self, method: str, path: str, headers: Mapping[str, str] | None = None, /, **query: object) -> Answered:
        """Send a request."""
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        try:
            connection.request(method, f"{path}?{urlencode(query)}" if query else path, headers=dict(headers or {}))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answered(response.status, found, response.read())
        finally:
            connection.close()

    def rows(self, path: str, **query: object) -> list[dict[str, Any]]:
        """Get the rows of a list."""
        answered = self.get(path, **query)
        assert answered.status == 200, answered.body
        return answered.content["rows"]  # type: ignore[no-any-return] # rows are what lists have


@pytest.fixture(scope="module")
def running(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Start a server whose time stands still."""
    with pytest.MonkeyPatch.context() as patch:
        forget_environment(patch)
        directory: Path = tmp_path_factory.mktemp("api")
        with template.opened(directory) as store:
            give(store, given())
        with LocalServer(settings_for(directory, cache_ttl_minutes=15), clock=lambda: NOW) as server:
            yield server


@pytest.fixture(scope="module")
def client(running: LocalServer) -> Client:
    """Ask that server."""
    return Client(running.address.http_url, running.address.token)
