"""Order a picture from a server with OpenAI's client: a script that knows nothing of modeltally.

``modeltally run python order.py gpt-image-1 "a lighthouse"`` beside ``modeltally up``; the server is the one that
``OPENAI_BASE_URL`` names.
"""

from __future__ import annotations

import sys

import openai


def main(model: str, prompt: str) -> None:
    """Order the picture."""
    answer = openai.OpenAI().images.generate(model=model, prompt=prompt, size="1024x1024")
    sys.stdout.write(f"{len(answer.data or [])} pictures\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
