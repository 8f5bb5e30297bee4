"""Whether a file of weights is what its own header says: safetensors and GGUF, by a few kilobytes of each.

The formats: https://github.com/huggingface/safetensors#format and
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import json
import math
import struct
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HEADERS", "fault_of_gguf", "fault_of_safetensors"]

# safetensors refuses a longer header itself
_MAX_HEADER_BYTES: Final = 100_000_000
_LENGTH_BYTES: Final = 8
_GGUF_MAGIC: Final = b"GGUF"
_GGUF_VERSIONS: Final = range(2, 17)  # 1 counted with 32 bits and is no more; a version far off is another byte order
_GGUF_ALIGNMENT: Final = 32
_MAX_ENTRIES: Final = 1_000_000
_MAX_TEXTS: Final = 4_000_000  # the largest vocabularies have a quarter of a million
_MAX_TEXT_BYTES: Final = 64 * 1024**2
_MAX_DIMENSIONS: Final = 8
_MAX_NESTING: Final = 8
# bytes of the scalar types of its metadata, by number: integers, floats, bool
_SCALARS: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _ARRAY, _UINT32 = 8, 9, 4
# elements and bytes of a block of each type of tensors, by number; what is newer than these is taken to fit
_BLOCKS: Final = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 40),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    16: (256, 66),
    17: (256, 74),
    18: (256, 98),
    19: (256, 50),
    20: (32, 18),
    21: (256, 110),
    22: (256, 82),
    23: (256, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    29: (256, 56),
    30: (1, 2),
}


class _FaultError(Exception):
    """A header says what its file is not."""


def fault_of_safetensors(file: IO[bytes], size_bytes: int) -> str:
    """Look whether the header of a safetensors file fits the file.

    Args:
        file: The file, at its beginning.
        size_bytes: Its length.

    Returns:
        What does not fit; empty where all does.
    """
    try:
        _check_safetensors(file, size_bytes)
    except _FaultError as fault:
        return str(fault)
    return ""


def _check_safetensors(file: IO[bytes], size_bytes: int) -> None:
    start = file.read(_LENGTH_BYTES)
    if len(start) < _LENGTH_BYTES:
        raise _FaultError(f"is {size_bytes} bytes long, too short for a header")
    (length,) = struct.unpack("<Q", start)
    if length > min(_MAX_HEADER_BYTES, size_bytes - _LENGTH_BYTES):
        raise _FaultError(f"its header would be {length} bytes long, and the file has {size_bytes}")
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError) as error:
        raise _FaultError("its header is no JSON") from error
    if not isinstance(header, dict):
        raise _FaultError("its header is no table of tensors")
    header.pop("__metadata__", None)
    spans = sorted(_span_of(name, tensor) for name, tensor in header.items())
    at = 0
    for begin, end, name in spans:
        if begin != at:
            raise _FaultError(f"tensor {name[:64]!r} begins at byte {begin}, and the one before ends at {at}")
        at = end
    there = size_bytes - _LENGTH_BYTES - length
    if at != there:
        raise _FaultError(f"its tensors take {at} bytes, and {there} are there")


def _span_of(name: str, tensor: Any) -> tuple[int, int, str]:
    offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
    match offsets:
        case [int() as begin, int() as end] if 0 <= begin <= end:
            return begin, end, name
    raise _FaultError(f"tensor {name[:64]!r} has no place in the file")


def fault_of_gguf(file: IO[bytes], size_bytes: int) -> str:
    """Look whether the header and the table of tensors of a GGUF file fit the file.

    Args:
        file: The file, at its beginning.
        size_bytes: Its length.

    Returns:
        What does not fit; empty where all does.
    """
    try:
        _check_gguf(_Reader(file, size_bytes), size_bytes)
    except _FaultError as fault:
        return str(fault)
    return ""


def _check_gguf(reader: _Reader, size_bytes: int) -> None:
    if (magic := reader.take(len(_GGUF_MAGIC))) != _GGUF_MAGIC:
        raise _FaultError(f"begins with {magic!r} instead of {_GGUF_MAGIC!r}")
    version = reader.uint32()
    if version not in _GGUF_VERSIONS:
        raise _FaultError(f"is of GGUF version {version}, which is not known")
    tensors, entries = reader.uint64(), reader.uint64()
    if max(tensors, entries) > _MAX_ENTRIES:
        raise _FaultError(f"would have {tensors} tensors and {entries} entries of metadata")
    alignment = _GGUF_ALIGNMENT
    for _ in range(entries):
        key, kind = reader.text(), reader.uint32()
        value = reader.value(kind)
        if key == b"general.alignment" and kind == _UINT32:
            alignment = int.from_bytes(value, "little")
    if alignment == 0 or alignment % _LENGTH_BYTES:
        raise _FaultError(f"its alignment is {alignment}, no multiple of {_LENGTH_BYTES}")
    last = 0
    for _ in range(tensors):
        name = reader.text()
        dimensions = reader.uint32()
        if dimensions > _MAX_DIMENSIONS:
            raise _FaultError(f"tensor {name[:64]!r} would have {dimensions} dimensions")
        elements = math.prod(reader.uint64() for _ in range(dimensions))
        kind, offset = reader.uint32(), reader.uint64()
        per_block, block_bytes = _BLOCKS.get(kind, (1, 0))
        last = max(last, offset + -(-elements // per_block) * block_bytes)
    begin = -(-reader.at // alignment) * alignment
    if tensors and begin + last > size_bytes:
        raise _FaultError(f"its tensors end at byte {begin + last}, and the file at {size_bytes}")


class _Reader:
    """Takes what a header says bit by bit, never beyond the file."""

    def __init__(self, file: IO[bytes], size_bytes: int) -> None:
        self._file = file
        self._size = size_bytes
        self.at = 0

    def take(self, length: int) -> bytes:
        if length > _MAX_TEXT_BYTES:
            raise _FaultError(f"a text of its header would be {length} bytes long")
        found = self._file.read(length)
        self.at += len(found)
        if len(found) < length:
            raise _FaultError(f"ends within its header, at byte {self.at}")
        return found

    def skip(self, length: int) -> None:
        self.at += length
        if self.at > self._size:
            raise _FaultError(f"ends within its header, which goes on to byte {self.at}")
        self._file.seek(length, 1)

    def uint32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def uint64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def text(self) -> bytes:
        return self.take(self.uint64())

    def value(self, kind: int, nesting: int = 0) -> bytes:
        if kind in _SCALARS:
            return self.take(_SCALARS[kind])
        if kind == _TEXT:
            self.skip(self.uint64())
            return b""
        if kind != _ARRAY or nesting > _MAX_NESTING:
            raise _FaultError(f"an entry of its metadata is of type {kind}, which is not known")
        inner, count = self.uint32(), self.uint64()
        if inner in _SCALARS:
            self.skip(count * _SCALARS[inner])
            return b""
        if count > _MAX_TEXTS:
            raise _FaultError(f"a list of its metadata would have {count} entries")
        for _ in range(count):
            self.value(inner, nesting + 1)
        return b""


# by the ending of a file's name: what looks at its header
HEADERS: Final[dict[str, Callable[[IO[bytes], int], str]]] = {
    ".safetensors": fault_of_safetensors,
    ".sft": fault_of_safetensors,
    ".gguf": fault_of_gguf,
}
