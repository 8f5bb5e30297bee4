"""Download a model from the Hugging Face Hub: a script that knows nothing of modeltally.

``modeltally run python fetch.py Qwen/Qwen3-0.6B`` beside ``modeltally up``; then ask ``modeltally stats downloads``.
The second time it is in the cache.
"""

from __future__ import annotations

import sys

import huggingface_hub


def main(model: str) -> None:
    """Download the model."""
    sys.stdout.write(f"{huggingface_hub.snapshot_download(model)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
