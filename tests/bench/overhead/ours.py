"""The same records with modeltally, by context manager and by decorator, and the openai call with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import modeltally
from bench.overhead.jobs import KEY
from bench.overhead.sdk import NoOpMetricExporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace.export import SpanExporter

    from bench.overhead.jobs import Job

__all__ = ["around_openai", "configure", "image", "image_decorated", "small", "small_decorated", "video"]


def configure(exporter: SpanExporter) -> None:
    """Switch telemetry on with exporters that do nothing."""
    modeltally.configure(exporter=exporter, metric_exporter=NoOpMetricExporter(), user_key=KEY)


def small(job: Job) -> None:
    """Write the small record with the context manager."""
    with modeltally.model_request(
        "stable-diffusion-xl",
        operation_name="generate_content",
        task="text_to_image",
        output_type="image",
        user=job.user,
        session_id=job.session_id,
        project="posters",
        device="cuda:0",
        seed=job.seed,
        image_width=1024,
        image_height=1024,
    ) as operation:
        operation.set(output_count=4, steps_completed=30, guidance_scale=7.5, queue_seconds=job.queue_seconds)


@modeltally.model_request(
    "stable-diffusion-xl",
    operation_name="generate_content",
    task="text_to_image",
    output_type="image",
    project="posters",
    device="cuda:0",
)
def small_decorated(job: Job) -> None:
    """Write the small record in a decorated function."""
    modeltally.current_operation().set(
        user=job.user,
        session_id=job.session_id,
        seed=job.seed,
        image_width=1024,
        image_height=1024,
        output_count=4,
        steps_completed=30,
        guidance_scale=7.5,
        queue_seconds=job.queue_seconds,
    )


def image(job: Job) -> None:
    """Write the full request for a picture with the context manager."""
    with modeltally.model_request(
        "stable-diffusion-xl",
        operation_name="generate_content",
        task="text_to_image",
        output_type="image",
        user=job.user,
        session_id=job.session_id,
        project="posters",
        context_type="canvas",
        file_type="png",
        correlation_id=job.correlation_id,
        attempt=1,
        queue_seconds=job.queue_seconds,
        timeout_limit_seconds=300.0,
        device="cuda:0",
        hardware_id="GPU-4f1c2d3e-0a1b-2c3d-4e5f-60718293a4b5",
        model_base="sdxl",
        model_revision="main",
        model_commit="462165984030d82259a11f4367a4eed129e94a7b",
        model_type="t2i",
        model_format="safetensors",
        model_quantization="none",
        model_dtype="float16",
        model_parameters=3_500_000_000,
        model_size_bytes=6_938_078_334,
        offload_mode="none",
        framework="diffusers",
        framework_version="0.42.1",
        pipeline_class="StableDiffusionXLPipeline",
        seed=job.seed,
        prompt=job.prompt,
        negative_prompt=job.negative_prompt,
        image_width=1024,
        image_height=1024,
        steps_requested=30,
        guidance_scale=7.5,
        strength=0.8,
        scheduler="DPMSolverMultistep",
        lora_names="papercut,ink",
        lora_scales="0.8,0.4",
    ) as operation:
        operation.set(
            output_count=4,
            steps_completed=30,
            cold_start=False,
            generation_speed=job.speed,
            generation_speed_unit="it/s",
            gpu_memory_before_bytes=job.memory_before,
            gpu_memory_after_bytes=job.memory_after,
            gpu_memory_peak_bytes=job.memory_peak,
            gpu_memory_reserved_peak_bytes=job.memory_reserved,
            gpu_memory_exclusive=True,
            cost_amount=job.cost,
            cost_currency="USD",
        )


@modeltally.model_request(
    "stable-diffusion-xl",
    operation_name="generate_content",
    task="text_to_image",
    output_type="image",
    project="posters",
    context_type="canvas",
    file_type="png",
    timeout_limit_seconds=300.0,
    device="cuda:0",
    hardware_id="GPU-4f1c2d3e-0a1b-2c3d-4e5f-60718293a4b5",
    model_base="sdxl",
    model_revision="main",
    model_commit="462165984030d82259a11f4367a4eed129e94a7b",
    model_type="t2i",
    model_format="safetensors",
    model_quantization="none",
    model_dtype="float16",
    model_parameters=3_500_000_000,
    model_size_bytes=6_938_078_334,
    offload_mode="none",
    framework="diffusers",
    framework_version="0.42.1",
    pipeline_class="StableDiffusionXLPipeline",
)
def image_decorated(job: Job) -> None:
    """Write the full request for a picture in a decorated function, which names the model's facts once."""
    modeltally.current_operation().set(
        user=job.user,
        session_id=job.session_id,
        correlation_id=job.correlation_id,
        attempt=1,
        queue_seconds=job.queue_seconds,
        seed=job.seed,
        prompt=job.prompt,
        negative_prompt=job.negative_prompt,
        image_width=1024,
        image_height=1024,
        steps_requested=30,
        guidance_scale=7.5,
        strength=0.8,
        scheduler="DPMSolverMultistep",
        lora_names="papercut,ink",
        lora_scales="0.8,0.4",
        output_count=4,
        steps_completed=30,
        cold_start=False,
        generation_speed=job.speed,
        generation_speed_unit="it/s",
        gpu_memory_before_bytes=job.memory_before,
        gpu_memory_after_bytes=job.memory_after,
        gpu_memory_peak_bytes=job.memory_peak,
        gpu_memory_reserved_peak_bytes=job.memory_reserved,
        gpu_memory_exclusive=True,
        cost_amount=job.cost,
        cost_currency="USD",
    )


