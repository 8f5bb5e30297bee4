"""Write down what is said in a file with faster-whisper: a script that knows nothing of modeltally.

``modeltally run python transcribe.py tiny speech.wav`` beside ``modeltally up``.
"""

from __future__ import annotations

import sys

import faster_whisper


def main(model: str, path: str) -> None:
    """Load the model, and listen: it listens as the segments are asked for."""
    segments, told = faster_whisper.WhisperModel(model, device="cpu").transcribe(path, language="en")
    sys.stdout.write(f"{told.duration:.1f} s: {' '.join(segment.text for segment in segments)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
