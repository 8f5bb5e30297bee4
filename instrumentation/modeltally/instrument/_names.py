"""Every attribute name, operation and outcome, and the keyword by which a caller sets each attribute.

A new attribute is one line in :data:`ATTRIBUTES` and one in :class:`modeltally.instrument._values.Values`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

SCOPE: Final = "modeltally"

# operations
MODEL_REQUEST: Final = "model.request"
MODEL_DOWNLOAD: Final = "model.download"
MODEL_LOAD: Final = "model.load"
MODEL_UNLOAD: Final = "model.unload"
MODEL_OFFLOAD: Final = "model.offload"
MODEL_HEALTH_CHECK: Final = "model.health_check"
PATTERN_RUN: Final = "pattern.run"
EVALUATION: Final = "evaluation"
HEARTBEAT: Final = "heartbeat"

RECORDABLE: Final = frozenset(
    {MODEL_REQUEST, MODEL_DOWNLOAD, MODEL_LOAD, MODEL_UNLOAD, MODEL_OFFLOAD, MODEL_HEALTH_CHECK, PATTERN_RUN}
)
MODEL_OPERATIONS: Final = RECORDABLE - {PATTERN_RUN}

# what a host may call operations of its own: a prefix, then a name; the prefixes of ours are refused
_CUSTOM: Final = re.compile(r"(?!(?:model|pattern|modeltally|gen_ai)\.)[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+")
MAX_OPERATION: Final = 64

# outcomes
SUCCESS: Final = "success"
FAILURE: Final = "failure"
PARTIAL_SUCCESS: Final = "partial_success"
ERROR: Final = "error"
CANCELLED: Final = "cancelled"

OUTCOMES: Final = frozenset({SUCCESS, FAILURE, PARTIAL_SUCCESS, ERROR, CANCELLED})
BAD_OUTCOMES: Final = frozenset({FAILURE, ERROR})

# where a record comes from
SOURCE_WRAPPER: Final = "wrapper"
SOURCE_AUTO: Final = "auto"
SOURCE_IMPORT: Final = "import"
SOURCES: Final = frozenset({SOURCE_WRAPPER, SOURCE_AUTO, SOURCE_IMPORT})

# error types that are not a class name
TIMEOUT: Final = "timeout"
OUT_OF_MEMORY: Final = "out_of_memory"
QUALITY_GATE: Final = "quality_gate"

# set by the lifecycle, never by a caller's keyword
OPERATION: Final = "modeltally.operation"
OUTCOME: Final = "modeltally.outcome"
UNFINISHED: Final = "modeltally.unfinished"
NESTED: Final = "modeltally.nested"
SOURCE: Final = "modeltally.source"
ERROR_TYPE: Final = "error.type"
ERROR_SITE: Final = "modeltally.error.site"
ERROR_MESSAGE: Final = "modeltally.error.message"
MARK: Final = "modeltally.mark"
USER_HASH: Final = "user.hash"
USER_KEY_ID: Final = "modeltally.user.key_id"
PROMPT_HASH: Final = "modeltally.prompt.hash"
PROMPT_LENGTH: Final = "modeltally.prompt.length"
NEGATIVE_PROMPT_HASH: Final = "modeltally.negative_prompt.hash"
NEGATIVE_PROMPT_LENGTH: Final = "modeltally.negative_prompt.length"
MODEL_ID: Final = "modeltally.model.id"
REQUEST_MODEL: Final = "gen_ai.request.model"
OPERATION_NAME: Final = "gen_ai.operation.name"
LORA_COUNT: Final = "modeltally.lora.count"
EVALUATION_NAME: Final = "modeltally.evaluation.name"
EVALUATION_TRACE_ID: Final = "modeltally.evaluation.trace_id"
EVALUATION_SPAN_ID: Final = "modeltally.evaluation.span_id"
EVALUATION_START: Final = "modeltally.evaluation.start"
HEARTBEAT_STARTED: Final = "modeltally.heartbeat.started"
HEARTBEAT_FINISHED: Final = "modeltally.heartbeat.finished"
HEARTBEAT_DROPPED: Final = "modeltally.heartbeat.dropped"
HEARTBEAT_PROBLEMS: Final = "modeltally.heartbeat.problems"
HEARTBEAT_SEQUENCE: Final = "modeltally.heartbeat.sequence"
HEARTBEAT_IN_FLIGHT: Final = "modeltally.heartbeat.in_flight"
HEARTBEAT_GOODBYE: Final = "modeltally.heartbeat.goodbye"

UNKNOWN_MODEL: Final = "unknown"
GENERATE_CONTENT: Final = "generate_content"
PATTERN_OPERATION_NAMES: Final = {"workflow": "invoke_workflow", "agent": "invoke_agent"}

# keywords that need more than a copy
MODEL_KEYWORD: Final = "model"
USER_KEYWORD: Final = "user"
PROMPT_KEYWORDS: Final = {
    "prompt": (PROMPT_HASH, PROMPT_LENGTH),
    "negative_prompt": (NEGATIVE_PROMPT_HASH, NEGATIVE_PROMPT_LENGTH),
}
PATTERN_NAME_KEYWORD: Final = "pattern_name"


class Attribute(NamedTuple):
    """Where a keyword's value travels."""

    name: str
    type: type[str | int | float | bool]