def video(job: Job) -> None:
    """Write the full request for a film with the context manager."""
    with modeltally.model_request(
        "wan-2.2-t2v",
        operation_name="generate_content",
        task="text_to_video",
        output_type="video",
        user=job.user,
        session_id=job.session_id,
        project="trailers",
        file_type="mp4",
        correlation_id=job.correlation_id,
        attempt=1,
        queue_seconds=job.queue_seconds,
        timeout_limit_seconds=3600.0,
        device="cuda:0",
        hardware_id="GPU-4f1c2d3e-0a1b-2c3d-4e5f-60718293a4b5",
        model_revision="main",
        model_commit="0d5f9a6a2e1f4c7b8a9d0e1f2a3b4c5d6e7f8091",
        model_type="t2v",
        model_format="safetensors",
        model_quantization="fp8",
        model_dtype="bfloat16",
        model_parameters=14_000_000_000,
        model_size_bytes=28_577_134_608,
        offload_mode="model",
        framework="diffusers",
        framework_version="0.42.1",
        pipeline_class="WanPipeline",
        seed=job.seed,
        prompt=job.prompt,
        negative_prompt=job.negative_prompt,
        image_width=1280,
        image_height=720,
        video_frames=121,
        video_fps=24.0,
        steps_requested=50,
        guidance_scale=5.0,
        scheduler="UniPCMultistep",
    ) as operation:
        operation.set(
            output_count=1,
            video_duration_seconds=5.04,
            steps_completed=50,
            cold_start=True,
            load_duration_seconds=41.5,
            generation_speed=job.speed,
            generation_speed_unit="s/it",
            gpu_memory_before_bytes=job.memory_before,
            gpu_memory_after_bytes=job.memory_after,
            gpu_memory_peak_bytes=job.memory_peak,
            gpu_memory_reserved_peak_bytes=job.memory_reserved,
            gpu_memory_exclusive=True,
            cost_amount=job.cost,
            cost_currency="USD",
        )


def around_openai(client: Any, model: str, request: dict[str, Any]) -> Callable[[object], None]:
    """Return the openai call with the context manager around it."""

    def call(job: object) -> None:
        del job
        with modeltally.model_request(
            model,
            operation_name="chat",
            provider="openai",
            max_tokens=200,
            temperature=0.7,
            top_p=0.9,
            seed=42,
            choice_count=1,
            output_type="text",
            session_id="session-17",
        ) as operation:
            answer = client.chat.completions.create(**request)
            operation.set(
                response_model=answer.model,
                response_id=answer.id,
                finish_reasons=answer.choices[0].finish_reason,
                input_tokens=answer.usage.prompt_tokens,
                output_tokens=answer.usage.completion_tokens,
            )

    return call
