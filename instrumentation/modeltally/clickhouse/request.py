"""Reads a request of ClickHouse's HTTP interface: statement, parameters, settings, and how the answer is to come."""

from __future__ import annotations

import gzip
import sys
import zlib
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any, Final

import lz4.frame  # type: ignore[import-untyped] # ships no types

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from modeltally.clickhouse.engine import DEFAULT_FORMAT, Query
from modeltally.clickhouse.errors import Code, RefusedQueryError
from modeltally.clickhouse.settings import is_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["ParsedRequest", "compress", "decompress", "read", "too_large"]

_FORM: Final = "multipart/form-data"
_PARAMETER: Final = "param_"
_ON: Final = frozenset({"1", "true"})
_GZIP_LEVEL: Final = 6
_WINDOW: Final = 32 + zlib.MAX_WBITS  # gzip or zlib, whichever it is
# Ways to begin unpacking, by content encoding.
_UNPACK: Final[dict[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.decompressobj(_WINDOW),
    "deflate": lambda: zlib.decompressobj(_WINDOW),
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": zstd.ZstdDecompressor,
}
# Ways to compress an answer, the fastest first.
_PACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
    "gzip": lambda body: gzip.compress(body, _GZIP_LEVEL, mtime=0),
}


@dataclass(frozen=True)
class ParsedRequest:
    """A request that was understood.

    Attributes:
        query: What is asked for.
        query_id: How the client calls it; empty when it does not.
        compression: How the answer is to be compressed; empty for not at all.
    """

    query: Query
    query_id: str
    compression: str


def read(method: str, arguments: Iterable[tuple[str, str]], headers: Mapping[str, str], body: bytes) -> ParsedRequest:
    """Read a request.

    Args:
        method: GET or POST.
        arguments: What stands in the address after the question mark.
        headers: The headers, by lower-case name.
        body: The body, decompressed.

    Raises:
        RefusedQueryError: It cannot be read, or asks for what this interface cannot do.
    """
    values = dict(arguments)
    text = values.get("query", "")
    if headers.get("content-type", "").lower().startswith(_FORM):
        form = _form(headers["content-type"], body)
        text = "\n".join(part for part in (text, form.pop("query", "")) if part)
        values.update(form)
    elif method == "POST" and body:
        text = "\n".join(part for part in (text, _decoded(body)) if part)
    if not text.strip():
        raise RefusedQueryError(Code.SYNTAX_ERROR, "Empty query")
    for name in ("compress", "decompress"):
        if values.get(name, "0").lower() in _ON:
            raise RefusedQueryError(
                Code.NOT_IMPLEMENTED,
                f"{name}=1 is ClickHouse's own framing of compressed blocks, which is not spoken here;"
                " ask with enable_http_compression=1 and Accept-Encoding",
            )
    if values.get("role"):
        raise RefusedQueryError(Code.NOT_IMPLEMENTED, "there are no roles here")
    query = Query(
        text=text,
        parameters={
            name.removeprefix(_PARAMETER): value for name, value in values.items() if name.startswith(_PARAMETER)
        },
        settings={name: value for name, value in values.items() if not is_transport(name) and name != "role"},
        database=values.get("database") or headers.get("x-clickhouse-database", ""),
        default_format=values.get("default_format") or headers.get("x-clickhouse-format") or DEFAULT_FORMAT,
        protocol_version=_version(values.get("client_protocol_version", "0")),
    )
    wants = values.get("enable_http_compression", "0").lower() in _ON
    compression = _chosen(headers.get("accept-encoding", "")) if wants else ""
    return ParsedRequest(query, values.get("query_id", ""), compression)


def decompress(body: bytes, encoding: str, *, max_bytes: int) -> bytes:
    """Unpack a body.

    Args:
        body: The body as it came.
        encoding: How it is compressed, as ``Content-Encoding`` says it.
        max_bytes: The most bytes it may have then.

    Raises:
        RefusedQueryError: It is damaged, too large, or compressed in another way.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding not in _UNPACK:
        raise RefusedQueryError(Code.NOT_IMPLEMENTED, f"Unknown compression method: {encoding[:40]}")
    unpacking = _UNPACK[encoding]()
    try:
        unpacked = bytes(unpacking.decompress(body, max_bytes + 1))
    except Exception as error:  # noqa: BLE001 - each way has errors of its own, and all say the same
        raise RefusedQueryError(Code.CANNOT_DECOMPRESS, f"the body is no {encoding}: {error}") from None
    if len(unpacked) > max_bytes:
        raise too_large(max_bytes)
    if not unpacking.eof:
        raise RefusedQueryError(Code.CANNOT_DECOMPRESS, "the body ends before its compressed data does")
    return unpacked


def compress(body: bytes, compression: str) -> bytes:
    """Compress an answer in one of the ways clickhouse-connect reads."""
    return _PACK[compression](body)


def too_large(max_bytes: int) -> RefusedQueryError:
    """Say that a request is too large."""
    return RefusedQueryError(Code.QUERY_IS_TOO_LARGE, f"the request is larger than {max_bytes} bytes")


def _form(content_type: str, body: bytes) -> dict[str, str]:
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    if not message.is_multipart() or message.defects:
        raise RefusedQueryError(Code.BAD_ARGUMENTS, "the body is no whole multipart form")
    fields = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            raise RefusedQueryError(Code.BAD_ARGUMENTS, "a part of the form has no name")
        if part.get_filename() is not None:
            raise RefusedQueryError(Code.NOT_IMPLEMENTED, f"external data ({name[:80]}) is not taken here")
        content = part.get_payload(decode=True)
        fields[name] = _decoded(content if isinstance(content, bytes) else b"")
    return fields


def _decoded(content: bytes) -> str:
    # what is no text can only be the data of an insert, which is refused for what it is
    return content.decode(errors="replace")


def _version(text: str) -> int:
    if not text.isdecimal():
        raise RefusedQueryError(Code.BAD_ARGUMENTS, f"client_protocol_version = {text[:40]!r} is no number")
    return int(text)


def _chosen(accepted: str) -> str:
    """Choose how to compress: the fastest way both sides know."""
    names = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
    return next((name for name in _PACK if name in names), "")
