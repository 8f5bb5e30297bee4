"""OTLP on the wire: how bodies are encoded and compressed, and how they are answered.

https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

import zlib
from enum import Enum
from typing import TYPE_CHECKING, Final

from google.protobuf import json_format
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # ships no types

from modeltally.receiver import lenient

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = [
    "Encoding",
    "RefusedBodyError",
    "answer_refused",
    "decompress",
    "encode",
    "encoding_of",
    "parse_json",
    "rpc_code",
    "too_large",
]

_INFLATE_STEP_BYTES: Final = 256 * 1024
# Objects, lists and commas of a JSON body, about 100 bytes of memory each. A span of ours has 100 of them in 1.6 KB of
# text, so the limit of bytes comes first unless a body is made to be costly.
_MAX_JSON_PARTS: Final = 1_000_000
# Each costs a copy of all that is behind it. Exporters send one; who joins files sends a few.
_MAX_GZIP_MEMBERS: Final = 16
_GZIP_WINDOW: Final = 31  # zlib's number for "a gzip header must be there"

# The library's own error for what it expects, Python's for what it does not.
_JSON_ERRORS: Final = (
    json_format.ParseError,
    ValueError,
    ArithmeticError,
    RecursionError,
    TypeError,
    AttributeError,
)

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
            raise too_large(max_bytes)
        return body
    if encoding != "gzip":
        raise RefusedBodyError(415, "content_encoding", f"content encoding {encoding[:80]!r}: send gzip or nothing")
    pieces: list[bytes] = []
    size = members = 0
    rest = body
    try:
        while rest:  # a gzip file may have several members
            members += 1
            if members > _MAX_GZIP_MEMBERS:
                raise RefusedBodyError(400, "malformed", f"the gzip body has more than {_MAX_GZIP_MEMBERS} members")
            inflater = zlib.decompressobj(_GZIP_WINDOW)
            while not inflater.eof:
                piece = inflater.decompress(rest, _INFLATE_STEP_BYTES)
                if not piece and not inflater.eof:
                    raise RefusedBodyError(400, "malformed", "the gzip body is cut short")
                pieces.append(piece)
                size += len(piece)
                if size > max_bytes:
                    raise too_large(max_bytes)
                rest = inflater.unconsumed_tail
            rest = inflater.unused_data
    except zlib.error as error:
        raise RefusedBodyError(400, "malformed", f"the body is not gzip: {error}") from None
    return b"".join(pieces)


def parse_json(body: bytes, request: Message) -> None:
    """Read a JSON body into a request of its signal.

    Raises:
        RefusedBodyError: It is not OTLP (400), or holds too much (413).
    """
    if body.count(b"{") + body.count(b"[") + body.count(b",") > _MAX_JSON_PARTS:
        raise RefusedBodyError(413, "too_large", "the JSON body holds too many values; send smaller batches")
    text = body.decode("utf-8", "replace")
    try:
        json_format.Parse(text, request, ignore_unknown_fields=True)
    except _JSON_ERRORS:
        request.Clear()
    else:
        return
    try:
        lenient.parse_json(text, request)
    except _JSON_ERRORS as error:
        raise RefusedBodyError(400, "malformed", f"the body is not OTLP JSON: {str(error)[:500]}") from None


def encode(message: Message, encoding: Encoding) -> bytes:
    """Encode an answer the way the body was encoded."""
    if encoding is Encoding.JSON:
        return json_format.MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


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
    return encode(Status(code=rpc_code(status), message=message), encoding)


def too_large(max_bytes: int) -> RefusedBodyError:
    """Say that a body is too large."""
    return RefusedBodyError(413, "too_large", f"the body is larger than {max_bytes} bytes; send smaller batches")
