"""A receiver of alerts: a real HTTP server that keeps what it got and answers what it is told to."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HUGE", "Receiver", "receiving"]

# Not a status: an answer without end, far more than anybody reads.
HUGE = -1
_CHUNK = b"x" * 65_536


class Receiver(http.server.ThreadingHTTPServer):
    """Answers each POST with the next of its statuses.

    Attributes:
        statuses: What to answer, in turn; 204 after that.
        came: The contents that came.
        headers: Their headers.
        elsewhere: How often somebody followed it elsewhere.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[int] = []
        self.came: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.elsewhere = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/hook"

    def told(self) -> list[tuple[str, str, str]]:
        """Name rule, subject and status of each alert that came with an answer that accepts it or not."""
        return [(one["alert"], one["subject"], one["status"]) for content in self.came for one in content["alerts"]]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        """Note that somebody was led here."""
        self.server.elsewhere += 1
        self.send_error(404)

    def do_POST(self) -> None:
        """Keep what came, and answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/hook":
            self.server.elsewhere += 1
        self.server.came.append(json.loads(body))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.send_response(200 if status == HUGE else status)
        if status in range(300, 400):
            self.send_header("Location", self.server.url.replace("/hook", "/elsewhere"))
        if status == HUGE:
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(_CHUNK)
        else:
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
