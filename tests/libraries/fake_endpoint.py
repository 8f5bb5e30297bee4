"""A server of models on this machine: each path answers with what the test gives, as JSON, as lines, or as bytes.

What is answered may also depend on what is asked: then a function is given the request's JSON.
"""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FakeEndpoint", "running_endpoint"]


@dataclass
class FakeEndpoint:
    """What it answers and what it was asked.

    Attributes:
        answers: By path: bytes as they are, a list line by line, anything else as JSON; or a function that is given
            what is asked and says the status and the answer, whose bytes are a stream of events.
        statuses: By path, where not 200.
        asked: The paths, in order.
        url: Where it is.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def running_endpoint() -> Iterator[FakeEndpoint]:
    """Run a server for a block."""
    endpoint = FakeEndpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, asked: bytes) -> None:
            path = self.path.partition("?")[0]
            endpoint.asked.append(path)
            answer = endpoint.answers.get(path, {"error": {"message": "no such path"}})
            status = endpoint.statuses.get(path, 200 if path in endpoint.answers else 404)
            bytes_kind = "audio/mpeg"
            if callable(answer):
                status, answer = answer(json.loads(asked))
                bytes_kind = "text/event-stream"
            if isinstance(answer, bytes):
                kind, body = bytes_kind, answer
            elif isinstance(answer, list):
                kind, body = "application/x-ndjson", "".join(f"{json.dumps(line)}\n" for line in answer).encode()
            else:
                kind, body = "application/json", json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
