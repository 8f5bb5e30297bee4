"""One record of the spool: a filtered request as a protobuf message with a trailer of our own.

The message is the request followed by four more fields: when it came (1000), how many items it holds (1001),
the digest of the body it was made from (1002), a checksum of all before it (1003). A file of such messages, each with
its length before it, is what the store reads.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Record", "body_digest", "read_records", "scan"]

DIGEST_BYTES: Final = 16
_MAX_LENGTH_BITS: Final = 28


def _tag(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


# received (ms) as field 1000, items as 1001, digest as 1002, checksum as 1003
_TRAILER: Final = struct.Struct(f"<2sQ2sI3s{DIGEST_BYTES}s")
_CHECKSUM: Final = struct.Struct("<2sI")
_TRAILER_BYTES: Final = _TRAILER.size + _CHECKSUM.size
_RECEIVED, _ITEMS, _DIGEST, _CRC = _tag(1000, 1), _tag(1001, 5), _tag(1002, 2) + bytes([DIGEST_BYTES]), _tag(1003, 5)


@dataclass(frozen=True)
class Record:
    """One acknowledged request.

    Attributes:
        request: The filtered request, encoded.
        received_ms: When it came, in milliseconds since the epoch.
        items: How many items it holds.
        digest: The digest of the body it was made from.
    """

    request: bytes
    received_ms: int
    items: int
    digest: bytes

    def message(self) -> bytes:
        """Encode the record as the store reads it, its length before it."""
        content = self.request + _TRAILER.pack(_RECEIVED, self.received_ms, _ITEMS, self.items, _DIGEST, self.digest)
        content += _CHECKSUM.pack(_CRC, zlib.crc32(content))
        return _varint(len(content)) + content


def body_digest(body: bytes) -> bytes:
    """Digest a body, to recognise it when it is sent again."""
    return blake2b(body, digest_size=DIGEST_BYTES).digest()


def read_records(content: bytes) -> Iterator[Record]:
    """Read the records of a segment; what was not wholly written, or is damaged, is left out."""
    for record, _ in scan(content):
        if record is not None:
            yield record


def scan(content: bytes) -> Iterator[tuple[Record | None, bytes]]:
    """Give each message with its record, None for one whose checksum is wrong; ends where the lengths do."""
    position = 0
    while position < len(content):
        start = position
        length = shift = 0
        while position < len(content) and content[position] > 0x7F and shift < 28:  # noqa: PLR2004 - four bytes at most
            length |= (content[position] & 0x7F) << shift
            shift += 7
            position += 1
        if position >= len(content):
            return
        length |= content[position] << shift
        position += 1
        end = position + length
        if end > len(content) or length < _TRAILER_BYTES:
            return
        yield _record(content[position:end]), content[start:end]
        position = end


def _record(content: bytes) -> Record | None:
    split = len(content) - _TRAILER_BYTES
    tag, checksum = _CHECKSUM.unpack_from(content, split + _TRAILER.size)
    if tag != _CRC or checksum != zlib.crc32(content[: -_CHECKSUM.size]):
        return None
    _, received_ms, _, items, _, digest = _TRAILER.unpack_from(content, split)
    return Record(content[:split], received_ms, items, digest)
