"""Every keyword that a caller may give, with its type and the attribute it travels as: the one list of them.

The annotations are objects and no texts on purpose: compiling a hundred texts takes longer, and the names are read
from them at import.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple, TypedDict

__all__ = ["Attribute", "Values"]


_ScalarType = type[str | int | float | bool]


class Attribute(NamedTuple):
    """As what a keyword's value travels.

    Attributes:
        name: The attribute's.
        type: The attribute's: the first one of the keyword's types, taken from there.
    """

    name: str
    type: _ScalarType = str


class Values(TypedDict, total=False):
    """What can be told about an operation; every key is optional, ``None`` means unknown."""

    # common
    user: str | int | None
    session_id: Annotated[str | None, Attribute("session.id")]
    conversation_id: Annotated[str | None, Attribute("gen_ai.conversation.id")]
    agent_name: Annotated[str | None, Attribute("gen_ai.agent.name")]
    project: Annotated[str | None, Attribute("modeltally.project")]
    context_type: Annotated[str | None, Attribute("modeltally.context.type")]
    context_id: Annotated[str | None, Attribute("modeltally.context.id")]
    file_type: Annotated[str | None, Attribute("modeltally.file.type")]
    context: Annotated[str | Mapping[str, object] | None, Attribute("modeltally.context")]
    correlation_id: Annotated[str | None, Attribute("modeltally.correlation_id")]
    attempt: Annotated[int | None, Attribute("modeltally.attempt")]
    redelivered: Annotated[bool | None, Attribute("modeltally.redelivered")]
    clock_skew: Annotated[bool | None, Attribute("modeltally.clock_skew")]
    never_started: Annotated[bool | None, Attribute("modeltally.never_started")]
    progress: Annotated[float | None, Attribute("modeltally.progress")]
    concurrency: Annotated[int | None, Attribute("modeltally.concurrency")]
    queue_seconds: Annotated[float | None, Attribute("modeltally.queue.duration")]
    timeout_limit_seconds: Annotated[float | None, Attribute("modeltally.timeout.limit")]
    device: Annotated[str | None, Attribute("modeltally.device")]
    hardware_id: Annotated[str | None, Attribute("hw.id")]
    # model
    model: Annotated[str | None, Attribute("modeltally.model.id")]
    model_base: Annotated[str | None, Attribute("modeltally.model.base")]
    model_revision: Annotated[str | None, Attribute("modeltally.model.revision")]
    model_commit: Annotated[str | None, Attribute("modeltally.model.commit")]
    model_type: Annotated[str | None, Attribute("modeltally.model.type")]
    model_format: Annotated[str | None, Attribute("modeltally.model.format")]
    model_quantization: Annotated[str | None, Attribute("modeltally.model.quantization")]
    model_dtype: Annotated[str | None, Attribute("modeltally.model.dtype")]
    model_parameters: Annotated[int | None, Attribute("modeltally.model.parameters")]
    model_size_bytes: Annotated[int | None, Attribute("modeltally.model.size")]
    model_memory_bytes: Annotated[int | None, Attribute("modeltally.model.memory.size")]
    model_priority: Annotated[str | None, Attribute("modeltally.model.priority")]
    offload_mode: Annotated[str | None, Attribute("modeltally.offload.mode")]
    framework: Annotated[str | None, Attribute("modeltally.framework")]
    framework_version: Annotated[str | None, Attribute("modeltally.framework.version")]
    pipeline_class: Annotated[str | None, Attribute("modeltally.pipeline.class")]
    # request
    operation_name: Annotated[str | None, Attribute("gen_ai.operation.name")]
    provider: Annotated[str | None, Attribute("gen_ai.provider.name")]
    response_model: Annotated[str | None, Attribute("gen_ai.response.model")]
    response_id: Annotated[str | None, Attribute("gen_ai.response.id")]
    finish_reasons: Annotated[str | Sequence[str] | None, Attribute("gen_ai.response.finish_reasons")]
    output_type: Annotated[str | None, Attribute("gen_ai.output.type")]
    seed: Annotated[int | None, Attribute("gen_ai.request.seed")]
    choice_count: Annotated[int | None, Attribute("gen_ai.request.choice.count")]
    temperature: Annotated[float | None, Attribute("gen_ai.request.temperature")]
    top_p: Annotated[float | None, Attribute("gen_ai.request.top_p")]
    top_k: Annotated[int | None, Attribute("gen_ai.request.top_k")]
    max_tokens: Annotated[int | None, Attribute("gen_ai.request.max_tokens")]
    frequency_penalty: Annotated[float | None, Attribute("gen_ai.request.frequency_penalty")]
    presence_penalty: Annotated[float | None, Attribute("gen_ai.request.presence_penalty")]
    stream: Annotated[bool | None, Attribute("gen_ai.request.stream")]
    input_tokens: Annotated[int | None, Attribute("gen_ai.usage.input_tokens")]
    output_tokens: Annotated[int | None, Attribute("gen_ai.usage.output_tokens")]
    cache_read_tokens: Annotated[int | None, Attribute("gen_ai.usage.cache_read.input_tokens")]
    cache_write_tokens: Annotated[int | None, Attribute("gen_ai.usage.cache_write.input_tokens")]
    reasoning_tokens: Annotated[int | None, Attribute("gen_ai.usage.reasoning.output_tokens")]
    time_to_first_chunk_seconds: Annotated[float | None, Attribute("gen_ai.response.time_to_first_chunk")]
    task: Annotated[str | None, Attribute("modeltally.task")]
    prompt: str | None
    negative_prompt: str | None
    prompt_length: Annotated[int | None, Attribute("modeltally.prompt.length")]
    negative_prompt_length: Annotated[int | None, Attribute("modeltally.negative_prompt.length")]
    image_width: Annotated[int | None, Attribute("modeltally.image.width")]
    image_height: Annotated[int | None, Attribute("modeltally.image.height")]
    output_count: Annotated[int | None, Attribute("modeltally.output.count")]
    video_frames: Annotated[int | None, Attribute("modeltally.video.frames")]
    video_fps: Annotated[float | None, Attribute("modeltally.video.fps")]
    video_duration_seconds: Annotated[float | None, Attribute("modeltally.video.duration")]
    audio_duration_seconds: Annotated[float | None, Attribute("modeltally.audio.duration")]
    steps_requested: Annotated[int | None, Attribute("modeltally.diffusion.steps.requested")]
    steps_completed: Annotated[int | None, Attribute("modeltally.diffusion.steps.completed")]
    guidance_scale: Annotated[float | None, Attribute("modeltally.diffusion.guidance_scale")]
    strength: Annotated[float | None, Attribute("modeltally.diffusion.strength")]
    scheduler: Annotated[str | None, Attribute("modeltally.diffusion.scheduler")]
    lora_names: Annotated[str | Sequence[str] | None, Attribute("modeltally.lora.names")]
    lora_scales: Annotated[str | Sequence[float] | None, Attribute("modeltally.lora.scales")]
    lora_count: Annotated[int | None, Attribute("modeltally.lora.count")]
    node_count: Annotated[int | None, Attribute("modeltally.node.count")]
    node_cached_count: Annotated[int | None, Attribute("modeltally.node.cached")]
    node_slowest: Annotated[str | None, Attribute("modeltally.node.slowest")]
    node_slowest_seconds: Annotated[float | None, Attribute("modeltally.node.slowest.duration")]
    node_failed: Annotated[str | None, Attribute("modeltally.node.failed")]
    cold_start: Annotated[bool | None, Attribute("modeltally.model.cold_start")]
    load_duration_seconds: Annotated[float | None, Attribute("modeltally.model.load.duration")]
    generation_speed: Annotated[float | None, Attribute("modeltally.generation.speed")]
    generation_speed_unit: Annotated[str | None, Attribute("modeltally.generation.speed.unit")]
    gpu_memory_before_bytes: Annotated[int | None, Attribute("modeltally.gpu.memory.before")]
    gpu_memory_after_bytes: Annotated[int | None, Attribute("modeltally.gpu.memory.after")]
    gpu_memory_peak_bytes: Annotated[int | None, Attribute("modeltally.gpu.memory.peak")]
    gpu_memory_reserved_peak_bytes: Annotated[int | None, Attribute("modeltally.gpu.memory.reserved.peak")]
    gpu_memory_exclusive: Annotated[bool | None, Attribute("modeltally.gpu.memory.exclusive")]
    host_memory_before_bytes: Annotated[int | None, Attribute("modeltally.host.memory.before")]
    host_memory_after_bytes: Annotated[int | None, Attribute("modeltally.host.memory.after")]
    host_memory_peak_bytes: Annotated[int | None, Attribute("modeltally.host.memory.peak")]
    cost_amount: Annotated[float | None, Attribute("modeltally.cost.amount")]
    cost_currency: Annotated[str | None, Attribute("modeltally.cost.currency")]
    # lifecycle of a model
    download_bytes: Annotated[int | None, Attribute("modeltally.download.bytes")]
    download_size_bytes: Annotated[int | None, Attribute("modeltally.download.size")]
    download_files: Annotated[int | None, Attribute("modeltally.download.files")]
    download_files_cached: Annotated[int | None, Attribute("modeltally.download.files.cached")]
    download_cache_hit: Annotated[bool | None, Attribute("modeltally.download.cache_hit")]
    download_retries: Annotated[int | None, Attribute("modeltally.download.retries")]
    download_resumed: Annotated[bool | None, Attribute("modeltally.download.resumed")]
    download_resumed_bytes: Annotated[int | None, Attribute("modeltally.download.resumed.bytes")]
    download_protocol: Annotated[str | None, Attribute("modeltally.download.protocol")]
    download_bytes_per_second: Annotated[float | None, Attribute("modeltally.download.speed")]
    download_source: Annotated[str | None, Attribute("modeltally.download.source")]
    download_paused_seconds: Annotated[float | None, Attribute("modeltally.download.paused.duration")]
    download_reason: Annotated[str | None, Attribute("modeltally.download.reason")]
    load_source: Annotated[str | None, Attribute("modeltally.load.source")]
    unload_reason: Annotated[str | None, Attribute("modeltally.unload.reason")]
    memory_freed_bytes: Annotated[int | None, Attribute("modeltally.memory.freed")]
    resident_seconds: Annotated[float | None, Attribute("modeltally.model.resident.duration")]
    health_status: Annotated[str | None, Attribute("modeltally.health.status")]
    integrity_score: Annotated[float | None, Attribute("modeltally.integrity.score")]
    performance_score: Annotated[float | None, Attribute("modeltally.performance.score")]
    files_checked: Annotated[int | None, Attribute("modeltally.health.files.checked")]
    files_missing: Annotated[int | None, Attribute("modeltally.health.files.missing")]
    files_corrupted: Annotated[int | None, Attribute("modeltally.health.files.corrupted")]
    check_kind: Annotated[str | None, Attribute("modeltally.health.check.kind")]
    # what lies on the disks of a host
    inventory_item: Annotated[str | None, Attribute("modeltally.inventory.item")]
    inventory_items: Annotated[int | None, Attribute("modeltally.inventory.items")]
    inventory_files: Annotated[int | None, Attribute("modeltally.inventory.files")]
    inventory_bytes: Annotated[int | None, Attribute("modeltally.inventory.size")]
    inventory_freed_bytes: Annotated[int | None, Attribute("modeltally.inventory.freed")]
    model_state: Annotated[str | None, Attribute("modeltally.model.state")]
    store_kind: Annotated[str | None, Attribute("modeltally.store.kind")]
    store_location: Annotated[str | None, Attribute("modeltally.store.location")]
    leftover_kind: Annotated[str | None, Attribute("modeltally.leftover.kind")]
    volume_name: Annotated[str | None, Attribute("modeltally.volume.name")]
    volume_bytes: Annotated[int | None, Attribute("modeltally.volume.size")]
    volume_free_bytes: Annotated[int | None, Attribute("modeltally.volume.free")]
    cleanup_id: Annotated[str | None, Attribute("modeltally.cleanup.id")]
    # pattern
    pattern_id: Annotated[str | None, Attribute("modeltally.pattern.id")]
    pattern_name: Annotated[str | None, Attribute("modeltally.pattern.name")]
    pattern_version: Annotated[str | None, Attribute("modeltally.pattern.version")]
    pattern_kind: Annotated[str | None, Attribute("modeltally.pattern.kind")]
    quality_score: Annotated[float | None, Attribute("modeltally.quality.score")]
    quality_source: Annotated[str | None, Attribute("modeltally.quality.source")]
    quality_gate_failed: Annotated[bool | None, Attribute("modeltally.quality_gate.failed")]
    quality_gate_failures: Annotated[int | None, Attribute("modeltally.quality_gate.failures")]
    quality_gate_names: Annotated[str | Sequence[str] | None, Attribute("modeltally.quality_gate.names")]
    items_total: Annotated[int | None, Attribute("modeltally.items.total")]
    items_succeeded: Annotated[int | None, Attribute("modeltally.items.succeeded")]
