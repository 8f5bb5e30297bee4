"""The records as a careful person writes them with OpenTelemetry's SDK: a span, its attributes, three metrics, hashes.

The yardstick must be fair to the SDK: few attribute calls, instruments made once, few labels, the fastest HMAC that
Python has, the key's id computed once.
"""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING

from bench.overhead.jobs import KEY

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from bench.overhead.jobs import Job

__all__ = ["ByHand"]

_KEY = KEY.encode()
_KEY_ID = hmac.digest(_KEY, b"modeltally key id", "sha256").hex()[:8]


def _hash(text: str) -> str:
    return hmac.digest(_KEY, text.encode(), "sha256").hex()[:16]


class ByHand:
    """Writes each of the records."""

    def __init__(self, tracer_provider: TracerProvider, meter_provider: MeterProvider) -> None:
        """Make tracer and instruments, as a service does once."""
        self._tracer = tracer_provider.get_tracer("bench")
        meter = meter_provider.get_meter("bench")
        self._requests = meter.create_counter("requests")
        self._duration = meter.create_histogram("duration", unit="s")
        self._waited = meter.create_histogram("waited", unit="s")

    def small(self, job: Job) -> None:
        """Write 15 attributes; the user comes hashed."""
        started = time.perf_counter()
        with self._tracer.start_as_current_span(
            "generate_content stable-diffusion-xl",
            attributes={
                "gen_ai.operation.name": "generate_content",
                "gen_ai.request.model": "stable-diffusion-xl",
                "modeltally.task": "text_to_image",
                "gen_ai.output.type": "image",
                "user.hash": "0011223344556677",
                "session.id": job.session_id,
                "modeltally.project": "posters",
                "modeltally.device": "cuda:0",
                "gen_ai.request.seed": job.seed,
                "modeltally.image.width": 1024,
                "modeltally.image.height": 1024,
            },
        ) as span:
            span.set_attributes(
                {
                    "modeltally.output.count": 4,
                    "modeltally.diffusion.steps.completed": 30,
                    "modeltally.diffusion.guidance_scale": 7.5,
                    "modeltally.queue.duration": job.queue_seconds,
                }
            )
        labels = {
            "gen_ai.request.model": "stable-diffusion-xl",
            "modeltally.task": "text_to_image",
            "modeltally.outcome": "success",
        }
        self._requests.add(1, labels)
        self._duration.record(time.perf_counter() - started, labels)
        self._waited.record(job.queue_seconds, labels)

    def image(self, job: Job) -> None:
        """Write a full request for a picture: 60 attributes."""
        started = time.perf_counter()
        with self._tracer.start_as_current_span(
            "generate_content stable-diffusion-xl",
            attributes={
                "modeltally.operation": "model.request",
                "modeltally.source": "wrapper",
                "user.hash": _hash(job.user),
                "modeltally.user.key_id": _KEY_ID,
                "session.id": job.session_id,
                "modeltally.project": "posters",
                "modeltally.context.type": "canvas",
                "modeltally.file.type": "png",
                "modeltally.correlation_id": job.correlation_id,
                "modeltally.attempt": 1,
                "modeltally.concurrency": 1,
                "modeltally.queue.duration": job.queue_seconds,
                "modeltally.timeout.limit": 300.0,
                "modeltally.device": "cuda:0",
                "hw.id": "GPU-4f1c2d3e-0a1b-2c3d-4e5f-60718293a4b5",
                "modeltally.model.id": "stable-diffusion-xl",
                "gen_ai.request.model": "stable-diffusion-xl",
                "modeltally.model.base": "sdxl",
                "modeltally.model.revision": "main",
                "modeltally.model.commit": "462165984030d82259a11f4367a4eed129e94a7b",
                "modeltally.model.type": "t2i",
                "modeltally.model.format": "safetensors",
                "modeltally.model.quantization": "none",
                "modeltally.model.dtype": "float16",
                "modeltally.model.parameters": 3_500_000_000,
                "modeltally.model.size": 6_938_078_334,
                "modeltally.offload.mode": "none",
                "modeltally.framework": "diffusers",
                "modeltally.framework.version": "0.42.1",
                "modeltally.pipeline.class": "StableDiffusionXLPipeline",
                "gen_ai.operation.name": "generate_content",
                "gen_ai.output.type": "image",
                "gen_ai.request.seed": job.seed,
                "modeltally.task": "text_to_image",
                "modeltally.prompt.hash": _hash(job.prompt),
                "modeltally.prompt.length": len(job.prompt),
                "modeltally.negative_prompt.hash": _hash(job.negative_prompt),
                "modeltally.negative_prompt.length": len(job.negative_prompt),
                "modeltally.image.width": 1024,
                "modeltally.image.height": 1024,
                "modeltally.diffusion.steps.requested": 30,
                "modeltally.diffusion.guidance_scale": 7.5,
                "modeltally.diffusion.strength": 0.8,
                "modeltally.diffusion.scheduler": "DPMSolverMultistep",
                "modeltally.lora.names": "papercut,ink",
                "modeltally.lora.scales": "0.8,0.4",
                "modeltally.lora.count": 2,
            },
        ) as span:
            span.set_attributes(
                {
                    "modeltally.output.count": 4,
                    "modeltally.diffusion.steps.completed": 30,
                    "modeltally.model.cold_start": False,
                    "modeltally.generation.speed": job.speed,
                    "modeltally.generation.speed.unit": "it/s",
                    "modeltally.gpu.memory.before": job.memory_before,
                    "modeltally.gpu.memory.after": job.memory_after,
                    "modeltally.gpu.memory.peak": job.memory_peak,
                    "modeltally.gpu.memory.reserved.peak": job.memory_reserved,
                    "modeltally.gpu.memory.exclusive": True,
                    "modeltally.cost.amount": job.cost,
                    "modeltally.cost.currency": "USD",
                    "modeltally.outcome": "success",
                }
            )
        labels = {
            "gen_ai.request.model": "stable-diffusion-xl",
            "modeltally.task": "text_to_image",
            "modeltally.outcome": "success",
        }
        self._requests.add(1, labels)
        self._duration.record(time.perf_counter() - started, labels)
        self._waited.record(job.queue_seconds, labels)

    def video(self, job: Job) -> None:
        """Write a full request for a film."""
        started = time.perf_counter()
        with self._tracer.start_as_current_span(
            "generate_content wan-2.2-t2v",
            attributes={
                "modeltally.operation": "model.request",
                "modeltally.source": "wrapper",
                "user.hash": _hash(job.user),
                "modeltally.user.key_id": _KEY_ID,
                "session.id": job.session_id,
                "modeltally.project": "trailers",
                "modeltally.file.type": "mp4",
                "modeltally.correlation_id": job.correlation_id,
                "modeltally.attempt": 1,
                "modeltally.concurrency": 1,
                "modeltally.queue.duration": job.queue_seconds,
                "modeltally.timeout.limit": 3600.0,
                "modeltally.device": "cuda:0",
                "hw.id": "GPU-4f1c2d3e-0a1b-2c3d-4e5f-60718293a4b5",
                "modeltally.model.id": "wan-2.2-t2v",
                "gen_ai.request.model": "wan-2.2-t2v",
                "modeltally.model.revision": "main",
                "modeltally.model.commit": "0d5f9a6a2e1f4c7b8a9d0e1f2a3b4c5d6e7f8091",
                "modeltally.model.type": "t2v",
                "modeltally.model.format": "safetensors",
                "modeltally.model.quantization": "fp8",
                "modeltally.model.dtype": "bfloat16",
                "modeltally.model.parameters": 14_000_000_000,
                "modeltally.model.size": 28_577_134_608,
                "modeltally.offload.mode": "model",
                "modeltally.framework": "diffusers",
                "modeltally.framework.version": "0.42.1",
                "modeltally.pipeline.class": "WanPipeline",
                "gen_ai.operation.name": "generate_content",
                "gen_ai.output.type": "video",
                "gen_ai.request.seed": job.seed,
                "modeltally.task": "text_to_video",
                "modeltally.prompt.hash": _hash(job.prompt),
                "modeltally.prompt.length": len(job.prompt),
                "modeltally.negative_prompt.hash": _hash(job.negative_prompt),
                "modeltally.negative_prompt.length": len(job.negative_prompt),
                "modeltally.image.width": 1280,
                "modeltally.image.height": 720,
                "modeltally.video.frames": 121,
                "modeltally.video.fps": 24.0,
                "modeltally.diffusion.steps.requested": 50,
                "modeltally.diffusion.guidance_scale": 5.0,
                "modeltally.diffusion.scheduler": "UniPCMultistep",
            },
        ) as span:
            span.set_attributes(
                {
                    "modeltally.output.count": 1,
                    "modeltally.video.duration": 5.04,
                    "modeltally.diffusion.steps.completed": 50,
                    "modeltally.model.cold_start": True,
                    "modeltally.model.load.duration": 41.5,
                    "modeltally.generation.speed": job.speed,
                    "modeltally.generation.speed.unit": "s/it",
                    "modeltally.gpu.memory.before": job.memory_before,
                    "modeltally.gpu.memory.after": job.memory_after,
                    "modeltally.gpu.memory.peak": job.memory_peak,
                    "modeltally.gpu.memory.reserved.peak": job.memory_reserved,
                    "modeltally.gpu.memory.exclusive": True,
                    "modeltally.cost.amount": job.cost,
                    "modeltally.cost.currency": "USD",
                    "modeltally.outcome": "success",
                }
            )
        labels = {
            "gen_ai.request.model": "wan-2.2-t2v",
            "modeltally.task": "text_to_video",
            "modeltally.outcome": "success",
        }
        self._requests.add(1, labels)
        self._duration.record(time.perf_counter() - started, labels)
        self._waited.record(job.queue_seconds, labels)
