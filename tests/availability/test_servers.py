"""Model servers, by stand-ins written from their documented interfaces: whole answers, old ones, broken ones."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.availability.residents import Moved, Residents
from modeltally.availability.servers import LlamaCpp, LlamaSwap, ModelServer, Ollama, Vllm

if TYPE_CHECKING:
    from collections.abc import Iterator


class StandIn:
    """A server that answers what it is told to, and notes what it was asked.

    Attributes:
        answers: Status and body by path; anything else is 404.
        asked: Method and path of each request.
        url: Where it is.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        self.headers: list[str] = []
        self.url = ""

    def say(self, path: str, answer: object, status: int = 200) -> None:
        """Answer a path."""
        self.answers[path] = (status, answer if isinstance(answer, bytes) else json.dumps(answer).encode())


@pytest.fixture(scope="module")
def _running() -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            stand_in.asked.append(f"{self.command} {self.path}")
            stand_in.headers += self.headers.keys()
            status, body = stand_in.answers.get(self.path, (404, b"not found"))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            is_cut = self.path in stand_in.cut
            with contextlib.suppress(OSError):
                self.wfile.write(body[: len(body) // 2] if is_cut else body)
            if is_cut:
                self.close_connection = True
                self.connection.shutdown(2)

        do_POST = do_DELETE = do_GET  # noqa: N815 - as the class wants it

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Say nothing of an answer that was cut on purpose."""

    server = Server(("127.0.0.1", 0), Handler)
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield stand_in
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def stand_in(_running: StandIn) -> StandIn:
    """Give a server that knows nothing yet."""
    for kept in (_running.answers, _running.cut, _running.asked, _running.headers):
        kept.clear()
    return _running


def loaded(server: ModelServer) -> dict[str, str]:
    """Give the state of what a server holds in memory, by name."""
    return {model.name: model.state for model in server.loaded()}


TAGS = {
    "models": [
        {
            "name": "llama3:latest",
            "model": "llama3:latest",
            "modified_at": "2026-08-05T01:02:03Z",
            "size": 4_000_000,
            "digest": "sha256:" + "ab" * 32,
            "details": {"format": "gguf", "family": "llama", "parameter_size": "8B", "quantization_level": "Q4_0"},
        },
        {"name": "old:7b", "size": 5},
        {"size": 3},
        "no object",
    ]
}
PS = {
    "models": [
        {
            "model": "llama3:latest",
            "size": 6_000_000,
            "size_vram": 5_000_000,
            "expires_at": "2026-08-05T02:00:00Z",
        }
    ]
}


def test_ollama_lists_and_tells_what_is_in_memory(stand_in: StandIn) -> None:
    """Models by ``/api/tags``, memory by ``/api/ps``, fields that an older version lacks left out."""
    stand_in.say("/api/tags", TAGS)
    stand_in.say("/api/ps", PS)
    server = Ollama(stand_in.url)
    models = server.listing().models
    assert [(model.name, model.size_bytes) for model in models] == [("llama3:latest", 4_000_000), ("old:7b", 5)]
    assert [revision.name for model in models for revision in model.revisions] == ["ab" * 32]
    (held,) = server.loaded()
    assert (held.name, held.memory_bytes, held.gpu_memory_bytes) == ("llama3:latest", 6_000_000, 5_000_000)
    assert held.expires_at == "2026-08-05T02:00:00Z"
    stand_in.say("/api/ps", {"models": None})
    assert server.loaded() == ()


def test_router_of_llamacpp_tells_what_is_loaded(stand_in: StandIn) -> None:
    """Its status counts, not that a load is said to have failed; a state it has not yet is unknown."""
    stand_in.say(
        "/models",
        {
            "data": [
                {"id": "a", "in_cache": True, "path": "/models/a.gguf", "status": {"value": "loaded", "args": []}},
                {"id": "b", "status": {"value": "loading"}, "meta": {"size": 9}},
                {"id": "c", "status": {"value": "unloaded", "failed": True, "exit_code": 1}},
                {"id": "d", "status": {"value": "dreaming"}},
                {"id": "e", "status": "loaded"},
                {"id": 7},
            ]
        },
    )
    server = LlamaCpp(stand_in.url)
    assert loaded(server) == {"a": "loaded", "b": "loading", "d": "unknown", "e": "unknown"}
    assert [(model.name, model.size_bytes) for model in server.listing().models] == [
        ("a", 0),
        ("b", 9),
        ("c", 0),
        ("d", 0),
        ("e", 0),
    ]


def test_llamacpp_of_one_model_has_it_loaded(stand_in: StandIn) -> None:
    """An older server without ``/models`` lists its one model elsewhere, without a status: it is loaded."""
    stand_in.say("/v1/models", {"object": "list", "data": [{"id": "only.gguf", "object": "model"}]})
    assert loaded(LlamaCpp(stand_in.url)) == {"only.gguf": "loaded"}


def test_vllm_sleeps_only_where_it_says_so(stand_in: StandIn) -> None:
    """Sleep is known in its development mode alone; a server that is not well has its models in no known state."""
    stand_in.say("/v1/models", {"data": [{"id": "base", "root": "org/base"}, {"id": "style", "parent": "base"}]})
    stand_in.say("/health", b"")
    server = Vllm(stand_in.url)
    assert loaded(server) == {"base": "loaded", "style": "loaded"}
    assert [model.kind for model in server.listing().models] == ["", "lora"]
    stand_in.say("/is_sleeping", {"is_sleeping": True})
    assert set(loaded(server).values()) == {"sleeping"}
    stand_in.say("/health", b"", status=503)
    assert set(loaded(server).values()) == {"unknown"}


def test_llama_swap_is_asked_what_runs_and_nothing_that_loads(stand_in: StandIn) -> None:
    """What runs comes from ``/running``; no address of a model is ever asked."""
    stand_in.say("/v1/models", {"data": [{"id": "a"}, {"id": "b"}]})
    stand_in.say(
        "/running",
        {"running": [{"model": "a", "state": "ready", "ttl": 300}, {"model": "b", "state": "starting"},
                     {"model": "c", "state": "stopped"}, {"model": "d", "state": "other"}, {"model": "e"}]},
    )  # fmt: skip
    server = LlamaSwap(stand_in.url)
    assert [model.name for model in server.listing().models] == ["a", "b"]
    assert loaded(server) == {"a": "loaded", "b": "loading", "d": "unknown", "e": "unknown"}
    assert set(stand_in.asked) == {"GET /v1/models", "GET /running"}


SERVERS = [Ollama, LlamaCpp, Vllm, LlamaSwap]
PATHS = {Ollama: "/api/tags", LlamaCpp: "/models", Vllm: "/v1/models", LlamaSwap: "/v1/models"}


@pytest.mark.parametrize("kind", SERVERS)
def test_only_reading_requests_are_made(stand_in: StandIn, kind: type[ModelServer]) -> None:
    """Nothing is ever asked but by GET, at addresses that use no model, and nothing of the user's is sent."""
    kind(stand_in.url).listing()
    kind(stand_in.url).loaded()
    harmless = {"/api/tags", "/api/ps", "/models", "/v1/models", "/health", "/is_sleeping", "/running"}
    assert {request.partition(" ")[0] for request in stand_in.asked} == {"GET"}
    assert {request.partition(" ")[2] for request in stand_in.asked} <= harmless
    assert not {"authorization", "cookie"} & {name.lower() for name in stand_in.headers}


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, b"", "is not there"),
        (401, b"{}", "wants a key"),
        (500, b"{}", "status 500"),
        (302, b"http://127.0.0.1:9/elsewhere", "status 302"),
        (200, b"<html>", "does not answer in JSON"),
        (200, b"[]", "something else"),
        (200, b'{"data": 3, "models": 3}', "something else"),
        (200, b"[" * 100_000, "does not answer in JSON"),
        (200, b"\xff\xfe{", "does not answer in JSON"),
    ],
)
def test_broken_answer_is_a_reason(
    stand_in: StandIn, kind: type[ModelServer], status: int, body: bytes, told: str
) -> None:
    """Whatever a server answers, a listing tells why nothing is known, and raises nothing."""
    stand_in.answers = dict.fromkeys([PATHS[kind], "/v1/models"], (status, body))
    listing = kind(stand_in.url).listing()
    assert not listing.is_readable
    assert told in listing.problems[0]
    assert kind(stand_in.url).loaded() == ()


