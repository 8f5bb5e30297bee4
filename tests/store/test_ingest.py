"""A span becomes a typed row: each attribute has its column, and nothing that a span may hold stops it or another."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.receiver import allow
from modeltally.store import sql
from queries.given import Given, Operation, give
from support.stores import ask

if TYPE_CHECKING:
    from modeltally.store import EmbeddedStore

AT = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
VIEW = next(view for view in sql.ingest() if view.name == "usage_input_from_spans")
READ = sorted(set(re.findall(r"\ba\['([^']+)'\]", VIEW.body)))
# What says nothing usable wherever a number or a word is expected, and what no number of ours can hold.
USELESS = ["", "x", "NaN", "inf", "-inf", "1e400", "-1", "0x10", "1,5", " 7", "99999999999999999999", "\0", "ü" * 5000]

# Attribute, what a span says, column, what is stored.
TYPED: list[tuple[str, str, str, object]] = [
    ("modeltally.nested.service", "gateway", "marked_service", "gateway"),
    ("modeltally.never_started", "true", "is_never_started", True),
    ("modeltally.error.site", "app:draw", "error_site", "app:draw"),
    ("modeltally.project", "film", "project", "film"),
    ("gen_ai.agent.name", "critic", "agent", "critic"),
    ("modeltally.context.type", "ide", "context_type", "ide"),
    ("modeltally.file.type", "py", "file_type", "py"),
    ("modeltally.source", "auto", "source", "auto"),
    ("session.id", "s1", "session", "s1"),
    ("gen_ai.conversation.id", "c1", "conversation", "c1"),
    ("modeltally.context.id", "x1", "context_id", "x1"),
    ("modeltally.correlation_id", "k1", "correlation_id", "k1"),
    ("modeltally.attempt", "3", "attempt", 3),
    ("modeltally.redelivered", "true", "is_redelivered", True),
    ("gen_ai.provider.name", "acme", "provider", "acme"),
    ("gen_ai.response.model", "flux-1", "response_model", "flux-1"),
    ("modeltally.model.base", "sdxl", "model_base", "sdxl"),
    ("modeltally.model.revision", "main", "model_revision", "main"),
    ("modeltally.model.commit", "abc123", "model_commit", "abc123"),
    ("modeltally.model.type", "t2v", "model_type", "t2v"),
    ("modeltally.model.format", "gguf", "model_format", "gguf"),
    ("modeltally.model.quantization", "q4", "model_quantization", "q4"),
    ("modeltally.model.dtype", "bf16", "model_dtype", "bf16"),
    ("modeltally.model.priority", "high", "model_priority", "high"),
    ("modeltally.model.parameters", "12000000000", "model_parameters", 12_000_000_000),
    ("modeltally.model.size", "24000000000", "size_bytes", 24_000_000_000),
    ("modeltally.download.size", "24000000001", "size_bytes", 24_000_000_001),
    ("modeltally.model.memory.size", "23000000000", "model_memory_bytes", 23_000_000_000),
    ("modeltally.device", "cuda:0", "device", "cuda:0"),
    ("hw.id", "GPU-1", "gpu", "GPU-1"),
    ("modeltally.offload.mode", "model", "offload_mode", "model"),
    ("modeltally.framework", "diffusers", "framework", "diffusers"),
    ("modeltally.framework.version", "0.36", "framework_version", "0.36"),
    ("modeltally.pipeline.class", "FluxPipeline", "pipeline_class", "FluxPipeline"),
    ("modeltally.concurrency", "4", "concurrency", 4),
    ("modeltally.queue.duration", "0.25", "queue_us", 250_000),
    ("gen_ai.response.time_to_first_chunk", "0.1234567", "first_chunk_us", 123_457),
    ("modeltally.model.cold_start", "true", "is_cold_start", True),
    ("modeltally.model.load.duration", "12.5", "load_us", 12_500_000),
    ("modeltally.timeout.limit", "30", "timeout_limit_us", 30_000_000),
    ("modeltally.task", "inpaint", "task", "inpaint"),
    ("gen_ai.operation.name", "chat", "request_type", "chat"),
    ("gen_ai.request.stream", "true", "is_stream", True),
    ("modeltally.prompt.length", "77", "prompt_characters", 77),
    ("modeltally.negative_prompt.length", "7", "negative_prompt_characters", 7),
    ("gen_ai.request.max_tokens", "4096", "max_tokens", 4096),
    ("gen_ai.request.temperature", "0.7", "temperature_millionths", 700_000),
    ("gen_ai.request.top_p", "0.95", "top_p_ppm", 950_000),
    ("modeltally.image.width", "1024", "image_width", 1024),
    ("modeltally.image.height", "768", "image_height", 768),
    ("modeltally.video.frames", "120", "video_frames", 120),
    ("modeltally.video.fps", "23.976", "video_fps_millionths", 23_976_000),
    ("modeltally.video.duration", "5", "video_us", 5_000_000),
    ("modeltally.audio.duration", "2.5", "audio_us", 2_500_000),
    ("modeltally.diffusion.steps.requested", "30", "steps_requested", 30),
    ("modeltally.diffusion.steps.completed", "0", "steps_completed", 0),
    ("modeltally.diffusion.guidance_scale", "-7.5", "guidance_millionths", -7_500_000),
    ("modeltally.diffusion.strength", "0.8", "strength_ppm", 800_000),
    ("modeltally.diffusion.scheduler", "euler", "scheduler", "euler"),
    ("modeltally.lora.names", "a,b", "loras", "a,b"),
    ("modeltally.lora.count", "2", "lora_count", 2),
    ("gen_ai.output.type", "image", "output_type", "image"),
    ("modeltally.output.count", "4", "output_count", 4),
    ("gen_ai.response.finish_reasons", "stop", "finish_reasons", "stop"),
    ("gen_ai.usage.input_tokens", "10", "input_tokens", 10),
    ("gen_ai.usage.output_tokens", "20", "output_tokens", 20),
    ("gen_ai.usage.cache_read.input_tokens", "30", "cache_read_tokens", 30),
    ("gen_ai.usage.cache_write.input_tokens", "40", "cache_write_tokens", 40),
    ("gen_ai.usage.cache_creation.input_tokens", "41", "cache_write_tokens", 41),
    ("gen_ai.usage.reasoning.output_tokens", "50", "reasoning_tokens", 50),
    ("modeltally.generation.speed", "8.25", "speed_millionths", 8_250_000),
    ("modeltally.generation.speed.unit", "it/s", "speed_unit", "it/s"),
    ("modeltally.cost.amount", "0.000042", "cost_millionths", 42),
    ("modeltally.cost.currency", "EUR", "cost_currency", "EUR"),
    ("modeltally.gpu.memory.before", "0", "gpu_memory_before_bytes", 0),
    ("modeltally.gpu.memory.after", "2", "gpu_memory_after_bytes", 2),
    ("modeltally.gpu.memory.peak", "3", "gpu_memory_peak_bytes", 3),
    ("modeltally.gpu.memory.reserved.peak", "4", "gpu_memory_reserved_peak_bytes", 4),
    ("modeltally.gpu.memory.exclusive", "true", "is_gpu_memory_exclusive", True),
    ("modeltally.host.memory.peak", "5", "host_memory_peak_bytes", 5),
    ("modeltally.quality.score", "1.5", "quality_ppm", 1_000_000),
    ("modeltally.quality.source", "clip", "quality_source", "clip"),
    ("modeltally.quality_gate.failed", "false", "is_quality_gate_failed", False),
    ("modeltally.quality_gate.failures", "2", "quality_gate_failures", 2),
    ("modeltally.quality_gate.names", "blur,nsfw", "quality_gates", "blur,nsfw"),
    ("modeltally.pattern.name", "portrait", "pattern_name", "portrait"),
    ("modeltally.pattern.version", "2", "pattern_version", "2"),
    ("modeltally.pattern.kind", "agent", "pattern_kind", "agent"),
    ("modeltally.items.total", "9", "items", 9),
    ("modeltally.items.succeeded", "8", "items_succeeded", 8),
    ("modeltally.download.bytes", "100", "moved_bytes", 100),
    ("modeltally.download.resumed.bytes", "60", "resumed_bytes", 60),
    ("modeltally.download.files", "12", "files", 12),
    ("modeltally.download.files.cached", "11", "files_cached", 11),
    ("modeltally.download.cache_hit", "true", "is_cache_hit", True),
    ("modeltally.download.resumed", "true", "is_resumed", True),
    ("modeltally.download.retries", "2", "retries", 2),
    ("modeltally.download.paused.duration", "1.5", "paused_us", 1_500_000),
    ("modeltally.download.protocol", "xet", "download_protocol", "xet"),
    ("modeltally.download.source", "hub.example", "download_source", "hub.example"),
    ("modeltally.download.reason", "missing", "download_reason", "missing"),
    ("modeltally.load.source", "disk", "load_source", "disk"),
    ("modeltally.unload.reason", "oom", "unload_reason", "oom"),
    ("modeltally.model.resident.duration", "3600", "resident_us", 3_600_000_000),
    ("modeltally.memory.freed", "6", "freed_bytes", 6),
    ("modeltally.health.check.kind", "hash", "check_kind", "hash"),
    ("modeltally.health.status", "ok", "health_status", "ok"),
    ("modeltally.integrity.score", "0.5", "integrity_ppm", 500_000),
    ("modeltally.performance.score", "-1", "performance_ppm", 0),
    ("modeltally.health.files.checked", "12", "files_checked", 12),
    ("modeltally.health.files.missing", "1", "files_missing", 1),
    ("modeltally.health.files.corrupted", "2", "files_corrupted", 2),
]
# Told by other tests, since more than one attribute decides, or by what is no attribute.
ELSEWHERE = {
    "modeltally.operation",
    "modeltally.outcome",
    "modeltally.nested",
    "modeltally.unfinished",
    "modeltally.model.id",
    "gen_ai.request.model",
    "modeltally.pattern.id",
    "error.type",
    "user.hash",
}


# Words that are counted by: one that nobody knows is a reason to refuse.
JUDGED = {"modeltally.operation", "modeltally.outcome", "modeltally.unfinished", "modeltally.nested"}


def stored(store: EmbeddedStore, *operations: Operation) -> list[dict[str, Any]]:
    """Give operations, and read the events they became in their order."""
    give(store, Given(operations=list(operations)))
    return ask(store, "SELECT * FROM usage_events ORDER BY start, trace_id")


def test_every_attribute_has_its_column(store: EmbeddedStore) -> None:
    """What a span says comes typed into the column of its name, and into no other."""
    at = [AT + dt.timedelta(seconds=number) for number in range(len(TYPED) + 1)]
    spans = [Operation(at=at[number], attributes={name: value}) for number, (name, value, _, _) in enumerate(TYPED)]
    *rows, plain = stored(store, *spans, Operation(at=at[-1]))
    identity = {"start", "trace_id", "span_id", "received_at"}
    for (name, _, column, expected), row in zip(TYPED, rows, strict=True):
        differs = {key: row[key] for key in row if key not in identity and row[key] != plain[key]}
        if name == "modeltally.pattern.name":  # also what a run is about, where it has no id
            assert differs.pop("pattern") == expected
        assert differs == {column: expected}, name
        assert row["senseless_figures"] == []


def test_every_attribute_that_is_read_is_tested_and_may_pass() -> None:
    """The list above is complete, and the receiver lets each of its names through."""
    assert {name for name, *_ in TYPED} | ELSEWHERE == set(READ)
    assert set(READ) <= allow.SPAN_ATTRIBUTES


def test_every_column_is_filled(store: EmbeddedStore) -> None:
    """A column that the view forgets would stay empty without a word."""
    columns = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{}' ORDER BY position"
    held = [row["name"] for row in ask(store, columns.format("usage_input"))]
    assert [row["name"] for row in ask(store, columns.format(VIEW.name))] == held
    assert [row["name"] for row in ask(store, columns.format("usage_events"))] == held
    assert [row["name"] for row in ask(store, columns.format("usage_late"))] == held


def test_nothing_in_a_span_can_stop_it(store: EmbeddedStore) -> None:
    """Whatever stands in an attribute, the span becomes a row and its other attributes are read."""
    useless = [
        Operation(at=AT + dt.timedelta(seconds=number), attributes={"modeltally.project": "film", name: value})
        for number, (name, value) in enumerate((name, value) for name in READ for value in USELESS)
        if name not in JUDGED | {"modeltally.project"}
    ]
    rows = stored(store, *useless)
    assert len(rows) == len(useless)
    assert {row["project"] for row in rows} == {"film"}
    numbers = {column: expected for _, _, column, expected in TYPED if type(expected) is int}
    clamped = {"top_p_ppm", "strength_ppm", "quality_ppm", "integrity_ppm", "performance_ppm"}
    signed = {"temperature_millionths", "guidance_millionths"}
    for column in numbers:
        allowed = {None, 0} | ({-1_000_000} if column in signed else set())
        kept = {row[column] for row in rows} - allowed
        assert kept <= {7, 7_000_000, 16_000_000, 1_000_000 if column in clamped else 0}, column


@pytest.mark.parametrize("outcome", ["failure", "error"])
def test_failure_without_a_type_is_of_an_unknown_one(store: EmbeddedStore, outcome: str) -> None:
    """What failed is shown among the failures, whoever forgot to say how."""
    (row,) = stored(store, Operation(at=AT, outcome=outcome))
    assert row["error_type"] == "unknown"
