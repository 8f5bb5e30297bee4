"""Chat with a model that Ollama serves: a script that knows nothing of modeltally.

``modeltally run python chat.py llama3.2 "What is a lighthouse?"`` beside ``modeltally up``; the server is the one that
``OLLAMA_HOST`` names. A request that waits for its model to be loaded is a cold start.
"""

from __future__ import annotations

import sys

import ollama


def main(model: str, question: str) -> None:
    """Ask, and show the answer as it comes."""
    for piece in ollama.chat(model=model, messages=[{"role": "user", "content": question}], stream=True):
        sys.stdout.write(piece.message.content or "")
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
