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
_MAX_LENGTH_BYTES: Final = 4
# How far from damage the beginning of the next record is looked for byte by byte.
_SEARCHED_BYTES: Final = 1024**2
_SEARCHED_ENDS: Final = 3


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
    """Give each message with its record, and what is damaged between them, with None.

    What is damaged costs itself alone: the next whole record is found by the end that each has. The end of the content
    is left out if it is the beginning of a message, as a crash in the middle of a write leaves it.
    """
    position = 0
    while position < len(content):
        message = _message(content, position)
        if message is not None:
            yield message, content[position : position + _size(content, position)]
            position += _size(content, position)
            continue
        found = _next_record(content, position)
        if found is None:
            if not _is_torn(content, position):
                yield None, content[position:]
            return
        start, end, record = found
        if start > position:
            yield None, content[position:start]
        yield record, record.message()
        position = end


def _size(content: bytes, start: int) -> int:
    """How many bytes a message says it has, its length included; 0 when it does not say."""
    length = shift = 0
    for position in range(start, min(start + _MAX_LENGTH_BYTES, len(content))):
        length |= (content[position] & 0x7F) << shift
        if content[position] <= 0x7F:  # noqa: PLR2004 - the last of them
            return position + 1 - start + length
        shift += 7
    return 0


def _message(content: bytes, start: int) -> Record | None:
    """Read the message that begins here; None when there is none, or none that is whole."""
    size = _size(content, start)
    end = start + size
    if not size or end > len(content):
        return None
    begin = start + _length_bytes(content, start)
    return _record(content[begin:end]) if end - begin >= _TRAILER_BYTES else None


def _length_bytes(content: bytes, start: int) -> int:
    position = start
    while content[position] > 0x7F:  # noqa: PLR2004 - more follow
        position += 1
    return position + 1 - start


def _next_record(content: bytes, start: int) -> tuple[int, int, Record] | None:
    """Find the next whole record: where its message begins and ends; of the first one the length may be damaged."""
    marker = _DIGEST
    ends: list[int] = []
    found = content.find(marker, start)
    while found >= 0:
        end = found + len(marker) + DIGEST_BYTES + _CHECKSUM.size
        for begin in range(start + 1, start + 1 + _MAX_LENGTH_BYTES):
            record = _record(content[begin:end]) if end - begin >= _TRAILER_BYTES and end <= len(content) else None
            if record is not None:
                return start, end, record
        # the next one begins where one ends, unless that end is damaged too: then anywhere
        anywhere = range(start + 1, min(found, start + _SEARCHED_BYTES)) if len(ends) < _SEARCHED_ENDS else ()
        tried = (*ends[-1:], *anywhere)
        for begin in tried:
            if begin + _size(content, begin) == end:
                record = _message(content, begin)
                if record is not None:
                    return begin, end, record
        ends.append(end)
        found = content.find(marker, found + 1)
    return None


def _is_torn(content: bytes, start: int) -> bool:
    """Tell whether the rest is the beginning of a message: shorter than it says, or never filled by the disk."""
    rest = content[start:]
    return _size(content, start) > len(rest) or not any(rest) or len(rest) < _MAX_LENGTH_BYTES


def _record(content: bytes) -> Record | None:
    split = len(content) - _TRAILER_BYTES
    tag, checksum = _CHECKSUM.unpack_from(content, split + _TRAILER.size)
    if tag != _CRC or checksum != zlib.crc32(content[: -_CHECKSUM.size]):
        return None
    _, received_ms, _, items, _, digest = _TRAILER.unpack_from(content, split)
    return Record(content[:split], received_ms, items, digest)
