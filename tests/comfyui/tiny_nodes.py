"""Custom nodes of the tests: one that fails, and one that waits until it is interrupted; ComfyUI loads this file."""

from __future__ import annotations

import time
from typing import Any

import comfy.model_management

QUOTE = "a message that quotes the prompt"


class TinyBroken:
    """Fails."""

    CATEGORY = "tiny"
    FUNCTION = "run"
    RETURN_TYPES = ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """Say what goes in."""
        return {"required": {"image": ("IMAGE",)}}

    def run(self, image: Any) -> Any:
        """Raise."""
        del image
        raise LookupError(QUOTE)


class TinySlow:
    """Passes a picture on, but only once it is interrupted: then it is too late."""

    CATEGORY = "tiny"
    FUNCTION = "run"
    RETURN_TYPES = ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """Say what goes in."""
        return {"required": {"image": ("IMAGE",), "number": ("INT", {"default": 0})}}

    def run(self, image: Any, number: int) -> Any:
        """Wait."""
        del number
        while True:
            comfy.model_management.throw_exception_if_processing_interrupted()
            time.sleep(0.01)
        return (image,)


NODE_CLASS_MAPPINGS = {"TinyBroken": TinyBroken, "TinySlow": TinySlow}
