"""OTLP over gRPC: the same bodies, the same limits and the same rows as over HTTP."""

from __future__ import annotations

import contextlib
import gzip
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped] # ships no types
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped] # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # ships no types
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from modeltally.errors import SettingError
from modeltally.receiver import grpc as listener
from modeltally.server import LocalServer, ServerAddress
from modeltally.settings import Settings
from receiver.bodies import all_spans, body, post, request
from receiver.metric_bodies import STORED_ONCE, counter, metrics_request, post_metrics, rows_of
from receiver.stock_metrics import ROWS, metrics_data
from receiver.test_bombs import bombs as span_bombs
from receiver.test_metrics_bounds import bombs as metric_bombs
from support.memory import measured
from support.stores import stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.servers import StartServer

TRACES_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
METRICS_METHOD = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
COUNT = "SELECT count() AS rows, uniqExact(TraceId, SpanId) AS spans FROM otel_traces"
# channels to one place share a connection unless told not to
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]
COMPRESSIONS = [grpc.Compression.NoCompression, grpc.Compression.Gzip]


@contextlib.contextmanager
def connected(server: LocalServer) -> Iterator[Any]:
    """Connect to a server; gives a function that sends bytes to a method and returns the answer's bytes."""
    target = server.address.otlp_grpc_url.removeprefix("http://")
    channel = grpc.insecure_channel(target, options=[("grpc.max_send_message_length", -1), *OWN_CONNECTION])

    def call(method: str, content: bytes, *, compression: Any = None) -> bytes:
        answer = channel.unary_unary(method)(content, compression=compression, timeout=60)
        assert isinstance(answer, bytes)
        return answer

    with channel:
        yield call


def refusal(call: Any, method: str, content: bytes, *, compression: Any = None) -> grpc.RpcError:
    """Send what must be refused; gives the error."""
    with pytest.raises(grpc.RpcError) as error:
        call(method, content, compression=compression)
    return error.value


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_real_exporter_of_metrics_is_understood(server: LocalServer, compression: grpc.Compression) -> None:
    """Points of OpenTelemetry's own exporter fill every column exactly."""
    exporter = OTLPMetricExporter(server.address.otlp_grpc_url, insecure=True, compression=compression)
    assert exporter.export(metrics_data()).name == "SUCCESS"
    exporter.shutdown()
    assert server.wait_until_stored()
    server.stop()
    assert rows_of(server.directory) == ROWS


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_real_exporter_of_spans_is_understood(server: LocalServer, compression: grpc.Compression) -> None:
    """Spans of OpenTelemetry's own SDK and exporter arrive with ids and attributes."""
    exporter = OTLPSpanExporter(server.address.otlp_grpc_url, insecure=True, compression=compression)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("modeltally")
    with tracer.start_as_current_span("pattern"), tracer.start_as_current_span("load") as inner:
        inner.set_attribute("modeltally.operation", "model.load")
    provider.shutdown()
    assert server.wait_until_stored()
    server.stop()
    rows = stored(
        server.directory,
        "SELECT SpanName, SpanAttributes['modeltally.operation'] AS operation, SpanId FROM otel_traces"
        " ORDER BY SpanName",
    )
    assert [row["SpanName"] for row in rows] == ["load", "pattern"]
    assert rows[0]["operation"] == "model.load"
    assert rows[0]["SpanId"] == f"{inner.get_span_context().span_id:016x}"


@pytest.mark.slow(seconds=5, why="two servers")
def test_a_span_is_the_same_row_over_each_transport(start_server: StartServer, tmp_path: Path) -> None:
    """One body over HTTP and over gRPC fills every column alike."""
    rows = []
    for transport in ("http", "grpc"):
        server = start_server(dir=tmp_path / transport)
        if transport == "grpc":
            with connected(server) as call:
                assert call(TRACES_METHOD, body(3)) == b""
        else:
            assert post(server.address, body(3)).status == 200
        assert server.wait_until_stored()
        server.stop()
        rows.append(stored(server.directory, "SELECT * EXCEPT ReceivedAt FROM otel_traces ORDER BY SpanId"))
    assert len(rows[0]) == 3
    assert rows[0] == rows[1]


def test_a_body_sent_over_both_transports_is_stored_once(server: LocalServer) -> None:
    """A client that changes the transport sends the same body again: acknowledged, and stored once."""
    assert post_metrics(server.address, counter(1)).status == 200
    assert post(server.address, body(10)).status == 200
    with connected(server) as call:
        assert call(METRICS_METHOD, counter(1)) == b""
        assert call(METRICS_METHOD, counter(1), compression=grpc.Compression.Gzip) == b""
        assert call(TRACES_METHOD, body(10)) == b""
    assert server.wait_until_stored()
    server.stop()
    assert stored(server.directory, STORED_ONCE) == [{"rows": 1, "points": 1}]
    assert stored(server.directory, COUNT) == [{"rows": 10, "spans": 10}]
    assert server.counters["metrics"]["repeated_requests"] == 2
    assert server.counters["traces"]["requests"] == 2


