"""``modeltally api``: what the local server shows, before a ClickHouse server."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from websockets.sync.client import connect

from modeltally.connect import serve_api
from modeltally.errors import SettingError
from modeltally.jobs import runners
from modeltally.server.served import ApiServer
from modeltally.settings import Settings
from modeltally.store import ServedStore
from modeltally.store.client import Database
from queries.given import Given, Operation, give
from show.api.conftest import Client
from store.served import PASSWORD, Server, served
from support.environment import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.stores import Template

COMMAND = Path(sys.executable).parent / "modeltally"


@pytest.fixture(scope="module")
def clickhouse(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve an engine as a ClickHouse server does, with requests of today in it."""
    directory = template.copy(tmp_path_factory.mktemp("clickhouse"))
    with served(directory / "chdb") as server:
        yield server


@pytest.fixture(scope="module")
def store(clickhouse: Server) -> Iterator[ServedStore]:
    """Open the store on it."""
    database = Database.open_url(clickhouse.url, password=PASSWORD)
    opened = ServedStore(database, settings=Settings(), jobs=runners(is_served=True))
    give(opened, Given(operations=[Operation(at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=3), times=4)]))
    yield opened
    opened.close()


def test_same_routes_answer_and_what_comes_is_told(store: ServedStore) -> None:
    """Figures, health, actions by the token that was set; and events of what others write there."""
    settings = Settings(http_port=0, api_token=SecretStr("a long word"))
    with ApiServer(settings, store) as server:
        client = Client(server.url, server.token)
        assert server.token == "a long word"  # noqa: S105 - the one that was set
        assert [row["requests"] for row in client.rows("/api/v1/topics/models", since="1d")] == [4]
        assert client.get("/healthz").content == client.get("/healthz").content == {"status": "ok"}
        assert client.get("/api/v1/status").content["problem"] is None
        assert client.send("POST", "/api/v1/recommendations/cleanup").status == 401
        assert client.act("/api/v1/recommendations/cleanup").status == 200
        assert client.get("/docs").status == 200
        assert client.get("/api/v1/health", {"Host": "evil.example"}).status == 421
        with connect(f"{server.url.replace('http', 'ws', 1)}/api/v1/ws") as websocket:
            websocket.recv(60)
            told: dict[str, Any] = {}
            sent = 0
            while told.get("kind") != "operations":  # until the watcher has taken what was there as known
                sent += 1
                now = dt.datetime.now(dt.UTC)
                give(store, Given(operations=[Operation(at=now, received_at=now, model="new")]), first_id=10_000 * sent)
                try:
                    told = json.loads(websocket.recv(5))
                except TimeoutError:
                    told = {}
            assert {line["model"] for line in told["data"]["lines"]} == {"new"}


def test_store_that_cannot_answer_is_a_problem_and_tells_nothing(clickhouse: Server) -> None:
    """Where the ClickHouse server cannot answer, questions are answered with a problem, and health says so."""
    nowhere = clickhouse.url.removesuffix("modeltally") + "nowhere"
    store = ServedStore(Database.open_url(nowhere, password=PASSWORD), settings=Settings(), jobs={})
    with ApiServer(Settings(http_port=0), store) as api:
        client = Client(api.url, api.token)
        for path in ("/api/v1/topics/models", "/api/v1/models", "/api/v1/recommendations"):
            answered = client.get(path)
            assert answered.status == 500
            assert PASSWORD not in answered.body.decode()
            assert "DB::" not in answered.body.decode()
        assert client.get("/api/v1/health").status == 503
        assert client.get("/healthz").content["status"] == "failing"
    store.close()


def test_beyond_this_machine_everything_needs_the_token(store: ServedStore) -> None:
    """It may listen for others, who show the token for each question; whether it lives may be asked by anybody."""
    with ApiServer(Settings(http_port=0, host="0.0.0.0"), store) as server:  # noqa: S104 - that is what is tested
        client = Client(server.url.replace("0.0.0.0", "127.0.0.1"), server.token)  # noqa: S104 - as above
        assert client.get("/api/v1/health").status == client.get("/docs").status == 401
        assert client.get("/api/v1/health", {"Authorization": f"Bearer {server.token}"}).status == 200
        assert client.get("/healthz").status == 200


def test_without_a_server_to_ask_it_says_what_to_set() -> None:
    """A directory is answered for by the local server."""
    with pytest.raises(SettingError, match="MODELTALLY_STORE"):
        serve_api(Settings(), ready=lambda _url, _token: None)


def test_command_says_where_it_is_and_ends_by_sigterm(store: ServedStore, clickhouse: Server, tmp_path: Path) -> None:
    """The command prints its address and its token as JSON, answers, and stops in order."""
    del store
    environment = clean_environment(tmp_path) | {
        "MODELTALLY_STORE": clickhouse.url,
        "MODELTALLY_STORE_PASSWORD": PASSWORD,
    }
    process = subprocess.Popen(
        [COMMAND, "api", "--http-port", "0", "--format", "json"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    client = Client(told["http_url"], told["token"])
    assert client.get("/api/v1/health").content["status"] == "ok"
    assert client.act("/api/v1/recommendations/cleanup").status == 200
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
