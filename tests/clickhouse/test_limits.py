"""What one query may cost, how many may run, and that a query nobody waits for ends."""

from __future__ import annotations

import contextlib
import gc
import socket
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest

from clickhouse.client import ask, running
from modeltally.clickhouse import app
from receiver.bodies import body, post
from support.stores import ask as ask_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.server import LocalServer
    from modeltally.store import EmbeddedStore
    from support.stores import Template

QUESTIONS = 2
SECONDS = 30
ENDLESS = "SELECT sum(cityHash64(number)) FROM numbers(1000000000000)"
PATIENCE_SECONDS = 20
UNDER_WAY = f"SELECT count() AS queries FROM system.processes WHERE query = '{ENDLESS}'"  # noqa: S608 - our own text


@pytest.fixture(scope="module")
def server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Run a server that allows little."""
    limits = {
        "clickhouse_queries": QUESTIONS,
        "clickhouse_query_seconds": SECONDS,
        "clickhouse_query_memory_bytes": 64 * 1024**2,
        "clickhouse_result_rows": 1000,
        "clickhouse_result_bytes": 100_000,
    }
    with running(template.copy(tmp_path_factory.mktemp("clickhouse")), **limits) as started:
        yield started


def under_way(server: LocalServer) -> int:
    """How many of the endless queries the engine works on."""
    store = server._store
    assert store is not None
    return int(ask_store(_embedded(store), UNDER_WAY)[0]["queries"])


def _embedded(store: object) -> EmbeddedStore:
    return store  # type: ignore[return-value] # what a server opens by itself


def wait_for(server: LocalServer, queries: int) -> None:
    """Wait until the engine works on so many endless queries."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while under_way(server) != queries:
        assert time.monotonic() < deadline, f"not {queries} queries"
        time.sleep(0.05)


@contextlib.contextmanager
def endless(server: LocalServer, **arguments: object) -> Iterator[None]:
    """Ask what never ends, and go away without a word at the end of the block."""
    url = urlsplit(server.address.clickhouse_url)
    where = urlencode({"query": ENDLESS, **arguments})
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=60) as connection:
        head = f"GET /?{where} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.address.token}\r\n\r\n"
        connection.sendall(head.encode())
        yield


@pytest.mark.parametrize(
    ("query", "arguments", "code", "status"),
    [
        (ENDLESS, {"max_execution_time": "0.5"}, 159, 408),
        ("SELECT uniqExact(number) FROM numbers(30000000)", {}, 241, 500),
        ("SELECT number FROM numbers(1001)", {}, 396, 500),
        ("SELECT repeat('x', 1000) FROM numbers(500)", {}, 396, 500),
        ("SELECT number FROM numbers(100)", {"max_result_rows": "10"}, 396, 500),
        ("SELECT number FROM numbers(1001) FORMAT Native", {"client_protocol_version": "54405"}, 396, 500),
    ],
    ids=["time", "memory", "rows", "bytes", "rows of the client's choice", "rows in blocks"],
)
def test_query_that_costs_too_much_is_refused(
    server: LocalServer, query: str, arguments: dict[str, str], code: int, status: int
) -> None:
    """Time, memory and the size of an answer are bounded: the answer is the error, never a part."""
    answer = ask(server, query, also=arguments)
    assert (answer.code, answer.status) == (code, status), answer.text[:200]
    assert ask(server, "SELECT count() FROM numbers(1000)").text == "1000\n"


def test_query_of_a_client_that_went_away_ends(server: LocalServer, caplog: pytest.LogCaptureFixture) -> None:
    """Without its client the engine stops working on it, its place is free, and nobody reads of an error in the log."""
    with endless(server):
        wait_for(server, 1)
    wait_for(server, 0)
    with endless(server), endless(server):
        wait_for(server, QUESTIONS)
    wait_for(server, 0)
    assert ask(server, "SELECT 1").text == "1\n"
    gc.collect()
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


def test_more_than_may_run_wait_and_more_than_may_wait_are_told(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every place taken one waits in line, the next gets 503 with TOO_MANY_SIMULTANEOUS_QUERIES (202)."""
    monkeypatch.setattr(app, "MAX_WAITING", 1)
    with ThreadPoolExecutor(4) as pool:
        with endless(server), endless(server):
            wait_for(server, QUESTIONS)
            asked = [pool.submit(ask, server, "SELECT 'waited'") for _ in range(4)]
            refused = [future.result() for future in islice(as_completed(asked, PATIENCE_SECONDS), 3)]
            (waiting,) = [future for future in asked if not future.done()]
        answer = waiting.result(PATIENCE_SECONDS)
    assert {(one.status, one.code, one.headers["retry-after"]) for one in refused} == {(503, 202, "1")}
    assert answer.text == "waited\n"


@pytest.mark.slow(seconds=8, why="every place of a server taken")
def test_spans_are_taken_while_every_place_is_taken(server: LocalServer) -> None:
    """Questions without end hold up neither what services send nor the commands."""
    with endless(server), endless(server):
        wait_for(server, QUESTIONS)
        for seed in range(100, 110):
            assert post(server.address, body(50, seed=seed)).status == 200
        assert server.wait_until_stored()
        assert under_way(server) == QUESTIONS
    wait_for(server, 0)


def test_client_is_answered_whatever_the_engine_does(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a query's time its client hears of it, though the engine is in a call that it cannot interrupt."""
    monkeypatch.setattr(app, "GRACE_SECONDS", 1.0 - SECONDS)
    answer = ask(server, ENDLESS)
    assert (answer.code, answer.status) == (159, 408), answer.text
    wait_for(server, 0)


def test_server_that_stops_ends_what_is_asked(server: LocalServer) -> None:
    """A stop does not wait for a query without end, and the directory can be opened anew at once."""
    with endless(server):
        wait_for(server, 1)
        server.stop()
    with running(server.directory) as again:
        assert ask(again, "SELECT count() > 0 FROM usage_events").text == "1\n"