ATTRIBUTES: Final[dict[str, Attribute]] = {
    # common
    "session_id": Attribute("session.id", str),
    "conversation_id": Attribute("gen_ai.conversation.id", str),
    "agent_name": Attribute("gen_ai.agent.name", str),
    "project": Attribute("modeltally.project", str),
    "context_type": Attribute("modeltally.context.type", str),
    "context_id": Attribute("modeltally.context.id", str),
    "file_type": Attribute("modeltally.file.type", str),
    "context": Attribute("modeltally.context", str),
    "correlation_id": Attribute("modeltally.correlation_id", str),
    "attempt": Attribute("modeltally.attempt", int),
    "redelivered": Attribute("modeltally.redelivered", bool),
    "clock_skew": Attribute("modeltally.clock_skew", bool),
    "never_started": Attribute("modeltally.never_started", bool),
    "progress": Attribute("modeltally.progress", float),
    "concurrency": Attribute("modeltally.concurrency", int),
    "queue_seconds": Attribute("modeltally.queue.duration", float),
    "timeout_limit_seconds": Attribute("modeltally.timeout.limit", float),
    "device": Attribute("modeltally.device", str),
    "hardware_id": Attribute("hw.id", str),
    # model
    "model": Attribute(MODEL_ID, str),
    "model_base": Attribute("modeltally.model.base", str),
    "model_revision": Attribute("modeltally.model.revision", str),
    "model_commit": Attribute("modeltally.model.commit", str),
    "model_type": Attribute("modeltally.model.type", str),
    "model_format": Attribute("modeltally.model.format", str),
    "model_quantization": Attribute("modeltally.model.quantization", str),
    "model_dtype": Attribute("modeltally.model.dtype", str),
    "model_parameters": Attribute("modeltally.model.parameters", int),
    "model_size_bytes": Attribute("modeltally.model.size", int),
    "model_memory_bytes": Attribute("modeltally.model.memory.size", int),
    "model_priority": Attribute("modeltally.model.priority", str),
    "offload_mode": Attribute("modeltally.offload.mode", str),
    "framework": Attribute("modeltally.framework", str),
    "framework_version": Attribute("modeltally.framework.version", str),
    "pipeline_class": Attribute("modeltally.pipeline.class", str),
    # request
    "operation_name": Attribute(OPERATION_NAME, str),
    "provider": Attribute("gen_ai.provider.name", str),
    "response_model": Attribute("gen_ai.response.model", str),
    "response_id": Attribute("gen_ai.response.id", str),
    "finish_reasons": Attribute("gen_ai.response.finish_reasons", str),
    "output_type": Attribute("gen_ai.output.type", str),
    "seed": Attribute("gen_ai.request.seed", int),
    "choice_count": Attribute("gen_ai.request.choice.count", int),
    "temperature": Attribute("gen_ai.request.temperature", float),
    "top_p": Attribute("gen_ai.request.top_p", float),
    "top_k": Attribute("gen_ai.request.top_k", int),
    "max_tokens": Attribute("gen_ai.request.max_tokens", int),
    "frequency_penalty": Attribute("gen_ai.request.frequency_penalty", float),
    "presence_penalty": Attribute("gen_ai.request.presence_penalty", float),
    "stream": Attribute("gen_ai.request.stream", bool),
    "input_tokens": Attribute("gen_ai.usage.input_tokens", int),
    "output_tokens": Attribute("gen_ai.usage.output_tokens", int),
    "cache_read_tokens": Attribute("gen_ai.usage.cache_read.input_tokens", int),
    "cache_write_tokens": Attribute("gen_ai.usage.cache_write.input_tokens", int),
    "reasoning_tokens": Attribute("gen_ai.usage.reasoning.output_tokens", int),
    "time_to_first_chunk_seconds": Attribute("gen_ai.response.time_to_first_chunk", float),
    "task": Attribute("modeltally.task", str),
    "prompt_length": Attribute(PROMPT_LENGTH, int),
    "negative_prompt_length": Attribute(NEGATIVE_PROMPT_LENGTH, int),
    "image_width": Attribute("modeltally.image.width", int),
    "image_height": Attribute("modeltally.image.height", int),
    "output_count": Attribute("modeltally.output.count", int),
    "video_frames": Attribute("modeltally.video.frames", int),
    "video_fps": Attribute("modeltally.video.fps", float),
    "video_duration_seconds": Attribute("modeltally.video.duration", float),
    "steps_requested": Attribute("modeltally.diffusion.steps.requested", int),
    "steps_completed": Attribute("modeltally.diffusion.steps.completed", int),
    "guidance_scale": Attribute("modeltally.diffusion.guidance_scale", float),
    "strength": Attribute("modeltally.diffusion.strength", float),
    "scheduler": Attribute("modeltally.diffusion.scheduler", str),
    "lora_names": Attribute("modeltally.lora.names", str),
    "lora_scales": Attribute("modeltally.lora.scales", str),
    "lora_count": Attribute(LORA_COUNT, int),
    "cold_start": Attribute("modeltally.model.cold_start", bool),
    "load_duration_seconds": Attribute("modeltally.model.load.duration", float),
    "generation_speed": Attribute("modeltally.generation.speed", float),
    "generation_speed_unit": Attribute("modeltally.generation.speed.unit", str),
    "gpu_memory_before_bytes": Attribute("modeltally.gpu.memory.before", int),
    "gpu_memory_after_bytes": Attribute("modeltally.gpu.memory.after", int),
    "gpu_memory_peak_bytes": Attribute("modeltally.gpu.memory.peak", int),
    "gpu_memory_reserved_peak_bytes": Attribute("modeltally.gpu.memory.reserved.peak", int),
    "gpu_memory_exclusive": Attribute("modeltally.gpu.memory.exclusive", bool),
    "cost_amount": Attribute("modeltally.cost.amount", float),
    "cost_currency": Attribute("modeltally.cost.currency", str),
    # lifecycle of a model
    "download_bytes": Attribute("modeltally.download.bytes", int),
    "download_size_bytes": Attribute("modeltally.download.size", int),
    "download_files": Attribute("modeltally.download.files", int),
    "download_files_cached": Attribute("modeltally.download.files.cached", int),
    "download_cache_hit": Attribute("modeltally.download.cache_hit", bool),
    "download_retries": Attribute("modeltally.download.retries", int),
    "download_resumed": Attribute("modeltally.download.resumed", bool),
    "download_resumed_bytes": Attribute("modeltally.download.resumed.bytes", int),
    "download_protocol": Attribute("modeltally.download.protocol", str),
    "download_bytes_per_second": Attribute("modeltally.download.speed", float),
    "download_source": Attribute("modeltally.download.source", str),
    "download_paused_seconds": Attribute("modeltally.download.paused.duration", float),
    "download_reason": Attribute("modeltally.download.reason", str),
    "load_source": Attribute("modeltally.load.source", str),
    "unload_reason": Attribute("modeltally.unload.reason", str),
    "memory_freed_bytes": Attribute("modeltally.memory.freed", int),
    "resident_seconds": Attribute("modeltally.model.resident.duration", float),
    "health_status": Attribute("modeltally.health.status", str),
    "integrity_score": Attribute("modeltally.integrity.score", float),
    "performance_score": Attribute("modeltally.performance.score", float),
    "files_checked": Attribute("modeltally.health.files.checked", int),
    "files_missing": Attribute("modeltally.health.files.missing", int),
    "files_corrupted": Attribute("modeltally.health.files.corrupted", int),
    "check_kind": Attribute("modeltally.health.check.kind", str),
    # pattern
    "pattern_id": Attribute("modeltally.pattern.id", str),
    "pattern_name": Attribute("modeltally.pattern.name", str),
    "pattern_version": Attribute("modeltally.pattern.version", str),
    "pattern_kind": Attribute("modeltally.pattern.kind", str),
    "quality_score": Attribute("modeltally.quality.score", float),
    "quality_source": Attribute("modeltally.quality.source", str),
    "quality_gate_failed": Attribute("modeltally.quality_gate.failed", bool),
    "quality_gate_failures": Attribute("modeltally.quality_gate.failures", int),
    "quality_gate_names": Attribute("modeltally.quality_gate.names", str),
    "items_total": Attribute("modeltally.items.total", int),
    "items_succeeded": Attribute("modeltally.items.succeeded", int),
}

# attributes that only the lifecycle or a keyword sets
PREFIX: Final = "modeltally."
OWN: Final = frozenset({ERROR_TYPE, USER_HASH, REQUEST_MODEL, *(attribute.name for attribute in ATTRIBUTES.values())})

# what an inner operation hands to the enclosing one of the same kind
HANDED_FACTS: Final = ("response_model", "input_tokens", "output_tokens", "time_to_first_chunk_seconds")


def is_custom(operation: str) -> bool:
    """Tell whether an operation's name is one that a host may give: ``acme.upscale``, at most 64 characters."""
    return len(operation) <= MAX_OPERATION and _CUSTOM.fullmatch(operation) is not None
