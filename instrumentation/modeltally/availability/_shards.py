"""Which files the names of others tell of: the parts of a model that was cut into several."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["WEIGHTS", "is_weights", "parts_named_by"]

WEIGHTS: Final = frozenset(
    {
        ".safetensors",
        ".sft",
        ".gguf",
        ".ggml",
        ".bin",
        ".pt",
        ".pth",
        ".ckpt",
        ".pkl",
        ".onnx",
        ".msgpack",
        ".h5",
        ".tflite",
    }
)
_PART: Final = re.compile(r"(?P<stem>.*-)(?P<number>\d{5})-of-(?P<total>\d{5})(?P<ending>\.[^/]+)")
_MOST_PARTS: Final = 10_000


def is_weights(name: str) -> bool:
    """Return whether a file holds weights, by the ending of its name."""
    return PurePosixPath(name).suffix.lower() in WEIGHTS


def parts_named_by(names: Iterable[str]) -> set[str]:
    """Name every part of what some parts belong to: ``x-00001-of-00003.gguf`` tells that there are three.

    Args:
        names: The files that are there.

    Returns:
        The names of all parts, those that are there among them.
    """
    found = set()
    for name in names:
        matched = _PART.fullmatch(name)
        total = 0 if matched is None else int(matched["total"])
        if matched is not None and int(matched["number"]) <= total <= _MOST_PARTS:
            found.add((matched["stem"], total, matched["ending"]))
    return {
        f"{stem}{number:05}-of-{total:05}{ending}" for stem, total, ending in found for number in range(1, total + 1)
    }