def test_what_is_not_taken_is_told(server: LocalServer) -> None:
    """Spans without an identity and metrics of others are counted in the partial success."""
    made = request(3)
    next(all_spans(made)).trace_id = b"\x01"
    others = metrics_request(prefix="http.").SerializeToString()
    with connected(server) as call:
        spans = ExportTraceServiceResponse.FromString(call(TRACES_METHOD, made.SerializeToString()))
        points = ExportMetricsServiceResponse.FromString(call(METRICS_METHOD, others))
    assert spans.partial_success.rejected_spans == 1
    assert "1 bytes" in spans.partial_success.error_message
    assert points.partial_success.rejected_data_points == 5


# -- refused -----------------------------------------------------------------------------------------------------------


def test_a_body_is_refused_with_its_code(start_server: StartServer) -> None:
    """What is no protobuf, too large, or of too many items has its own code, none that says to try again."""
    server = start_server(max_body_bytes=65_536, max_body_spans=100)
    gzipped = grpc.Compression.Gzip
    cases = [
        (b"\xff\xff\xff", None, "INVALID_ARGUMENT"),
        (b"\x1f\x8bno gzip", None, "INVALID_ARGUMENT"),
        (gzip.compress(bytes(1_000_000)), None, "RESOURCE_EXHAUSTED"),
        (bytes(1_000_000), gzipped, "RESOURCE_EXHAUSTED"),
        (bytes(1_000_000), None, "RESOURCE_EXHAUSTED"),
        (body(200, attributes={}), None, "RESOURCE_EXHAUSTED"),
    ]
    with connected(server) as call:
        for content, compression, code in cases:
            error = refusal(call, TRACES_METHOD, content, compression=compression)
            assert error.code().name == code, error
            assert "google.rpc.retryinfo-bin" not in dict(error.trailing_metadata())
        assert refusal(call, METRICS_METHOD, counter(1, points=200)).code().name == "RESOURCE_EXHAUSTED"
        assert refusal(call, METRICS_METHOD, b"\xff").code().name == "INVALID_ARGUMENT"
        assert refusal(call, TRACES_METHOD.replace("Trace", "Log"), b"").code().name == "UNIMPLEMENTED"
        assert call(TRACES_METHOD, body()) == b""


def test_a_full_spool_says_when_to_try_again(start_server: StartServer) -> None:
    """UNAVAILABLE, with a RetryInfo where OTLP and where OpenTelemetry's exporter for Python look for it."""
    server = start_server(min_free_disk_bytes=2**50)
    with connected(server) as call:
        error = refusal(call, TRACES_METHOD, body())
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "bytes free" in error.details()
    metadata = dict(error.trailing_metadata())
    status = Status.FromString(metadata["grpc-status-details-bin"])
    retry = RetryInfo()
    assert status.code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 2
    assert metadata["google.rpc.retryinfo-bin"] == retry.SerializeToString()
    assert server.counters["traces"].status()["refused"] == {"spool_full": 1}


@pytest.mark.slow(seconds=5, why="bodies of gigabytes")
def test_bombs_cost_little_memory_and_others_are_served(server: LocalServer) -> None:
    """A signal's bombs at once: each is refused or defused, memory grows by less than 200 MB, others are taken."""
    packed = {
        TRACES_METHOD: [(TRACES_METHOD, name, content) for name, content in span_bombs().items()],
        METRICS_METHOD: [(METRICS_METHOD, name, content) for name, content in metric_bombs().items()],
    }
    others: list[bytes] = []
    with connected(server) as call:
        assert call(TRACES_METHOD, body(500)) == b""
        assert server.wait_until_stored()
        codes: dict[tuple[str, str], str] = {}

        def throw(method: str, name: str, content: bytes) -> None:
            try:
                call(method, content)
                codes[method, name] = "OK"
            except grpc.RpcError as error:
                codes[method, name] = error.code().name

        with measured() as memory:
            for bombs in packed.values():
                throwers = [threading.Thread(target=throw, args=bomb) for bomb in bombs]
                for thrower in throwers:
                    thrower.start()
                others += [call(TRACES_METHOD, body(20, seed=100 + len(others) + number)) for number in range(5)]
                for thrower in throwers:
                    thrower.join()
    assert others == [b""] * 10
    assert {code: list(codes.values()).count(code) for code in set(codes.values())} == {
        "OK": 8,
        "RESOURCE_EXHAUSTED": 11,
        "INVALID_ARGUMENT": 2,  # many gzip members
    }
    assert memory.grown_mb < 200


