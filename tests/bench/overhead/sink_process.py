"""A real OTLP/HTTP receiver in a process of its own, so that its work is in nobody's figures; it can also misbehave.

It keeps bodies as they come and reads them only when asked. `GET /` answers with what arrived, as JSON.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.overhead.environments import search_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

__all__ = ["MODES", "Sink", "refused_url"]

MODES: Final = ("answering", "hung", "slow", "resetting")
SLOW_SECONDS: Final = 2.0
COUNTERS: Final = frozenset({"requests", "modeltally.operations"})  # of the two sides


class Sink:
    """Starts the process, and ends it."""

    def __init__(self, mode: str = "answering") -> None:
        """Start it.

        Args:
            mode: One of :data:`MODES`.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.overhead.sink_process", mode],
            env={**os.environ, "PYTHONPATH": search_path()},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def __enter__(self) -> Self:
        """Hand it out."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def arrived(self) -> dict[str, int]:
        """Return what arrived: spans, heartbeats, requests, bytes, metric bodies, and what the counters say."""
        with urllib.request.urlopen(f"{self.url}/", timeout=120) as answer:  # noqa: S310 - an address of ours
            seen: dict[str, int] = json.load(answer)
        return seen


def refused_url() -> str:
    """Return an address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def count(bodies: Iterable[tuple[str, bytes]]) -> dict[str, int]:
    """Read the bodies that arrived."""
    seen: Counter[str] = Counter(spans=0, heartbeats=0, requests=0, bytes=0, metric_bodies=0)
    counted: dict[object, float] = {}
    for path, body in bodies:
        seen["requests"] += 1
        seen["bytes"] += len(body)
        if path.endswith("/v1/traces"):
            for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope_spans in resource_spans.scope_spans:
                    for span in scope_spans.spans:
                        seen["heartbeats" if span.name == "heartbeat" else "spans"] += 1
        elif path.endswith("/v1/metrics"):
            seen["metric_bodies"] += 1
            for resource_metrics in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope_metrics in resource_metrics.scope_metrics:
                    for metric in scope_metrics.metrics:
                        read_counter(metric, counted)
    return {**seen, "counted": round(sum(counted.values()))}


def read_counter(metric: Metric, counted: dict[object, float]) -> None:
    """Note the newest value of each series of a counter of operations; the sides count from the start on."""
    if metric.name not in COUNTERS:
        return
    for point in metric.sum.data_points:
        series = tuple(sorted((pair.key, pair.value.string_value) for pair in point.attributes))
        counted[series] = point.as_int or point.as_double


class Receiver(ThreadingHTTPServer):
    """Takes bodies and keeps them, each connection in a thread of its own."""

    daemon_threads = True

    def __init__(self, mode: str) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode = mode
        self.bodies: list[tuple[str, bytes]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: in this place connections break on purpose."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_GET(self) -> None:
        """Tell what arrived."""
        self._answer(json.dumps(count(list(self.server.bodies))).encode())

    def do_POST(self) -> None:
        """Take a body, or misbehave."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.server.mode == "hung":
            threading.Event().wait()
        elif self.server.mode == "slow":
            time.sleep(SLOW_SECONDS)
        elif self.server.mode == "resetting":
            # a reset at once instead of an orderly end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()
            raise ConnectionResetError
        self.server.bodies.append((self.path, body))
        self._answer(b"")

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


def main() -> None:
    """Serve until the process is ended; the first line written is the port."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=MODES)
    receiver = Receiver(parser.parse_args().mode)
    sys.stdout.write(f"{receiver.server_port}\n")
    sys.stdout.flush()
    receiver.serve_forever()


if __name__ == "__main__":
    main()
