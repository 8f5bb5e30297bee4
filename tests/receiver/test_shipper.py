"""Segments reach the store once each, whatever the store does meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modeltally.errors import StoreError
from modeltally.receiver.spool import shipper
from modeltally.receiver.spool.record import read_records
from modeltally.server import LocalServer
from modeltally.store import EmbeddedStore, open_store
from receiver.bodies import ATTRIBUTES, START_NS, all_spans, body, post, request
from support.engine_files import files_with
from support.servers import StartServer, settings_for
from support.stores import ask, stored
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from modeltally.store import QuarantinedSpan
    from support.stores import Template

COUNT = "SELECT count() AS rows, uniqExact(TraceId, SpanId) AS spans FROM otel_traces"


class Unsteady:
    """The real store, with faults put between it and the server."""

    def __init__(self, store: EmbeddedStore, insert: Callable[[EmbeddedStore, Path, str], None]) -> None:
        """Take the store, and what to do instead of an insert."""
        self.store = store
        self.insert = insert
        self.quarantine_works = True

    def __getattr__(self, name: str) -> Any:
        """Everything else is the store's own."""
        return getattr(self.store, name)

    def insert_spans(self, path: Path, *, batch_id: str) -> None:
        """Insert, or not."""
        self.insert(self.store, path, batch_id)

    def quarantine(self, spans: Sequence[QuarantinedSpan]) -> None:
        """Quarantine, or not."""
        if not self.quarantine_works:
            raise StoreError("the store is down")
        self.store.quarantine(spans)


@pytest.fixture
def unsteady(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., LocalServer]]:
    """Start a server whose store has faults."""
    monkeypatch.setattr(shipper, "MAX_BACKOFF_SECONDS", 0.02)
    servers: list[LocalServer] = []

    def start(insert: Callable[[EmbeddedStore, Path, str], None], **given: int) -> LocalServer:
        settings = settings_for(template.copy(tmp_path / "data"), **given)
        opened: Callable[..., Any] = lambda *where, **how: Unsteady(open_store(*where, **how), insert)  # noqa: E731
        server = LocalServer(settings, open_store=opened)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()


def test_a_batch_handed_over_twice_is_stored_once(unsteady: Callable[..., LocalServer]) -> None:
    """An insert that worked and then reported an error is repeated under its id, and counts once."""
    attempts: list[str] = []

    def insert(store: EmbeddedStore, path: Path, batch_id: str) -> None:
        store.insert_spans(path, batch_id=batch_id)
        attempts.append(batch_id)
        if len(attempts) < 3:
            raise StoreError("the answer got lost")

    server = unsteady(insert)
    assert post(server.address, body(100)).status == 200
    assert server.wait_until_stored()
    server.stop()
    assert len(attempts) == 3
    assert len(set(attempts)) == 1
    assert stored(server.directory, COUNT) == [{"rows": 100, "spans": 100}]


@pytest.mark.slow(seconds=5, why="a batch tried until it is given up")
def test_a_span_the_store_refuses_does_not_take_its_batch_along(unsteady: Callable[..., LocalServer]) -> None:
    """Of 64 spans in one batch two cannot be stored: 62 are stored, two quarantined, and the next batch passes."""
    poison = START_NS + 17 * 1_000_000, START_NS + 50 * 1_000_000
    marks = [start.to_bytes(8, "little") for start in poison]

    def insert(store: EmbeddedStore, path: Path, batch_id: str) -> None:
        if any(mark in path.read_bytes() for mark in marks):
            raise StoreError("this span makes the engine fall over")
        store.insert_spans(path, batch_id=batch_id)

    server = unsteady(insert)
    assert post(server.address, body(64)).status == 200
    assert post(server.address, body(10, seed=1)).status == 200
    assert server.wait_until_stored()
    server.stop()
    assert stored(server.directory, COUNT) == [{"rows": 72, "spans": 72}]
    expected = sorted(span.span_id.hex() for span in all_spans(request(64)) if span.start_time_unix_nano in poison)
    rows = stored(server.directory, "SELECT span_id, reason, detail FROM usage_quarantine ORDER BY span_id")
    assert [row["span_id"] for row in rows] == expected
    assert {row["reason"] for row in rows} == {"refused_by_store"}
    assert "fall over" in rows[0]["detail"]
    assert len(list((server.directory / "spool" / "refused").iterdir())) == 1