@pytest.mark.parametrize("kind", SERVERS)
def test_cut_stream_and_closed_port_are_reasons(stand_in: StandIn, kind: type[ModelServer]) -> None:
    """An answer that breaks off, and a server that is not there."""
    stand_in.say(PATHS[kind], {"data": [{"id": "a" * 5000}], "models": [{"name": "a" * 5000}]})
    stand_in.cut.add(PATHS[kind])
    assert "does not answer" in kind(stand_in.url).listing().problems[0]
    nobody = kind("http://name:secret@127.0.0.1:1").listing()
    assert not nobody.is_readable
    assert "secret" not in nobody.problems[0] + nobody.location


def test_endless_answer_is_cut_off(stand_in: StandIn) -> None:
    """An answer that takes too long, by the server's own clock, is given up."""
    stand_in.say("/api/tags", {"models": [{"name": "a" * 100_000}]})
    ticks = iter(range(0, 10_000, 100))
    assert "to an end" in Ollama(stand_in.url, clock=lambda: next(ticks)).listing().problems[0]


def holds(stand_in: StandIn, *models: tuple[str, str]) -> None:
    """Have each kind of server hold models in a state."""
    stand_in.answers.clear()
    stand_in.say("/api/ps", {"models": [{"name": name, "size": 7} for name, state in models if state == "loaded"]})
    stand_in.say("/models", {"data": [{"id": name, "status": {"value": state}} for name, state in models]})
    stand_in.say("/v1/models", {"data": [{"id": name} for name, _ in models]})
    stand_in.say("/health", {})
    stand_in.say("/is_sleeping", {"is_sleeping": any(state == "sleeping" for _, state in models)})


