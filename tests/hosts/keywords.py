"""What each operation of the workload is and says, by its number.

Both sides read this: the service that records, and the driver that knows what must arrive.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "BLOCK",
    "CANCELLED",
    "DECORATED",
    "DOWNLOAD",
    "HEALTH_CHECK",
    "INNER",
    "LOAD",
    "PATTERN",
    "RAISING",
    "REQUEST_MODEL",
    "STREAM_MODEL",
    "is_inside",
    "operation_of",
    "values_of",
]

# A block has one operation of each place; odd blocks run outside of any span of the host's.
BLOCK: Final = 20
DECORATED: Final = range(4)
RAISING: Final = frozenset({3, 7})
CANCELLED: Final = 14
DOWNLOAD: Final = 15
LOAD: Final = 16
PATTERN: Final = 17
INNER: Final = 18
HEALTH_CHECK: Final = 19

REQUEST_MODEL: Final = "lumen/sketch-xl"
STREAM_MODEL: Final = "lumen/story"

_OPERATIONS: Final = {
    DOWNLOAD: "model.download",
    LOAD: "model.load",
    PATTERN: "pattern.run",
    HEALTH_CHECK: "model.health_check",
}

Value = str | int | float | bool


def is_inside(index: int) -> bool:
    """Tell whether an operation runs inside a span of the host's."""
    return index // BLOCK % 2 == 0


def operation_of(index: int) -> str:
    """Return an operation's kind."""
    return _OPERATIONS.get(index % BLOCK, "model.request")


def values_of(index: int) -> dict[str, Value]:
    """Return everything that is said of an operation once it runs; no two operations say the same."""
    place = index % BLOCK
    common: dict[str, Value] = {
        "correlation_id": str(index),
        "user": f"user-{index % 97}",
        "session_id": f"session-{index // 7}",
        "conversation_id": f"conversation-{index // 3}",
        "agent_name": "painter",
        "project": f"project-{index % 5}",
        "context_type": "document",
        "context_id": f"document-{index}",
        "file_type": "png",
        "attempt": index % 3 + 1,
        "queue_seconds": index / 1024,
        "timeout_limit_seconds": 30.0,
        "device": "cuda:0",
        "hardware_id": f"GPU-{index % 4}",
    }
    if place == PATTERN:
        return {
            **common,
            "pattern_version": f"{index}",
            "quality_score": index % 8 / 8,
            "items_total": index,
            "items_succeeded": index // 2,
        }
    common |= {
        "model_revision": f"revision-{index % 11}",
        "model_type": "t2i",
        "model_dtype": "bfloat16",
        "model_size_bytes": 7_000_000_000 + index,
        "framework": "diffusers",
        "pipeline_class": "SketchPipeline",
    }
    if place == DOWNLOAD:
        return {**common, "download_bytes": index, "download_files": 12, "download_cache_hit": index % 2 == 0}
    if place == LOAD:
        return {**common, "load_source": "disk", "model_memory_bytes": index}
    if place == HEALTH_CHECK:
        return {**common, "health_status": "ok", "integrity_score": 1.0, "files_checked": index}
    return {
        **common,
        "provider": "acme",
        "task": "text_to_image",
        "prompt": f"a lighthouse, the {index}th",
        "negative_prompt": "fog",
        "output_type": "image",
        "response_id": f"response-{index}",
        "seed": index,
        "temperature": index / 4096,
        "max_tokens": 4096,
        "input_tokens": index,
        "output_tokens": 2 * index,
        "image_width": 1024,
        "image_height": 768,
        "output_count": index % 4,
        "steps_requested": 30,
        "guidance_scale": 7.5,
        "scheduler": "euler",
        "lora_names": "ink,grain",
        "cold_start": index % 2 == 1,
        "gpu_memory_peak_bytes": 1 << 34 | index,
        "cost_amount": index / 8192,
        "cost_currency": "EUR",
    }