@pytest.mark.slow(seconds=6, why="two batches tried until they are given up")
def test_an_erased_user_leaves_what_was_set_aside(unsteady: Callable[..., LocalServer]) -> None:
    """Batches that nobody can store lose the hash when the user is erased; those that come later at the next expiry."""
    erased = str(ATTRIBUTES["user.hash"])
    marks = [START_NS.to_bytes(8, "little"), (START_NS + 1_000_000).to_bytes(8, "little")]

    def insert(store: EmbeddedStore, path: Path, batch_id: str) -> None:
        if any(mark in path.read_bytes() for mark in marks):
            raise StoreError("this span makes the engine fall over")
        store.insert_spans(path, batch_id=batch_id)

    server = unsteady(insert)
    refused = server.directory / "spool" / "refused"
    store = server._store
    assert store is not None
    for number, job in enumerate((("erase_user", {"user_hash": erased}), ("expire", {}))):
        assert post(server.address, body(4, seed=number)).status == 200
        assert server.wait_until_stored()
        assert [path for path in refused.iterdir() if erased.encode() in path.read_bytes()], "else nothing is shown"
        store.run(*job)
        assert files_with(server.directory, int(erased, 16)) == {}
    records = [record for path in refused.iterdir() for record in read_records(path.read_bytes())]
    assert sum(record.items for record in records) == 8
    assert server.problem() is None


def test_nothing_is_quarantined_when_the_whole_store_is_down(unsteady: Callable[..., LocalServer]) -> None:
    """A store that refuses everything, the quarantine too, is waited for; health says so meanwhile."""
    down = True

    def insert(store: EmbeddedStore, path: Path, batch_id: str) -> None:
        if down:
            stores[0].quarantine_works = False
            raise StoreError("the store is down")
        stores[0].quarantine_works = True
        store.insert_spans(path, batch_id=batch_id)

    server = unsteady(insert)
    stores = [server_store(server)]
    assert post(server.address, body(5)).status == 200
    assert wait_until(lambda: server.problem() == "the store is down", timeout_seconds=60)
    assert not server.wait_until_stored(timeout_seconds=0.1)
    down = False
    assert server.wait_until_stored()
    assert server.problem() is None
    assert ask(stores[0].store, COUNT) == [{"rows": 5, "spans": 5}]
    assert ask(stores[0].store, "SELECT count() AS rows FROM usage_quarantine") == [{"rows": 0}]


def test_health_is_good_again_when_the_quarantine_takes_its_rows(unsteady: Callable[..., LocalServer]) -> None:
    """A quarantine that failed once is tried again without waiting for spans, and then all is well."""
    server = unsteady(lambda store, path, batch_id: store.insert_spans(path, batch_id=batch_id))
    opened = server_store(server)
    opened.quarantine_works = False
    made = request(1)
    next(all_spans(made)).trace_id = b""
    assert post(server.address, made.SerializeToString()).status == 200
    assert wait_until(lambda: server.problem() == "the store is down", timeout_seconds=60)
    opened.quarantine_works = True
    assert wait_until(lambda: server.problem() is None, timeout_seconds=60)
    assert ask(opened.store, "SELECT count() AS rows FROM usage_quarantine") == [{"rows": 1}]


def server_store(server: LocalServer) -> Unsteady:
    """Give the store a server has open."""
    store = server._store
    assert isinstance(store, Unsteady)
    return store


def test_a_full_spool_answers_503_and_recovers(unsteady: Callable[..., LocalServer]) -> None:
    """While the store is down and the spool full the server says so and loses nothing it acknowledged."""
    down = True

    def insert(store: EmbeddedStore, path: Path, batch_id: str) -> None:
        if down:
            raise StoreError("Code: 243. NOT_ENOUGH_SPACE")
        store.insert_spans(path, batch_id=batch_id)

    server = unsteady(insert, spool_max_bytes=1024**2, max_body_bytes=1024**2)
    acknowledged = 0
    while (answer := post(server.address, body(100, seed=acknowledged))).status == 200:
        acknowledged += 1
    assert answer.status == 503
    assert answer.headers["retry-after"] == "2"
    assert "the spool is full" in (server.problem() or "")
    down = False
    assert server.wait_until_stored()
    # there is room when what is stored is deleted, a moment later
    assert wait_until(lambda: post(server.address, body(100, seed=acknowledged)).status == 200)
    server.stop()
    spans = 100 * (acknowledged + 1)
    assert stored(server.directory, COUNT) == [{"rows": spans, "spans": spans}]


@pytest.mark.slow(seconds=5, why="two servers")
def test_what_a_stopped_server_left_is_stored_by_the_next(start_server: StartServer) -> None:
    """A segment found at the start goes to the store like any other."""
    server = start_server()
    assert post(server.address, body(30)).status == 200
    server.stop()
    assert stored(server.directory, COUNT) == [{"rows": 30, "spans": 30}]
    again = start_server()
    assert post(again.address, body(30)).status == 200
    assert post(again.address, body(10, seed=5)).status == 200
    assert again.wait_until_stored()
    again.stop()
    assert stored(again.directory, "SELECT uniqExact(TraceId, SpanId) AS spans FROM otel_traces") == [{"spans": 40}]
