"""OTLP, from the bytes of a body to what may be kept of it, and the answers the protocol wants.

https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import zlib
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # ships no types
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from modeltally.receiver.metrics.filter import TOO_LARGE, FilteredMetrics, filter_metrics
from modeltally.receiver.metrics.split import split_metrics
from modeltally.receiver.spans.filter import Filtered, filter_request
from modeltally.receiver.spans.split import TooManyItemsError, split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.instrument._privacy import Hasher

__all__ = [
    "Encoding",
    "RefusedBodyError",
    "accept",
    "accept_metrics",
    "answer_metrics",
    "answer_refused",
    "answer_spans",
    "decompress",
    "encoding_of",
    "rpc_code",
]

_Request = TypeVar("_Request", bound=Message)

_INFLATE_STEP_BYTES: Final = 256 * 1024
# Objects, lists and commas of a JSON body, about 100 bytes of memory each. A span of ours has 100 of them in 1.6 KB of
# text, so the limit of bytes comes first unless a body is made to be costly.
_MAX_JSON_PARTS: Final = 1_000_000
_GZIP_WINDOW: Final = 31  # zlib's number for "a gzip header must be there"

_RPC_CODES: Final = {400: 3, 408: 4, 413: 8, 415: 3, 503: 14}
_RPC_UNKNOWN: Final = 2


class Encoding(Enum):
    """How a body is encoded; the answer is encoded alike."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


