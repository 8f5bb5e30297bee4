"""Paint a picture with diffusers: a script that knows nothing of modeltally.

``modeltally run python paint.py stabilityai/sdxl-turbo "a lighthouse"`` beside ``modeltally up``; then ask
``modeltally stats models`` and ``modeltally stats loads``.
"""

from __future__ import annotations

import sys

import diffusers
import torch


def main(model: str, prompt: str) -> None:
    """Load the model, and paint."""
    pipeline = diffusers.DiffusionPipeline.from_pretrained(model)
    pipeline.to("cuda" if torch.cuda.is_available() else "cpu")
    picture = pipeline(prompt, num_inference_steps=2, height=64, width=64).images[0]
    picture.save("picture.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
