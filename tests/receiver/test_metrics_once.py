"""What is acknowledged of metrics is stored once, whatever the store does meanwhile, and whoever is killed."""

from __future__ import annotations

import random
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.errors import StoreError
from modeltally.receiver.metrics.sink import ATTEMPTS
from modeltally.receiver.spool import shipper
from modeltally.server import LocalServer
from modeltally.store import EmbeddedStore, open_store, sql
from receiver.bodies import Sender, body
from receiver.metric_bodies import KINDS, PATH, STORED_ONCE, counter, metrics_request, post_metrics, rows_of
from server.test_server import start_process
from support.servers import StartServer, settings_for
from support.stores import stored
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from support.stores import Template

    Insert = Callable[[EmbeddedStore, Path, Sequence[str], str], None]

SEED = 9
KILLS = 3
BODIES = 120


class Unsteady:
    """The real store, with faults put between it and the server."""

    def __init__(self, store: EmbeddedStore, insert: Insert) -> None:
        """Take the store, and what to do instead of an insert."""
        self.store = store
        self.insert = insert
        self.quarantine_works = True

    def __getattr__(self, name: str) -> Any:
        """Everything else is the store's own."""
        return getattr(self.store, name)

    def insert_metrics(self, path: Path, *, batch_id: str, kinds: Sequence[str] = KINDS) -> None:
        """Insert, or not."""
        self.insert(self.store, path, kinds, batch_id)

    def quarantine_metrics(self, refused: Any) -> None:
        """Quarantine, or not."""
        if not self.quarantine_works:
            raise StoreError("the store is down")
        self.store.quarantine_metrics(refused)


@pytest.fixture
def unsteady(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., LocalServer]]:
    """Start a server whose store has faults."""
    monkeypatch.setattr(shipper, "MAX_BACKOFF_SECONDS", 0.02)
    servers: list[LocalServer] = []

    def start(insert: Insert, **given: int) -> LocalServer:
        opened: Callable[..., Any] = lambda *where, **how: Unsteady(open_store(*where, **how), insert)  # noqa: E731
        server = LocalServer(settings_for(template.copy(tmp_path / "data"), **given), open_store=opened)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()


def test_a_batch_whose_answer_got_lost_is_stored_once(unsteady: Callable[..., LocalServer]) -> None:
    """An insert that worked and then reported an error is repeated under its id, and counts once in every table."""
    attempts: list[str] = []

    def insert(store: EmbeddedStore, path: Path, kinds: Sequence[str], batch_id: str) -> None:
        store.insert_metrics(path, kinds=kinds, batch_id=batch_id)
        attempts.append(batch_id)
        if attempts.count(batch_id) == 1:
            raise StoreError("the answer got lost")

    server = unsteady(insert)
    assert post_metrics(server.address, metrics_request().SerializeToString()).status == 200
    assert server.wait_until_stored()
    server.stop()
    assert {kind: len(found) for kind, found in rows_of(server.directory).items()} == dict.fromkeys(KINDS, 1)
    assert attempts.count(attempts[0]) > 1
    assert server.counters["metrics"]["stored_items"] == 5


@pytest.mark.slow(seconds=5, why="two servers")
def test_what_was_acknowledged_before_a_stop_is_stored_after_it(
    unsteady: Callable[..., LocalServer], start_server: StartServer
) -> None:
    """A store that is down keeps nothing from being acknowledged; the next server stores it, once."""

    def insert(store: EmbeddedStore, path: Path, kinds: Sequence[str], batch_id: str) -> None:
        opened = server._store
        assert isinstance(opened, Unsteady)
        opened.quarantine_works = False
        if "gauge" in kinds:
            store.insert_metrics(path, kinds=["gauge"], batch_id=batch_id)
        if list(kinds) != ["gauge"]:
            raise StoreError("the store is down")

    server = unsteady(insert)
    assert post_metrics(server.address, metrics_request().SerializeToString()).status == 200
    assert wait_until(lambda: server.problem() == "the store is down", timeout_seconds=60)
    assert not server.wait_until_stored(timeout_seconds=0.1)
    server.stop()
    again = start_server(dir=server.directory)
    assert post_metrics(again.address, metrics_request().SerializeToString()).status == 200
    assert again.wait_until_stored()
    again.stop()
    assert {kind: len(found) for kind, found in rows_of(server.directory).items()} == dict.fromkeys(KINDS, 1)


@pytest.mark.slow(seconds=5, why="a batch tried until it is given up")
def test_what_a_table_refuses_is_set_aside(unsteady: Callable[..., LocalServer]) -> None:
    """Of a batch one kind cannot be stored: it is set aside and told, the other kinds and the next batch are stored."""

    def insert(store: EmbeddedStore, path: Path, kinds: Sequence[str], batch_id: str) -> None:
        if "histogram" in kinds and b"poison" in path.read_bytes():
            raise StoreError("this makes the engine fall over")
        store.insert_metrics(path, kinds=kinds, batch_id=batch_id)

    server = unsteady(insert)
    for service in ("poison", "next"):
        content = metrics_request(resource={"service.name": service}).SerializeToString()
        assert post_metrics(server.address, content).status == 200
        assert server.wait_until_stored()
    assert server.problem() is None
    server.stop()
    services = {kind: sorted(row["ServiceName"] for row in rows) for kind, rows in rows_of(server.directory).items()}
    assert services == {kind: ["next"] if kind == "histogram" else ["next", "poison"] for kind in KINDS}
    assert stored(server.directory, "SELECT reason, kind, points, names, detail FROM metrics_quarantine") == [
        {
            "reason": "refused_by_store",
            "kind": "histogram",
            "points": 1,
            "names": "modeltally.histogram",
            "detail": "this makes the engine fall over",
        }
    ]
    assert stored(server.directory, "SELECT count() AS rows FROM usage_quarantine") == [{"rows": 0}]
    (aside,) = (server.directory / "metrics_spool" / "refused").iterdir()
    assert b"poison" in aside.read_bytes()
    assert server.counters["metrics"]["stored_items"] == 9
    assert server.counters["metrics"].status()["rejected"] == {"refused_by_store": 1}