@pytest.mark.parametrize("kind", [Ollama, LlamaCpp, Vllm])
def test_what_came_and_went_is_told_once(stand_in: StandIn, kind: type[ModelServer]) -> None:
    """A model that is there at the first look came; one that is gone at the next left; nothing else moved."""
    residents = Residents([kind(stand_in.url)])
    memory = 7 if kind is Ollama else None
    holds(stand_in, ("a", "loaded"))
    assert residents.look() == [Moved("a", kind.kind, is_loaded=True, memory_bytes=memory)]
    assert residents.look() == []
    holds(stand_in, ("b", "loaded"))
    assert residents.look() == [
        Moved("b", kind.kind, is_loaded=True, memory_bytes=memory),
        Moved("a", kind.kind, is_loaded=False, memory_bytes=memory),
    ]
    assert {each.partition(" ")[0] for each in stand_in.asked} == {"GET"}


def test_sleep_is_an_unload_and_waking_a_load(stand_in: StandIn) -> None:
    """What sleeps has given its memory back; a model on its way is neither here nor gone."""
    residents = Residents([LlamaCpp(stand_in.url)])
    holds(stand_in, ("a", "loading"))
    assert residents.look() == []
    holds(stand_in, ("a", "loaded"))
    assert [each.is_loaded for each in residents.look()] == [True]
    holds(stand_in, ("a", "unloading"))
    assert residents.look() == []
    holds(stand_in, ("a", "sleeping"))
    assert residents.look() == [Moved("a", "llamacpp", is_loaded=False, reason="sleep")]


def test_one_missing_answer_unloads_nothing(stand_in: StandIn) -> None:
    """A server that is late holds what it held; after three looks without an answer it is gone, and so are they."""
    residents = Residents([Ollama(stand_in.url)])
    holds(stand_in, ("a", "loaded"))
    residents.look()
    stand_in.answers.clear()
    assert [residents.look(), residents.look()] == [[], []]
    assert residents.look() == [
        Moved("a", "ollama-server", is_loaded=False, reason="server gone"),
    ]
    assert residents.look() == []
    holds(stand_in, ("a", "loaded"))
    assert [each.is_loaded for each in residents.look()] == [True]
