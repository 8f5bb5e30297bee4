"""What is in the files of an engine's directory: their bytes, and those of the columns, which are packed."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import lz4.block  # type: ignore[import-untyped] # has no types
from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Of each block of a column: a checksum, then how it is packed, its size with these, its size unpacked.
_CHECKSUM_BYTES = 16
_HEADER = struct.Struct("<BII")
_PLAIN, _LZ4, _ZSTD, _SEVERAL = 0x02, 0x82, 0x90, 0x91


def files_with(directory: Path, user_hash: int) -> dict[str, str]:
    """Find the files that hold a user's hash as a number, in hex or in decimal: each with the notation found first."""
    notations = {
        "number": user_hash.to_bytes(8, "little"),
        "number the other way round": user_hash.to_bytes(8, "big"),
        "hex": f"{user_hash:016x}".encode(),
        "HEX": f"{user_hash:016X}".encode(),
        "decimal": str(user_hash).encode(),
    }
    found = {}
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        content = path.read_bytes()
        texts = [content, str(path.relative_to(directory)).encode()]
        if path.suffix in {".bin", ".cidx", ".cmrk2", ".cmrk3", ".cmrk4"}:
            texts.append(b"".join(_blocks(content)))
        for name, notation in notations.items():
            if any(notation in text for text in texts):
                found[str(path.relative_to(directory))] = name
                break
    return found


def _blocks(content: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(content):
        start = position + _CHECKSUM_BYTES
        _, size, _ = _HEADER.unpack_from(content, start)
        yield _unpacked(content[start : start + size])
        position = start + size


def _unpacked(block: bytes) -> bytes:
    """Unpack a block as far as what packs anything does; numbers of which differences are kept stay so."""
    method, _, unpacked_size = _HEADER.unpack_from(block)
    packed = block[_HEADER.size :]
    if method == _LZ4:
        return bytes(lz4.block.decompress(packed, uncompressed_size=unpacked_size))
    if method == _ZSTD:
        return bytes(zstd.decompress(packed))
    if method == _SEVERAL:
        return _unpacked(packed[1 + packed[0] :])
    assert method == _PLAIN or packed, f"a block packed by the method {method:#x}"
    return packed