@pytest.mark.slow(seconds=24, why="a batch tried until it is given up")
def test_what_the_engine_itself_refuses_of_one_kind_is_set_aside(server: LocalServer) -> None:
    """One insert fills the tables of four kinds before the fifth refuses: in the end each of the four has it once."""
    store = server._store
    assert isinstance(store, EmbeddedStore)
    store.database.command(
        sql.Statement("refuse", "ALTER TABLE otel_metrics_summary ADD CONSTRAINT c CHECK ServiceName != 'poison'")
    )
    for service in ("poison", "next"):
        content = metrics_request(resource={"service.name": service}).SerializeToString()
        assert post_metrics(server.address, content).status == 200
        assert server.wait_until_stored(timeout_seconds=120)
    server.stop()
    services = {kind: sorted(row["ServiceName"] for row in rows) for kind, rows in rows_of(server.directory).items()}
    assert services == {kind: ["next"] if kind == "summary" else ["next", "poison"] for kind in KINDS}
    (row,) = stored(server.directory, "SELECT kind, points, detail FROM metrics_quarantine")
    assert (row["kind"], row["points"]) == ("summary", 1)
    assert "is violated" in row["detail"]


def test_nothing_is_set_aside_when_the_whole_store_is_down(unsteady: Callable[..., LocalServer]) -> None:
    """A store that refuses everything, the quarantine too, is waited for, and then takes everything once."""
    down = True
    attempts = threading.Semaphore(0)

    def insert(store: EmbeddedStore, path: Path, kinds: Sequence[str], batch_id: str) -> None:
        opened = server._store
        assert isinstance(opened, Unsteady)
        opened.quarantine_works = not down
        attempts.release()
        if down:
            raise StoreError("the store is down")
        store.insert_metrics(path, kinds=kinds, batch_id=batch_id)

    server = unsteady(insert)
    for number in range(3):
        assert post_metrics(server.address, counter(number, points=2)).status == 200
    for _ in range(2 * ATTEMPTS * len(KINDS)):  # more often than it takes to give a batch up
        assert attempts.acquire(timeout=60)
    down = False
    assert server.wait_until_stored()
    server.stop()
    assert stored(server.directory, STORED_ONCE) == [{"rows": 6, "points": 6}]
    assert list((server.directory / "metrics_spool" / "refused").iterdir()) == []


def test_the_spool_of_metrics_is_full_for_metrics_alone(unsteady: Callable[..., LocalServer]) -> None:
    """Metrics that cannot be stored fill their own spool: 503 with Retry-After, and spans are still taken."""

    def insert(_store: EmbeddedStore, _path: Path, _kinds: Sequence[str], _batch_id: str) -> None:
        raise StoreError("Code: 243. NOT_ENOUGH_SPACE")

    server = unsteady(insert, metrics_spool_max_bytes=1024**2)
    sent = 0
    while (answer := post_metrics(server.address, counter(sent, points=1000))).status == 200:
        sent += 1
    assert answer.status == 503
    assert answer.headers["retry-after"] == "2"
    assert sent > 5
    assert "the spool is full" in (server.problem() or "")
    sender = Sender(server.address.otlp_url)
    assert sender.send(body(10)).status == 200
    sender.close()


@pytest.mark.slow(seconds=15, why="a server killed three times")
def test_nothing_is_lost_or_doubled_when_it_is_killed(tmp_path: Path) -> None:
    """Killed three times with -9 while it is fed, the server has stored every point once in the end."""
    directory = tmp_path / "data"
    source = random.Random(SEED)
    contents = [counter(number, points=5) for number in range(BODIES)]
    kill_after = sorted(source.sample(range(10, BODIES - 10), KILLS))
    waiting = 0
    victim = Victim(directory)
    for number, content in enumerate(contents):
        assert victim.sender.send(content, path=PATH).status == 200
        if number in kill_after:
            victim.end(signal.SIGKILL)
            waiting += len(list((directory / "metrics_spool").glob("*.spool")))
            victim = Victim(directory)
            assert victim.sender.send(content, path=PATH).status == 200  # as one who did not see the answer
    assert victim.end(signal.SIGTERM) == 0
    (found,) = stored(directory, STORED_ONCE)
    assert found == {"rows": 5 * BODIES, "points": 5 * BODIES}, f"seed {SEED}, kills after {kill_after}"
    assert waiting > 0, f"seed {SEED}: no kill came between acknowledging and storing"


class Victim:
    """A server's process, and a connection to it."""

    def __init__(self, directory: Path) -> None:
        """Start it, and wait until it answers."""
        self._process = start_process(directory)
        assert self._process.stdout is not None
        self.sender = Sender(self._process.stdout.readline().strip())

    def end(self, how: signal.Signals) -> int:
        """Send it a signal; gives its exit code."""
        self._process.send_signal(how)
        with self._process:  # closes its output
            code = self._process.wait(60)
        self.sender.close()
        return code
