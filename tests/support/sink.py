"""A real OTLP/HTTP receiver on a local socket that can also misbehave, and what it read."""

from __future__ import annotations

import gzip
import socket
import sys
import threading
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from support.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric


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
class SeenPoint:
    """One point of a metric as it arrived; a sum and a gauge have a value, a histogram the rest."""

    attributes: dict[str, object]
    start_ns: int
    at_ns: int
    value: Any = 0
    count: int = 0
    sum: float = 0.0
    least: float = 0.0
    greatest: float = 0.0
    bounds: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()
    exemplars: int = 0


@dataclass(frozen=True)
class SeenMetric:
    """One metric as it arrived, with what it belongs to."""

    name: str
    unit: str
    is_cumulative: bool
    is_monotonic: bool
    points: tuple[SeenPoint, ...]
    resource: dict[str, object]
    scope: str

    def value(self, **labels: object) -> int:
        """Return the sum of the values of the points that have these attributes; the names' dots are underscores."""
        return sum(point.value for point in self.points if labels.items() <= _keywords(point.attributes).items())

    @property
    def only(self) -> SeenPoint:
        """Its only point."""
        (point,) = self.points
        return point


@dataclass(frozen=True)
class Answer:
    """How to answer one request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    rejected: int = 0
    padding_bytes: int = 0
    is_hanging: bool = False
    is_resetting: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether what was sent counts as received."""
        return self.status == 200 and not self.is_hanging and not self.is_resetting


class _Quiet(ThreadingHTTPServer):
    """Says nothing of who hangs up: processes that are killed do."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # passed through


class _QuietSix(_Quiet):
    """Listens on an address of the sixth version."""

    address_family = socket.AF_INET6


class Listener:
    """Takes requests on a port of this machine and answers them as it is told; it can go away and come back.

    Attributes:
        url: Where it listens.
        released: Set when those that hang may go.
    """

    def __init__(self, take: Callable[[str, bytes, dict[str, str]], Answer], *, address: str = "127.0.0.1") -> None:
        """Listen on a free port.

        Args:
            take: Is given the path, the body without its packing and the headers of a request; says how to answer.
            address: Where to listen.
        """
        self._address = address
        self.released = threading.Event()
        self._take = take
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._port = 0
        self.come_back()
        self.url = f"http://{f'[{address}]' if ':' in address else address}:{self._port}"

    def come_back(self) -> None:
        """Listen on the port it had."""
        kind = _QuietSix if ":" in self._address else _Quiet
        self._server = kind((self._address, self._port), self._handler())
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def go_away(self) -> None:
        """Refuse connections."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        self._server = self._thread = None

    def close(self) -> None:
        """Stop listening for good, and let go of who hangs."""
        self.released.set()
        self.go_away()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {key.lower(): value for key, value in self.headers.items()}
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                answer = listener._take(self.path, body, headers)
                if answer.is_hanging:
                    listener.released.wait()
                    self.close_connection = True
                    return
                if answer.is_resetting:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                content = _response(answer, is_metrics=self.path.endswith("/v1/metrics"))
                self.send_response_only(answer.status)
                defaults = {"Date": formatdate(usegmt=True), "Content-Length": str(len(content))}
                for name, value in {**defaults, **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                del format, args

        return Handler

    def use_tls(self, context: ssl.SSLContext) -> None:
        """Ask every client for TLS from now on."""
        assert self._server is not None
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)


class Sink(Listener):
    """Collects spans; the next answers come from a list, then from :attr:`answer`.

    Metrics have answers, headers and paths of their own, so that what a test says of spans stays true.
    """

    def __init__(self, *, address: str = "127.0.0.1") -> None:
        """Listen on a free port."""
        self.answer = Answer()
        self.answers: list[Answer] = []
        self.spans: list[SeenSpan] = []
        self.batches: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.metric_answer = Answer()
        self.metric_answers: list[Answer] = []
        self.metric_headers: list[dict[str, str]] = []
        self.metric_paths: list[str] = []
        self.reports: list[dict[str, SeenMetric]] = []  # metrics by name, one for each request
        self._changed = threading.Condition()
        super().__init__(self._receive, address=address)

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

    @property
    def report(self) -> dict[str, SeenMetric]:
        """The newest metrics, by name without its prefix."""
        return self.reports[-1] if self.reports else {}

    def wait_for(self, condition: Callable[[], bool], *, timeout_seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait until something that arrived makes the condition true."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_seconds)

    def _receive(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        with self._changed:
            if path.endswith("/v1/metrics"):
                return self._receive_metrics(path, body, headers)
            answer = self.answers.pop(0) if self.answers else self.answer
            self.headers.append(headers)
            self.paths.append(path)
            if answer.is_taken:
                seen = list(read_spans(body))
                self.spans.extend(seen)
                self.batches.append(len(seen))
            self._changed.notify_all()
            return answer

    def _receive_metrics(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        answer = self.metric_answers.pop(0) if self.metric_answers else self.metric_answer
        self.metric_headers.append(headers)
        self.metric_paths.append(path)
        if answer.is_taken:
            self.reports.append({metric.name.removeprefix("modeltally."): metric for metric in read_metrics(body)})
        self._changed.notify_all()
        return answer


def _response(answer: Answer, *, is_metrics: bool) -> bytes:
    spans, metrics = ExportTraceServiceResponse(), ExportMetricsServiceResponse()
    if answer.rejected:
        spans.partial_success.rejected_spans = answer.rejected
        metrics.partial_success.rejected_data_points = answer.rejected
    if answer.padding_bytes:
        spans.partial_success.error_message = "x" * answer.padding_bytes
    return (metrics if is_metrics else spans).SerializeToString()


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


def read_metrics(body: bytes) -> Iterable[SeenMetric]:
    """Decode the metrics of a request."""
    for resource_metrics in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        resource = _attributes(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                data = metric.histogram if metric.HasField("histogram") else metric.sum
                yield SeenMetric(
                    name=metric.name,
                    unit=metric.unit,
                    is_cumulative=data.aggregation_temporality == 2,
                    is_monotonic=metric.sum.is_monotonic,
                    points=tuple(_points(metric)),
                    resource=resource,
                    scope=scope_metrics.scope.name,
                )


def _points(metric: Metric) -> Iterable[SeenPoint]:
    for point in [*metric.sum.data_points, *metric.gauge.data_points]:
        yield SeenPoint(
            _attributes(point.attributes),
            point.start_time_unix_nano,
            point.time_unix_nano,
            value=point.as_double if point.HasField("as_double") else point.as_int,
        )
    for values in metric.histogram.data_points:
        yield SeenPoint(
            _attributes(values.attributes),
            values.start_time_unix_nano,
            values.time_unix_nano,
            count=values.count,
            sum=values.sum,
            least=values.min,
            greatest=values.max,
            bounds=tuple(values.explicit_bounds),
            buckets=tuple(values.bucket_counts),
            exemplars=len(values.exemplars),
        )


def _keywords(attributes: dict[str, object]) -> dict[str, object]:
    return {name.replace(".", "_"): value for name, value in attributes.items()}


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}
