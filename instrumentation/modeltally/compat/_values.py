"""What is told of a request under other names, as keywords of ours; what has no keyword is left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from modeltally.instrument._values import Values

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["values_of"]

_RESOLUTION: Final = re.compile(r"\s*([0-9]{1,6})\s*[xX*]\s*([0-9]{1,6})\s*")
_MEBIBYTE: Final = 2**20
_NAMES: Final[dict[object, str]] = {
    "width": "image_width",
    "height": "image_height",
    "steps": "steps_requested",
    "num_inference_steps": "steps_requested",
    "cfg_scale": "guidance_scale",
    "sampler": "scheduler",
    "fps": "video_fps",
    "num_frames": "video_frames",
    "loras": "lora_names",
    "lora_path": "lora_names",
    "lora_strength": "lora_scales",
    "user_id": "user",
    "agent": "agent_name",
    "queue_wait_time_seconds": "queue_seconds",
    "model_checkpoint": "model_base",
}
_MEBIBYTES: Final[dict[object, str]] = {
    "vram_usage_mb": "gpu_memory_peak_bytes",
    "peak_vram_mb": "gpu_memory_peak_bytes",
}


def values_of(*tellings: Mapping[Any, object] | None) -> Values:
    """Translate what is told of an operation.

    Args:
        *tellings: Values by name, ours or another design's; a later one wins.

    Returns:
        Those that have a keyword.
    """
    found: dict[str, object] = {}
    for telling in tellings:
        for name, value in dict(telling or {}).items():
            keyword = str(_NAMES.get(name, name))
            if name == "resolution":
                found |= _size_of(value)
            elif name in _MEBIBYTES and isinstance(value, int | float):
                found[_MEBIBYTES[name]] = round(value * _MEBIBYTE)
            elif keyword in Values.__annotations__:
                found[keyword] = value
    return cast("Values", found)


def _size_of(resolution: object) -> dict[str, object]:
    sides = _RESOLUTION.fullmatch(resolution) if isinstance(resolution, str) else None
    return {"image_width": int(sides[1]), "image_height": int(sides[2])} if sides else {}
