"""Damage of the engine's files is told by health, status, doctor and check, before the start and during it."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clickhouse.client import connect
from modeltally.doctor.findings import Level
from modeltally.doctor.store import examine_completeness, examine_server
from modeltally.server import find_server
from modeltally.store import EmbeddedStore
from receiver.bodies import Sender, body, post
from server.test_server import PARAMETERS
from support.servers import settings_for
from support.stores import ask

if TYPE_CHECKING:
    from modeltally.server import LocalServer
    from support.servers import StartServer

TABLES = ["otel_traces", "usage_events"]


def health(server: LocalServer) -> tuple[int, str]:
    """Ask for the health of a server: the status, and the reason."""
    with closing(Sender(server.address.http_url)) as sender:
        answer = sender.send(b"", method="GET", path="/healthz")
    return answer.status, answer.json().get("reason", "")


def status(server: LocalServer) -> dict[str, Any]:
    """Ask a server for its status."""
    with closing(Sender(server.address.http_url)) as sender:
        return dict(json.loads(sender.send(b"", method="GET", path="/status").content))


def told(server: LocalServer) -> list[str]:
    """What the doctor finds wrong with a server."""
    found = examine_server(find_server(server.directory), settings_for(server.directory))
    return [finding.what for finding in found if finding.level is Level.FAIL]


def part(server: LocalServer, table: str) -> Path:
    """Give the folder of a part of a table."""
    assert server.wait_until_stored()
    store = server._store
    assert isinstance(store, EmbeddedStore)
    row = ask(store, f"SELECT path FROM system.parts WHERE active AND table = '{table}' LIMIT 1")[0]  # noqa: S608
    return Path(str(row["path"]))


def is_told(server: LocalServer, words: str) -> None:
    """Assert that everybody says so, though what is sent is still taken: a restart would mend nothing."""
    code, reason = health(server)
    assert (code, words in reason) == (200, True), reason
    with closing(Sender(server.address.http_url)) as sender:
        assert sender.send(b"", method="GET", path="/healthz").json()["status"] == "damaged"
    assert words in status(server)["engine_damage"]
    assert any(words in line for line in told(server))
    assert post(server.address, body(3, seed=99)).status == 200


@pytest.mark.parametrize("table", TABLES)
def test_a_part_deleted_before_the_start_is_told(start_server: StartServer, table: str) -> None:
    """Rows that were acknowledged and are gone with their folder are no silence."""
    server = start_server()
    assert post(server.address, body(50)).status == 200
    gone = part(server, table)
    server.stop()
    shutil.rmtree(gone)
    again = start_server()
    is_told(again, f"({table}/{gone.name})")
    client = find_server(again.directory)
    assert client is not None
    broken = {row["check"]: row["broken_rows"] for row in client.run("check", {}) if row["broken_rows"]}
    assert broken.pop("parts_are_there") == 1


def test_a_part_deleted_during_the_run_is_told(server: LocalServer) -> None:
    """The next job that runs by itself notices; health was good before."""
    assert post(server.address, body(50)).status == 200
    gone = part(server, "otel_traces")
    assert health(server) == (200, "")
    shutil.rmtree(gone)
    client = find_server(server.directory)
    assert client is not None
    client.run("roll", {"as_of": PARAMETERS["as_of"]})
    is_told(server, f"otel_traces/{gone.name}")


def test_a_flipped_bit_is_told_by_whoever_reads_it_and_by_the_reading_of_all(start_server: StartServer) -> None:
    """A reader at the port of ClickHouse that meets it, and without any reader the check that runs by itself."""
    server = start_server(verify_interval_seconds=3600.0)
    assert post(server.address, body(500)).status == 200
    data = part(server, "otel_traces") / "data.bin"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.unlink()
    data.write_bytes(content)
    assert health(server) == (200, "")
    with closing(connect(server)) as client, pytest.raises(Exception, match=r"[Cc]hecksum|decompress"):
        client.query("SELECT * FROM otel_traces")
    is_told(server, "a file of the engine is damaged")
    store = server._store
    assert isinstance(store, EmbeddedStore)
    assert store.verify() == [{"table": "otel_traces"}]
    is_told(server, "files of otel_traces are damaged")
    directory = server.directory
    server.stop()
    shutil.rmtree(data.parent)
    first = next(examine_completeness(settings_for(directory), now=dt.datetime.now(dt.UTC)))
    assert (first.level, "1 parts of tables are gone" in first.what) == (Level.FAIL, True)
