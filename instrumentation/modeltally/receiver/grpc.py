"""OTLP over gRPC, into the same acceptors as OTLP over HTTP.

The handlers take bytes: nothing is parsed but by the acceptor. The library's own decompression is off, so that a body
is unpacked within the same limit as over HTTP, whichever version of the library is installed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NoReturn

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped] # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # ships no types

from modeltally.asgi import named_host
from modeltally.errors import SettingError
from modeltally.receiver.http import RETRY_AFTER_SECONDS
from modeltally.receiver.otlp import Encoding, RefusedBodyError, rpc_code
from modeltally.receiver.spool.spool import SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeltally.receiver.accept import Acceptor

__all__ = ["OtlpGrpc"]

PORT_SETTING: Final = "otlp_grpc_port"
STOP_SECONDS: Final = 5.0
# Requests worked on at once; each waits for its fsync, which they share.
WORKERS: Final = 16
# Requests that wait beside them, and those of one connection.
MAX_REQUESTS: Final = 512
MAX_STREAMS: Final = 64
# A connection is renewed this often, which also ends requests whose bodies never come.
CONNECTION_SECONDS: Final = 120
CONNECTION_GRACE_SECONDS: Final = 30

_GZIP_MAGIC: Final = b"\x1f\x8b"  # no protobuf message begins so
_IDENTITY_AND_GZIP: Final = 0b101
_UNAVAILABLE: Final = 503
_PERMISSION_DENIED: Final = 7


class OtlpGrpc:
    """A gRPC server. It takes its port when it is made, and answers once it is started.

    Attributes:
        url: Where it is.
    """

    def __init__(self, address: str, *, max_body_bytes: int) -> None:
        """Take the port.

        Args:
            address: An IP address of this machine and a port, 0 for any that is free.
            max_body_bytes: The most bytes of a body as it comes.

        Raises:
            SettingError: The port is taken, or gRPC is not installed.
        """
        grpc = _library()
        self._workers = ThreadPoolExecutor(WORKERS, "modeltally-grpc")
        self._server = grpc.server(
            self._workers,
            maximum_concurrent_rpcs=MAX_REQUESTS,
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.per_message_decompression", 0),
                ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_AND_GZIP),
                ("grpc.max_receive_message_length", max_body_bytes),
                ("grpc.max_concurrent_streams", MAX_STREAMS),
                ("grpc.max_connection_age_ms", CONNECTION_SECONDS * 1000),
                ("grpc.max_connection_age_grace_ms", CONNECTION_GRACE_SECONDS * 1000),
                # without this the buffer of a connection grows with its speed
                ("grpc.http2.bdp_probe", 0),
            ],
        )
        self._hosts: frozenset[str] = frozenset()
        self._codes: dict[int, Any] = {code.value[0]: code for code in grpc.StatusCode}
        self._handler = grpc.unary_unary_rpc_method_handler
        self._service = grpc.method_handlers_generic_handler
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            self._workers.shutdown()
            raise SettingError(f"setting {PORT_SETTING!r}: cannot listen on {address}: {error}") from error
        self.url = f"http://{address.rpartition(':')[0]}:{port}"

    def start(self, acceptors: Iterable[Acceptor], *, hosts: frozenset[str]) -> None:
        """Begin to answer.

        Args:
            acceptors: What takes bodies, each as the service of its signal.
            hosts: What requests may call the server.
        """
        self._hosts = hosts
        self._server.add_generic_rpc_handlers(
            tuple(
                self._service(acceptor.signal.service, {"Export": self._handler(self._export(acceptor))})
                for acceptor in acceptors
            )
        )
        self._server.start()

    def stop(self) -> None:
        """Take nothing more, finish what has begun, and give the port back."""
        self._server.stop(STOP_SECONDS).wait()
        self._workers.shutdown()

    def _export(self, acceptor: Acceptor) -> Callable[[bytes, Any], bytes]:
        def export(body: bytes, context: Any) -> bytes:
            acceptor.begin()
            if named_host(_authority(context)) not in self._hosts:
                acceptor.refuse("host")
                context.abort(self._codes[_PERMISSION_DENIED], "this host name is not served here; use localhost")
            content_encoding = "gzip" if body.startswith(_GZIP_MAGIC) else ""
            try:
                acceptor.check_room()
                with acceptor.in_flight.held(len(body)):
                    receipt = acceptor.receive(body, Encoding.PROTOBUF, content_encoding=content_encoding).result()
                    receipt.written.result()
            except RefusedBodyError as error:
                acceptor.refuse(error.reason)
                self._refuse(context, error.status, str(error))
            except SpoolFullError as error:
                acceptor.refuse("spool_full")
                self._refuse(context, _UNAVAILABLE, str(error))
            return acceptor.answer(receipt, Encoding.PROTOBUF)

        return export

    def _refuse(self, context: Any, status: int, message: str) -> NoReturn:
        code = rpc_code(status)
        if status == _UNAVAILABLE:
            retry = RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_SECONDS))
            detail = AnyMessage()
            detail.Pack(retry)
            details = Status(code=code, message=message, details=[detail]).SerializeToString()
            # the first is where OTLP has it, the second where OpenTelemetry's exporter for Python looks
            context.set_trailing_metadata(
                (("grpc-status-details-bin", details), ("google.rpc.retryinfo-bin", retry.SerializeToString()))
            )
        context.abort(self._codes[code], message)
        raise AssertionError("abort raises")


def _authority(context: Any) -> str:
    """What a request says of the host; the library has no open way to ask."""
    host = context._rpc_event.call_details.host  # noqa: SLF001 - see above; a test says when it is gone
    return host.decode(errors="replace") if isinstance(host, bytes) else str(host)


def _library() -> Any:
    try:
        import grpc  # type: ignore[import-untyped] # noqa: PLC0415 - ships no types; named where it is missing
    except ImportError as error:
        raise SettingError(
            f"setting {PORT_SETTING!r}: OTLP over gRPC needs the package grpcio, which cannot be imported ({error});"
            " pip install grpcio"
        ) from error
    return grpc
