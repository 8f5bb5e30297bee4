"""Spans as OTLP bytes, written directly: a quarter of the cost of building protobuf messages.

Each function writes one message of ``opentelemetry/proto``; what is written decodes to the very messages that
OpenTelemetry's own encoder makes of the same spans, which a test holds it to.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Final

from modeltally.instrument import _names as names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.instrument._scalars import Scalar
    from modeltally.instrument.background.convert import Span

__all__ = ["Encoder"]

MAX_CACHED_CHARACTERS: Final = 64

_double: Final = Struct("<d").pack
_times: Final = Struct("<BQBQ").pack
_BYTES: Final = tuple(bytes([number]) for number in range(128))
_64_BITS: Final = 2**64 - 1

# tags: field number and wire type
_ATTRIBUTE: Final = b"\x4a"  # of a span
_STATUS_UNSET: Final = b"\x7a\x00"
_FLAGS: Final = b"\x85\x01\x00\x01\x00\x00"  # whether the parent is remote is known: it never is
_KINDS: Final = {False: b"\x30\x01", True: b"\x30\x03"}  # internal, client


class Encoder:
    """Writes the spans of one process."""

    def __init__(self, resource: Mapping[str, Scalar], *, version: str) -> None:
        """Encode what all spans share.

        Args:
            resource: The process's attributes.
            version: Ours, of the instrumentation scope.
        """
        attributes = b"".join(b"\x0a" + _pair(name, value) for name, value in resource.items())
        self._resource = _sized(b"\x0a", attributes)
        self._scope = _sized(b"\x0a", _sized(b"\x0a", names.SCOPE.encode()) + _sized(b"\x12", version.encode()))

    def request(self, spans: Sequence[bytes]) -> bytes:
        """Write an ``ExportTraceServiceRequest`` around spans that :meth:`span` wrote."""
        size = len(self._scope) + sum(map(len, spans))
        head = self._resource + b"\x12" + _varint(size) + self._scope
        # joined once: it may be megabytes
        return b"".join((b"\x0a", _varint(len(head) - len(self._scope) + size), head, *spans))

    def span(self, span: Span) -> bytes:
        """Write one span, as a field of its request.

        Raises:
            Exception: Something of it does not fit its field, whatever that is.
        """
        record = span.record
        error_type = span.attributes.get(names.ERROR_TYPE)
        pairs = [
            _pair(name, value)
            if type(value) is str and len(value) > MAX_CACHED_CHARACTERS
            else _cached_pair(name, value)
            for name, value in span.attributes.items()
        ]
        return _sized(
            b"\x12",
            b"".join(
                (
                    b"\x0a\x10",
                    record.trace_id.to_bytes(16, "big"),
                    b"\x12\x08",
                    record.span_id.to_bytes(8, "big"),
                    b"\x22\x08" + record.parent_id.to_bytes(8, "big") if record.parent_id else b"",
                    _sized(b"\x2a", span.name.encode()),
                    _KINDS[span.is_client],
                    _times(0x39, record.start_ns, 0x41, record.end_ns),
                    _ATTRIBUTE + _ATTRIBUTE.join(pairs),
                    _STATUS_UNSET
                    if error_type is None
                    else _sized(b"\x7a", _sized(b"\x12", str(error_type).encode()) + b"\x18\x02"),
                    _FLAGS,
                )
            ),
        )


def _pair(name: str, value: Scalar) -> bytes:
    """Write a ``KeyValue`` with its length before it."""
    kind = type(value)
    if kind is str:
        text = value.encode()  # type: ignore[union-attr]  # `kind is str` says it is one
        value_field = _sized(b"\x12", _sized(b"\x0a", text))
    elif kind is float:
        value_field = b"\x12\x09\x21" + _double(value)
    elif kind is bool:
        value_field = b"\x12\x02\x10\x01" if value else b"\x12\x02\x10\x00"
    else:
        number = _varint(int(value) & _64_BITS)
        value_field = b"\x12" + _BYTES[1 + len(number)] + b"\x18" + number
    return _sized(b"", _key(name) + value_field)


_cached_pair = lru_cache(maxsize=4096, typed=True)(_pair)  # models, devices, sizes: most come again and again


@lru_cache(maxsize=1024)
def _key(name: str) -> bytes:
    return _sized(b"\x0a", name.encode())


def _sized(tag: bytes, content: bytes) -> bytes:
    size = len(content)
    return tag + (_BYTES[size] if size < 128 else _varint(size)) + content  # noqa: PLR2004 - one byte holds seven bits


def _varint(number: int) -> bytes:
    if number < 128:  # noqa: PLR2004 - one byte holds seven bits
        return _BYTES[number]
    written = bytearray()
    while number > 127:  # noqa: PLR2004 - as above
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)
