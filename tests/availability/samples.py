"""Small real files: weights with true headers, caches that huggingface_hub filled, folders as programs leave them."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import snapshot_download
from huggingface_hub.utils.tqdm import disable_progress_bars

if TYPE_CHECKING:
    from libraries.fake_hub import FakeHub

__all__ = ["OLLAMA", "download", "gguf", "ollama_model", "publish", "safetensors", "tree_of_bytes"]

OLLAMA = "application/vnd.ollama.image."
disable_progress_bars()


def safetensors(seed: int = 0, *, tensors: int = 3, bytes_each: int = 1024) -> bytes:
    """Make a safetensors file of random weights."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    for number in range(tensors):
        begin = number * bytes_each
        header[f"layer.{number}"] = {
            "dtype": "U8",
            "shape": [bytes_each],
            "data_offsets": [begin, begin + bytes_each],
        }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + random.Random(seed).randbytes(tensors * bytes_each)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def gguf(seed: int = 0, *, tensors: int = 2) -> bytes:
    """Make a GGUF file of version 3: metadata of several types, tensors of F32 and Q8_0."""
    metadata = [
        _text("general.architecture") + struct.pack("<I", 8) + _text("llama"),
        _text("general.alignment") + struct.pack("<II", 4, 32),
        _text("tokenizer.tokens") + struct.pack("<IIQ", 9, 8, 2) + _text("a") + _text("b"),
        _text("tokenizer.scores") + struct.pack("<IIQ", 9, 6, 2) + struct.pack("<ff", 0.5, 1.5),
    ]
    # 64 elements: F32 takes 256 bytes, Q8_0 two blocks of 34
    kinds = [(0, 256), (8, 68)]
    infos, data = b"", b""
    for number in range(tensors):
        kind, size = kinds[number % 2]
        infos += _text(f"blk.{number}") + struct.pack("<IQIQ", 1, 64, kind, len(data))
        data += random.Random(seed + number).randbytes(size)
        data += bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, len(metadata)) + b"".join(metadata) + infos
    return head + bytes(-len(head) % 32) + data


def publish(hub: FakeHub, name: str, files: dict[str, bytes], *, commit: str = "") -> None:
    """Have a hub hold a model; weights are large files, kept by SHA-256."""
    hub.files[name] = files
    hub.large |= {path for path in files if path.endswith((".safetensors", ".gguf", ".bin"))}
    if commit:
        hub.commits[name] = hashlib.sha1(commit.encode()).hexdigest()  # noqa: S324 - as git does


def download(hub: FakeHub, name: str, cache: Path, **more: Any) -> Path:
    """Fetch a model as a service does, with the real library."""
    return Path(snapshot_download(name, cache_dir=None if "local_dir" in more else cache, endpoint=hub.url, **more))


def ollama_model(root: Path, name: str, layers: dict[str, bytes], *, tag: str = "latest") -> None:
    """Write a model as Ollama does: layers named by their sums, and a manifest that names them."""
    (root / "blobs").mkdir(parents=True, exist_ok=True)
    described = []
    for kind, content in layers.items():
        number = hashlib.sha256(content).hexdigest()
        (root / "blobs" / f"sha256-{number}").write_bytes(content)
        described.append({"mediaType": OLLAMA + kind, "digest": f"sha256:{number}", "size": len(content)})
    path = root / "manifests" / "registry.ollama.ai" / "library" / name / tag
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schemaVersion": 2, "config": described[0], "layers": described[1:]}))


def tree_of_bytes(root: Path) -> int:
    """Sum the bytes that files below a folder take, each file on disk once: what a removal could free at most."""
    found = {}
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            entry = path.stat()
            found[entry.st_ino] = entry.st_size
    return sum(found.values())
