"""A real OTLP/HTTP receiver on a local socket that can also misbehave."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True)
class SeenSpan:
    """One span as it arrived."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    kind: int
    status: int
    attributes: dict[str, object]
    resource: dict[str, object]
    scope: str


@dataclass(frozen=True)
class Answer:
    """How to answer one request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    rejected: int = 0
    padding_bytes: int = 0
    is_hanging: bool = False
    is_resetting: bool = False


class Sink:
    """Collects spans; the next answers come from a list, then from :attr:`answer`."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.answer = Answer()
        self.answers: list[Answer] = []
        self.spans: list[SeenSpan] = []
        self.batches: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.released = threading.Event()
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def operations(self) -> list[SeenSpan]:
        """What arrived without heartbeats."""
        return [span for span in self.spans if span.name != "heartbeat"]

    @property
    def heartbeats(self) -> list[dict[str, object]]:
        """The heartbeats' attributes, without their prefix."""
        prefix = "modeltally.heartbeat."
        return [
            {key.removeprefix(prefix): value for key, value in span.attributes.items() if key.startswith(prefix)}
            for span in self.spans
            if span.name == "heartbeat"
        ]

    def wait_for(self, condition: Callable[[], bool], *, timeout_seconds: float = 20.0) -> bool:
        """Wait until something that arrived makes the condition true."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_seconds)

    def close(self) -> None:
        """Stop listening."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, body: bytes, path: str, headers: dict[str, str]) -> Answer:
        with self._changed:
            answer = self.answers.pop(0) if self.answers else self.answer
            self.headers.append(headers)
            self.paths.append(path)
            if answer.status == 200 and not answer.is_hanging and not answer.is_resetting:
                seen = list(read_spans(body))
                self.spans.extend(seen)
                self.batches.append(len(seen))
            self._changed.notify_all()
            return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {key.lower(): value for key, value in self.headers.items()}
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                answer = sink._take(body, self.path, headers)
                if answer.is_hanging:
                    sink.released.wait(60)
                    self.close_connection = True
                    return
                if answer.is_resetting:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                response = ExportTraceServiceResponse()
                if answer.rejected:
                    response.partial_success.rejected_spans = answer.rejected
                if answer.padding_bytes:
                    response.partial_success.error_message = "x" * answer.padding_bytes
                content = response.SerializeToString()
                self.send_response(answer.status)
                for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                del format, args

        return Handler


def read_spans(body: bytes) -> Iterable[SeenSpan]:
    """Decode the spans of a request."""
    for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield SeenSpan(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    kind=span.kind,
                    status=span.status.code,
                    attributes=_attributes(span.attributes),
                    resource=resource,
                    scope=scope_spans.scope.name,
                )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float = 20.0) -> bool:
    """Poll a condition that nothing announces."""
    ends_at = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.005)
    return True