class RefusedBodyError(Exception):
    """A body that is not accepted.

    Attributes:
        status: The HTTP status that says why.
        reason: One word for the counters.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


def encoding_of(content_type: str) -> Encoding:
    """Read a Content-Type header.

    Raises:
        RefusedBodyError: It is neither protobuf nor JSON (415).
    """
    media_type = content_type.partition(";")[0].strip().lower()
    try:
        return Encoding(media_type)
    except ValueError:
        raise RefusedBodyError(
            415, "content_type", f"content type {media_type[:80]!r}: send application/x-protobuf or application/json"
        ) from None


def decompress(body: bytes, content_encoding: str, *, max_bytes: int) -> bytes:
    """Undo a Content-Encoding, never making more bytes than allowed.

    Args:
        body: The body as it came.
        content_encoding: The header: empty, ``identity`` or ``gzip``.
        max_bytes: The most bytes the result may have.

    Raises:
        RefusedBodyError: Another encoding (415), not gzip (400), too large (413).
    """
    encoding = content_encoding.strip().lower()
    if encoding in {"", "identity"}:
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        return body
    if encoding != "gzip":
        raise RefusedBodyError(415, "content_encoding", f"content encoding {encoding[:80]!r}: send gzip or nothing")
    pieces: list[bytes] = []
    size = 0
    rest = body
    try:
        while rest:  # a gzip file may have several members
            inflater = zlib.decompressobj(_GZIP_WINDOW)
            while not inflater.eof:
                piece = inflater.decompress(rest, _INFLATE_STEP_BYTES)
                if not piece and not inflater.eof:
                    raise RefusedBodyError(400, "malformed", "the gzip body is cut short")
                pieces.append(piece)
                size += len(piece)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                rest = inflater.unconsumed_tail
            rest = inflater.unused_data
    except zlib.error as error:
        raise RefusedBodyError(400, "malformed", f"the body is not gzip: {error}") from None
    return b"".join(pieces)


def accept(body: bytes, encoding: Encoding, *, max_spans: int, hasher: Hasher) -> Filtered:
    """Parse a body of spans and take out of it whatever may not be kept.

    Args:
        body: The decompressed body.
        encoding: How it is encoded.
        max_spans: The most spans allowed.
        hasher: Turns user ids into pseudonyms.

    Raises:
        RefusedBodyError: It is not OTLP (400), or holds too much (413).
    """
    if encoding is Encoding.JSON:
        request = _parse_json(body, ExportTraceServiceRequest())
        _restore_all_ids(request)
        body = request.SerializeToString()
    result = Filtered()
    with _refusals():
        pieces = split(body, max_spans=max_spans)
        result.dropped_attributes += pieces.left_out
        for piece in pieces.requests:
            request = ExportTraceServiceRequest.FromString(piece)
            result.add(filter_request(request, piece, largest_span_bytes=pieces.largest_span_bytes, hasher=hasher))
    return result


def accept_metrics(body: bytes, encoding: Encoding, *, max_points: int) -> FilteredMetrics:
    """Parse a body of metrics and take out of it whatever may not be kept.

    Args:
        body: The decompressed body.
        encoding: How it is encoded.
        max_points: The most points allowed.

    Raises:
        RefusedBodyError: It is not OTLP (400), or holds too much (413).
    """
    if encoding is Encoding.JSON:
        body = _parse_json(body, ExportMetricsServiceRequest()).SerializeToString()
    result = FilteredMetrics()
    with _refusals():
        pieces = split_metrics(body, max_points=max_points)
        if pieces.too_large:
            result.rejected[TOO_LARGE] += pieces.too_large
        for piece in pieces.requests:
            filter_metrics(piece, result)
    return result


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except DecodeError as error:
        raise RefusedBodyError(400, "malformed", f"the body is not OTLP protobuf: {error}") from None
    except TooManyItemsError as error:
        raise RefusedBodyError(413, "too_large", str(error)) from None


def answer_spans(encoding: Encoding, *, rejected: int, message: str) -> bytes:
    """Encode the answer to an accepted body of spans.

    Args:
        encoding: How the body was encoded.
        rejected: How many of its spans were not accepted; 0 leaves the answer empty.
        message: Why they were not.
    """
    response = ExportTraceServiceResponse()
    if rejected:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = message
    return _encode(response, encoding)


def answer_metrics(encoding: Encoding, *, rejected: int, message: str) -> bytes:
    """Encode the answer to an accepted body of metrics, like :func:`answer_spans` but for points."""
    response = ExportMetricsServiceResponse()
    if rejected:
        response.partial_success.rejected_data_points = rejected
        response.partial_success.error_message = message
    return _encode(response, encoding)


def rpc_code(status: int) -> int:
    """Give the code of google.rpc that says what an HTTP status says."""
    return _RPC_CODES.get(status, _RPC_UNKNOWN)


def answer_refused(encoding: Encoding, *, status: int, message: str) -> bytes:
    """Encode the answer to a refused body: a google.rpc.Status.

    Args:
        encoding: How the body was encoded.
        status: The HTTP status of the answer.
        message: What was wrong.
    """
    return _encode(Status(code=rpc_code(status), message=message), encoding)


def _encode(message: Message, encoding: Encoding) -> bytes:
    if encoding is Encoding.JSON:
        return json_format.MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


def _too_large(max_bytes: int) -> RefusedBodyError:
    return RefusedBodyError(413, "too_large", f"the body is larger than {max_bytes} bytes; send smaller batches")


def _parse_json(body: bytes, request: _Request) -> _Request:
    if body.count(b"{") + body.count(b"[") + body.count(b",") > _MAX_JSON_PARTS:
        raise RefusedBodyError(413, "too_large", "the JSON body holds too many values; send smaller batches")
    try:
        json_format.Parse(body.decode(), request, ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError, TypeError, AttributeError) as error:
        # the library's own error for what it expects, Python's for what it does not
        raise RefusedBodyError(400, "malformed", f"the body is not OTLP JSON: {str(error)[:500]}") from None
    return request


def _restore_all_ids(request: ExportTraceServiceRequest) -> None:
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                _restore_ids(span, ("trace_id", "span_id", "parent_span_id"))
                for link in span.links:
                    _restore_ids(link, ("trace_id", "span_id"))


def _restore_ids(message: Any, fields: tuple[str, ...]) -> None:
    """Turn ids back: OTLP writes them in hex, the library read them as base64, which loses nothing of hex digits."""
    for field in fields:
        read = getattr(message, field)
        if read:
            setattr(message, field, _from_hex(base64.b64encode(read)))


def _from_hex(digits: bytes) -> bytes:
    try:
        return binascii.unhexlify(digits)
    except binascii.Error:
        return b"?"  # no id has one byte, so the span is rejected
