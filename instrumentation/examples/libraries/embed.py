"""Embed texts with sentence-transformers: a script that knows nothing of modeltally.

``modeltally run python embed.py all-MiniLM-L6-v2 "a lighthouse" "a ship"`` beside ``modeltally up``.
"""

from __future__ import annotations

import sys

import sentence_transformers


def main(model: str, *texts: str) -> None:
    """Load the model, and embed."""
    vectors = sentence_transformers.SentenceTransformer(model).encode(list(texts))
    sys.stdout.write(f"{vectors.shape[0]} texts of {vectors.shape[1]} numbers\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
