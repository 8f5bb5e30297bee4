"""What the demonstration plants: the models, patterns and users of a small imaginary studio."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = [
    "GROWING",
    "MODELS",
    "NEVER_USED",
    "PATTERNS",
    "SLOW",
    "STALE",
    "Ending",
    "Medium",
    "ModelSpec",
    "PatternSpec",
]

_GIB = 1024**3


class Medium(enum.Enum):
    """What a model makes; decides which facts its requests carry."""

    IMAGE = "image"
    VIDEO = "video"
    SPEECH = "speech"
    TEXT = "text"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class Ending:
    """A way in which some requests end.

    Attributes:
        share: Share of the requests.
        outcome: Their outcome; None for those that never ended.
        error_type: Their error type.
    """

    share: float
    outcome: str | None
    error_type: str | None = None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One planted model.

    Attributes:
        name: Its name.
        medium: What it makes.
        task: The task of its requests.
        size_bytes: Its size on disk.
        load_seconds: How long a load takes.
        first_per_day: Requests a day at the beginning of the span.
        last_per_day: Requests a day at the end of the span, or of the used part of it.
        used_share: The part of the span, from its beginning, in which it is used.
        is_thinned: Long spans get fewer requests a day, so that the demonstration stays quick.
        peak_hour: The busiest hour of the day, UTC.
        depth: How deep the day's rhythm goes, from 0 (none) to 1 (nothing at night).
        weekend: Use on a Saturday or Sunday, relative to a weekday.
        median_seconds: Median execution time.
        spread: Standard deviation of the execution time's logarithm.
        endings: How requests that did not succeed ended.
    """

    name: str
    medium: Medium
    task: str
    size_bytes: int
    load_seconds: float
    first_per_day: float = 0.0
    last_per_day: float = 0.0
    used_share: float = 1.0
    is_thinned: bool = True
    peak_hour: int = 14
    depth: float = 0.6
    weekend: float = 1.0
    median_seconds: float = 10.0
    spread: float = 0.2
    endings: tuple[Ending, ...] = ()


@dataclass(frozen=True, slots=True)
class PatternSpec:
    """One planted pattern.

    Attributes:
        pattern_id: Its id.
        name: Its name.
        kind: agent, workflow or code.
        version: Its version.
        per_day: Runs a day.
        median_seconds: Median execution time.
        quality: Mean quality score.
        endings: How runs that did not succeed ended.
    """

    pattern_id: str
    name: str
    kind: str
    version: str
    per_day: float
    median_seconds: float
    quality: float
    endings: tuple[Ending, ...] = ()


# The only model whose use rises, and it is used at every hour.
GROWING = ModelSpec(
    name="lumen/sketch-xl",
    medium=Medium.IMAGE,
    task="text_to_image",
    size_bytes=7 * _GIB,
    load_seconds=18.0,
    first_per_day=30.0,
    last_per_day=120.0,
    is_thinned=False,
    depth=0.4,
    median_seconds=9.0,
    endings=(Ending(0.01, "error", "out_of_memory"), Ending(0.01, "cancelled", "cancelled")),
)

# The only model that takes minutes.
SLOW = ModelSpec(
    name="cinema/story-video",
    medium=Medium.VIDEO,
    task="text_to_video",
    size_bytes=28 * _GIB,
    load_seconds=75.0,
    first_per_day=9.0,
    last_per_day=6.0,
    peak_hour=11,
    median_seconds=430.0,
    endings=(Ending(0.03, "error", "out_of_memory"),),
)

# Used in the first fifth of the span, and then no more.
STALE = ModelSpec(
    name="lumen/inpaint-v1",
    medium=Medium.IMAGE,
    task="inpaint",
    size_bytes=5 * _GIB,
    load_seconds=14.0,
    first_per_day=8.0,
    last_per_day=6.0,
    used_share=0.2,
    is_thinned=False,
    median_seconds=12.0,
    endings=(Ending(0.03, "error", "out_of_memory"),),
)

# Downloaded on the first day, and that was all.
NEVER_USED = ModelSpec(
    name="lumen/anime-xl",
    medium=Medium.IMAGE,
    task="text_to_image",
    size_bytes=6 * _GIB,
    load_seconds=16.0,
)

MODELS: tuple[ModelSpec, ...] = (
    GROWING,
    SLOW,
    STALE,
    NEVER_USED,
    ModelSpec(
        name="lumen/photo-xl",
        medium=Medium.IMAGE,
        task="text_to_image",
        size_bytes=12 * _GIB,
        load_seconds=30.0,
        first_per_day=170.0,
        last_per_day=90.0,
        weekend=0.5,
        median_seconds=16.0,
        endings=(
            Ending(0.02, "error", "out_of_memory"),
            Ending(0.02, "error", "timeout"),
            Ending(0.01, "failure", "quality_gate"),
            Ending(0.02, "cancelled", "cancelled"),
            Ending(0.003, None),
        ),
    ),
    ModelSpec(
        name="lumen/photo-base",
        medium=Medium.IMAGE,
        task="image_to_image",
        size_bytes=5 * _GIB,
        load_seconds=12.0,
        first_per_day=60.0,
        last_per_day=8.0,
        peak_hour=16,
        median_seconds=11.0,
        endings=(Ending(0.05, "error", "ValueError"),),
    ),
    ModelSpec(
        name="northwind/chat-8b",
        medium=Medium.TEXT,
        task="text_generation",
        size_bytes=16 * _GIB,
        load_seconds=22.0,
        first_per_day=130.0,
        last_per_day=70.0,
        peak_hour=9,
        depth=0.8,
        weekend=0.4,
        median_seconds=4.0,
        endings=(Ending(0.02, "error", "timeout"), Ending(0.01, "partial_success")),
    ),
    ModelSpec(
        name="northwind/embed-small",
        medium=Medium.EMBEDDING,
        task="embedding",
        size_bytes=_GIB // 2,
        load_seconds=2.0,
        first_per_day=110.0,
        last_per_day=60.0,
        depth=0.2,
        peak_hour=3,
        median_seconds=0.06,
        endings=(Ending(0.005, "error", "ValueError"),),
    ),
    ModelSpec(
        name="cinema/narrator",
        medium=Medium.SPEECH,
        task="text_to_speech",
        size_bytes=3 * _GIB,
        load_seconds=8.0,
        first_per_day=24.0,
        last_per_day=14.0,
        peak_hour=19,
        median_seconds=6.0,
        endings=(Ending(0.05, "failure", "quality_gate"), Ending(0.02, "error", "ConnectionError")),
    ),
)

PATTERNS: tuple[PatternSpec, ...] = (
    PatternSpec(
        pattern_id="storyboard",
        name="storyboard",
        kind="workflow",
        version="2.1",
        per_day=6.0,
        median_seconds=140.0,
        quality=0.86,
        endings=(Ending(0.08, "partial_success"), Ending(0.02, "error", "timeout")),
    ),
    PatternSpec(
        pattern_id="caption-review",
        name="caption review",
        kind="agent",
        version="0.4",
        per_day=9.0,
        median_seconds=22.0,
        quality=0.58,
        endings=(Ending(0.25, "failure", "quality_gate"), Ending(0.05, "error", "ValueError")),
    ),
)
