"""A ClickHouse server for tests: its HTTP interface, to read and write with, in front of the real engine.

It takes what clickhouse-connect sends: statements with parameters and settings, inserts with their rows in the body,
over HTTP or HTTPS, from one user with a password. Requests are read by the code of the local server.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import tempfile
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import chdb

from modeltally.clickhouse.errors import Code, RefusedQueryError, from_engine
from modeltally.clickhouse.request import decompress, read

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.clickhouse.engine import Query


USER = "writer"
PASSWORD = "a password; with 'signs' & spaces"  # noqa: S105 - a made-up one
MAX_BODY_BYTES = 256 * 1024**2


class Server(ThreadingHTTPServer):
    """The interface, with the engine behind it.

    Attributes:
        statements: Every statement that ran, in order.
    """

    daemon_threads = True

    def __init__(self, directory: Path, tls: ssl.SSLContext | None) -> None:
        """Listen on a free port of this machine.

        Args:
            directory: Where the engine keeps its files.
            tls: Makes it HTTPS.
        """
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self._path = str(directory.resolve())
        self._engine = chdb.connect(self._path)  # keeps it open between requests
        self.statements: list[str] = []
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://{USER}@localhost:{self.server_port}/modeltally"

    def answer(self, query: Query) -> tuple[bytes, str]:
        """Run a statement; gives the answer and its format."""
        head, _, data = query.text.partition("\n")
        with self._connection(query) as connection:
            self.statements.append(query.text)
            if head.startswith("INSERT") and head.endswith("FORMAT Native"):
                raise AssertionError(f"rows as text: {data[:20]}")
            result = connection.query(query.text, query.default_format, params=dict(query.parameters))
            return result.bytes(), query.text.rpartition("FORMAT ")[2].strip() or query.default_format

    def insert(self, query: Query, rows: bytes) -> None:
        """Insert rows that came as a block."""
        target = query.text.rpartition("FORMAT")[0]
        with self._connection(query) as connection, tempfile.NamedTemporaryFile(suffix=".native") as file:
            file.write(rows)
            file.flush()
            self.statements.append(target)
            connection.query(f"{target} FROM INFILE '{file.name}' FORMAT Native")

    @contextlib.contextmanager
    def _connection(self, query: Query) -> Iterator[Any]:
        connection = chdb.connect(self._path)
        try:
            for name, value in query.settings.items():
                connection.query(f"SET {name} = '{value}'")
            if query.database:
                connection.query(f"USE `{query.database}`")
            yield connection
        except RuntimeError as error:
            raise from_engine(error) from error
        finally:
            connection.close()

    def server_close(self) -> None:
        """Let go of port and engine."""
        super().server_close()
        self._engine.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        try:
            body = decompress(self._body(), self.headers.get("Content-Encoding", ""), max_bytes=MAX_BODY_BYTES)
            self._check_password()
            self._answer(body)
        except RefusedQueryError as error:
            code = {"X-ClickHouse-Exception-Code": str(error.code)}
            self._send(HTTPStatus(error.status), error.message(chdb.engine_version).encode(), code)

    def _answer(self, body: bytes) -> None:
        arguments = parse_qsl(urlsplit(self.path).query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        rows = b""
        if headers.get("content-type") == "application/octet-stream":
            body, _, rows = body.partition(b"\n")
        query = read(self.command, arguments, headers, body).query
        if rows:
            self.server.insert(query, rows)
            self._send(HTTPStatus.OK, b"", {})
        else:
            content, form = self.server.answer(query)
            self._send(HTTPStatus.OK, content, {"X-ClickHouse-Format": form} if content else {})

    def _check_password(self) -> None:
        shown = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if not hmac.compare_digest(self.headers.get("Authorization", ""), f"Basic {shown}"):
            raise RefusedQueryError(Code.AUTHENTICATION_FAILED, "Authentication failed")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send(self, status: HTTPStatus, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)


@contextlib.contextmanager
def served(directory: Path, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve an engine's directory; a process can have one open at a time."""
    directory.mkdir(parents=True, exist_ok=True)
    with Server(directory, tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
