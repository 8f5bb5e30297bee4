"""What changes from one operation to the next, the same for every side: who asked, for what, and what was measured.

In a service these values come fresh from a request, a counter or a driver; nothing else about them matters here.
"""

from __future__ import annotations

import random
from typing import NamedTuple

__all__ = ["KEY", "Job", "make_jobs", "renewed"]

KEY = "a deployment's key for the benchmark"

_SUBJECTS = ("lighthouse", "harbour", "orchard", "violin", "glacier", "tram", "library", "comet", "kite", "heron")
_GIB = 1 << 30


class Job(NamedTuple):
    """One request for a picture or a film; every object in it is its own."""

    user: str
    session_id: str
    correlation_id: str
    prompt: str
    negative_prompt: str
    seed: int
    queue_seconds: float
    memory_before: int
    memory_after: int
    memory_peak: int
    memory_reserved: int
    speed: float
    cost: float


def _make_job(number: int, draw: random.Random) -> Job:
    words = " ".join(draw.choices(_SUBJECTS, k=24))
    before = 8 * _GIB + draw.randrange(_GIB)
    return Job(
        user=f"user-{draw.randrange(500)}",
        session_id=f"session-{number // 7}",
        correlation_id=f"{draw.getrandbits(64):016x}",
        prompt=f"{words}, number {number}, oil on canvas, evening light, wide angle",
        negative_prompt=f"blurry, low contrast, text, watermark, {draw.choice(_SUBJECTS)} {number % 97}",
        seed=draw.getrandbits(32),
        queue_seconds=draw.random(),
        memory_before=before,
        memory_after=before + draw.randrange(1 << 20),
        memory_peak=before + 4 * _GIB + draw.randrange(_GIB),
        memory_reserved=before + 6 * _GIB + draw.randrange(_GIB),
        speed=draw.uniform(1, 20),
        cost=draw.random() / 100,
    )


def make_jobs(count: int, *, seed: int = 1) -> list[Job]:
    """Make jobs, the same for the same seed."""
    draw = random.Random(seed)
    return [_make_job(number, draw) for number in range(count)]


def renewed(job: Job, number: int) -> Job:
    """Make a job of other values out of one, quickly: each of them an object of its own, as from a fresh request."""
    before = job.memory_before + number
    return Job(
        user=f"user-{job.seed % 500}",
        session_id=f"session-{number}",
        correlation_id=f"{job.correlation_id}{number}",
        prompt=f"{job.prompt} {number}",
        negative_prompt=f"{job.negative_prompt} {number}",
        seed=job.seed + number,
        queue_seconds=job.queue_seconds + 0.001,
        memory_before=before,
        memory_after=before + 4096,
        memory_peak=job.memory_peak + number,
        memory_reserved=job.memory_reserved + number,
        speed=job.speed + 0.001,
        cost=job.cost + 0.001,
    )
