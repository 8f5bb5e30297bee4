"""Write text with transformers: a script that knows nothing of modeltally.

``modeltally run python write.py Qwen/Qwen3-0.6B "Once upon a time"`` beside ``modeltally up``; then ask
``modeltally stats tokens``.
"""

from __future__ import annotations

import sys

import transformers


def main(model: str, prompt: str) -> None:
    """Load the model, and go on writing."""
    writer = transformers.pipeline("text-generation", model=model)
    sys.stdout.write(f"{writer(prompt, max_new_tokens=8)[0]['generated_text']}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