def test_requests_whose_bodies_never_come_are_ended(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """More silent requests than there are workers hold the listener up no longer than a connection may last."""
    monkeypatch.setattr(listener, "CONNECTION_SECONDS", 1)
    monkeypatch.setattr(listener, "CONNECTION_GRACE_SECONDS", 1)
    server = start_server()
    ended = threading.Event()

    def silence() -> Iterator[bytes]:
        ended.wait(60)
        yield from ()

    target = server.address.otlp_grpc_url.removeprefix("http://")
    with grpc.insecure_channel(target, options=OWN_CONNECTION) as channel, connected(server) as call:
        silent = [channel.stream_unary(TRACES_METHOD).future(silence()) for _ in range(2 * listener.WORKERS)]
        assert {request.code() for request in silent} == {grpc.StatusCode.UNAVAILABLE}
        assert call(TRACES_METHOD, body(5)) == b""
        ended.set()


# -- its place ---------------------------------------------------------------------------------------------------------


def test_many_at_once_are_all_stored(server: LocalServer) -> None:
    """Sixty-four senders at once, more than there are workers: each is answered, each span is stored once."""
    with connected(server) as call:
        senders = [threading.Thread(target=call, args=(TRACES_METHOD, body(10, seed=number))) for number in range(64)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert server.wait_until_stored()
    server.stop()
    assert stored(server.directory, COUNT) == [{"rows": 640, "spans": 640}]


def test_what_is_answered_while_it_stops_is_stored(server: LocalServer) -> None:
    """A stop answers what has begun: every body that was acknowledged is in the store afterwards."""
    acknowledged = []
    began = threading.Barrier(9)

    def send(first: int) -> None:
        with connected(server) as call:
            call(TRACES_METHOD, body(10, seed=first))
            acknowledged.append(first)
            began.wait(60)
            with contextlib.suppress(grpc.RpcError):
                for number in range(first + 1, first + 50):
                    call(TRACES_METHOD, body(10, seed=number))
                    acknowledged.append(number)

    senders = [threading.Thread(target=send, args=(1000 * number,)) for number in range(8)]
    for sender in senders:
        sender.start()
    began.wait(60)
    server.stop()
    for sender in senders:
        sender.join()
    (found,) = stored(server.directory, COUNT)
    assert found["rows"] == found["spans"] >= 10 * len(acknowledged)


def test_the_address_is_found_and_free_again_after_a_stop(start_server: StartServer) -> None:
    """The file in the data directory names the address; a stopped server's port can be taken by the next."""
    server = start_server()
    address = ServerAddress.read(server.directory)
    assert address is not None
    assert address.otlp_grpc_url == server.address.otlp_grpc_url
    port = int(address.otlp_grpc_url.rsplit(":", 1)[1])
    again = start_server(otlp_grpc_port=port)
    assert again.address.otlp_grpc_url == f"http://127.0.0.1:{port}"
    with connected(again) as call:
        assert call(TRACES_METHOD, body()) == b""


def test_an_address_of_an_older_version_can_be_read(tmp_path: Path) -> None:
    """A file without the gRPC address, as an earlier version left it, is understood."""
    ServerAddress(1, "http://127.0.0.1:1", "http://127.0.0.1:2", "token", "http://127.0.0.1:3").write(tmp_path)
    path = tmp_path / "server.json"
    path.write_text(path.read_text().replace(', "otlp_grpc_url": "http://127.0.0.1:3"', ""))
    found = ServerAddress.read(tmp_path)
    assert found == ServerAddress(1, "http://127.0.0.1:1", "http://127.0.0.1:2", "token", "")


@pytest.mark.parametrize("is_grpc", [False, True])
def test_a_taken_port_is_named(start_server: StartServer, tmp_path: Path, *, is_grpc: bool) -> None:
    """The error says which setting and which port, whether a gRPC server or another has it; nothing stays behind."""
    with socket.socket() as taken, contextlib.ExitStack() as stack:
        if is_grpc:
            other = listener.OtlpGrpc("127.0.0.1:0", max_body_bytes=1024)
            stack.callback(other.stop)
            other.start([], hosts=frozenset({"127.0.0.1"}))
            port = int(other.url.rsplit(":", 1)[1])
        else:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
        settings = Settings(dir=tmp_path / "data", otlp_port=0, otlp_grpc_port=port, http_port=0, clickhouse_port=0)
        with pytest.raises(SettingError, match=f"'otlp_grpc_port'.*127.0.0.1 port {port}"):
            LocalServer(settings).start()
    assert start_server(otlp_grpc_port=port).is_running


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without grpcio the error names the setting and what to install."""
    monkeypatch.setitem(sys.modules, "grpc", None)
    settings = Settings(dir=tmp_path / "data", otlp_port=0, otlp_grpc_port=0, http_port=0, clickhouse_port=0)
    with pytest.raises(SettingError, match=r"'otlp_grpc_port'.*pip install grpcio"):
        LocalServer(settings).start()
