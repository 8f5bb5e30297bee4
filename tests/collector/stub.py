"""A ClickHouse server as far as the collector's exporter talks to one: its HTTP interface in front of the real engine.

``python tests/collector/stub.py --directory DIR --port PORT`` opens (and migrates) the store of a data directory in a
process of its own, because a directory has one owner and nothing may fork beside the engine. It says ``ready`` on
standard output and ends in order on SIGTERM. It is for tests: anybody on this machine may write to it.

The exporter speaks ClickHouse's Native format. It asks for the server's version first, and reads that one answer in the
revision of its own client: a block header and one byte more after each column's type. Naming an old revision in that
answer makes all that follows plain blocks behind the header, which is what the engine's ``Native`` output is.
"""

from __future__ import annotations

import argparse
import signal
import struct
import sys
import tempfile
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import chdb
from clickhouse_connect.driver.exceptions import ClickHouseError

from modeltally.store import EmbeddedStore, open_store

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# Block header: field 1, not an overflow; field 2, bucket -1; end.
_HEADER: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"
# Before this revision a block has no more than the header in front of it, and values no custom serialisation.
_OLD_REVISION: Final = 54400
_TOO_LARGE: Final = (
    "Code: 241. DB::Exception: Query memory limit exceeded: would use more than allowed. (MEMORY_LIMIT_EXCEEDED)"
)


def _text(value: str) -> bytes:
    encoded = value.encode()
    if len(encoded) > 127:
        raise ValueError(f"{value!r} is too long for a length of one byte")
    return bytes([len(encoded)]) + encoded


def hello() -> bytes:
    """Answer the question for name, version, revision and time zone, in the revision of the client."""
    columns = [
        ("displayName()", "String", _text("stub")),
        ("version()", "String", _text(chdb.engine_version)),
        ("revision()", "UInt32", struct.pack("<I", _OLD_REVISION)),
        ("timezone()", "String", _text("UTC")),
    ]
    block = _HEADER + bytes([len(columns), 1])
    for name, kind, value in columns:
        block += _text(name) + _text(kind) + b"\x00" + value
    return block


class Server(ThreadingHTTPServer):
    """The interface, with the engine behind it."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, store: EmbeddedStore, *, port: int, max_body_bytes: int, scratch: Path) -> None:
        """Listen.

        Args:
            store: The open store.
            port: Where to listen, on this machine only; 0 picks a free one.
            max_body_bytes: The largest insert taken; a larger one is refused as by a server that is out of memory.
            scratch: A directory for the bodies on their way into the engine.
        """
        super().__init__(("127.0.0.1", port), Handler)
        self._client: Client = store.database._client
        self._gate = threading.Lock()
        self._scratch = scratch
        self._max_body_bytes = max_body_bytes

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about a collector that was killed in the middle of a sentence."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def answer(self, statement: str) -> bytes:
        """Answer a question."""
        if "displayName()" in statement:
            return hello()
        with self._gate:
            return _HEADER + bytes(self._client.raw_query(statement, fmt="Native"))

    def insert(self, statement: str, body: bytes) -> None:
        """Run an insert whose rows are the body.

        Raises:
            ClickHouseError: The engine refused.
        """
        if len(body) > self._max_body_bytes:
            raise ClickHouseError(_TOO_LARGE)
        target = statement.rpartition("FORMAT")[0]
        with self._gate, tempfile.NamedTemporaryFile(dir=self._scratch, suffix=".native") as file:
            file.write(body)
            file.flush()
            self._client.command(f"{target} FROM INFILE '{file.name}' FORMAT Native")


class Handler(BaseHTTPRequestHandler):
    """One connection of the exporter."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        """Answer a question or take an insert."""
        body = self._body()
        query = parse_qs(urlsplit(self.path).query).get("query", [""])[0]
        try:
            if query:
                self.server.insert(query, body)
                self._send(HTTPStatus.OK, b"")
            else:
                self._send(HTTPStatus.OK, self.server.answer(body.decode()))
        except ClickHouseError as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, str(error).encode(), code="241")

    def do_GET(self) -> None:
        """Answer a ping."""
        self._send(HTTPStatus.OK, b"Ok.\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send(self, status: HTTPStatus, content: bytes, *, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.send_header("X-ClickHouse-Format", "Native")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := self._chunk_bytes():
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _chunk_bytes(self) -> int:
        """Read how large the next chunk is.

        Raises:
            ConnectionError: There is none: the collector ended in the middle of its insert.
        """
        line = self.rfile.readline()
        if not line:
            raise ConnectionError("the body is cut short")
        return int(line.split(b";")[0], 16)


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--max-body-bytes", type=int, default=2**40)
    options = parser.parse_args()
    store = open_store(options.directory)
    store.migrate()
    try:
        with (
            tempfile.TemporaryDirectory(dir=options.directory) as scratch,
            Server(store, port=options.port, max_body_bytes=options.max_body_bytes, scratch=Path(scratch)) as server,
        ):
            # shutdown() waits for the loop that runs in this very thread: another one has to ask for it
            signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            server.serve_forever(poll_interval=0.05)
    finally:
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
