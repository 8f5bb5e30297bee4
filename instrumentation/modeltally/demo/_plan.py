"""The plan of a demonstration: which operations happen when. Pure: the same arguments give the same plan."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from modeltally.demo._specs import MODELS, PATTERNS, Ending, Medium, ModelSpec, PatternSpec
from modeltally.replay import PastOperation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["LONGEST_DAYS", "SHORTEST_DAYS", "plan"]

SHORTEST_DAYS = 7
LONGEST_DAYS = 365

_HOURS = 24
_FULL_RATE_DAYS = 30
_LOWEST_THINNING = 0.15
# In a shorter span a week's rhythm cannot be told from a trend.
_WEEKLY_RHYTHM_DAYS = 21
_SATURDAY = 5
_USERS = 60
_DOWNLOAD_BYTES_PER_SECOND = 150e6
# What never ended must be older than this, or it is merely still running.
_SUCCESS = Ending(1.0, "success")
_SURELY_OVER = timedelta(hours=24)


def plan(days: int, seed: int, ends_at: datetime) -> Iterator[PastOperation]:
    """Plan a demonstration, day by day.

    Args:
        days: How many days, 7 to 365.
        seed: Where the random numbers begin.
        ends_at: The end of the last day, aware.

    Yields:
        The operations of each day, rising by start within the day.
    """
    span = _Span(days=days, begins_at=ends_at - timedelta(days=days), ends_at=ends_at)
    actors: list[_ModelActor | _PatternActor] = [
        *(_ModelActor(spec, span, seed=seed) for spec in MODELS),
        *(_PatternActor(spec, span, seed=seed) for spec in PATTERNS),
    ]
    for day in range(days):
        operations = [one for actor in actors for one in actor.day(day)]
        operations.sort(key=lambda one: (one.started_at, one.operation_id))
        yield from operations


@dataclass(frozen=True, slots=True)
class _Span:
    days: int
    begins_at: datetime
    ends_at: datetime

    @property
    def thinning(self) -> float:
        return min(1.0, max(_LOWEST_THINNING, _FULL_RATE_DAYS / self.days))


class _Actor:
    """A source of operations with random numbers of its own, so that one more actor changes no other."""

    def __init__(self, name: str, span: _Span, *, seed: int) -> None:
        self.span = span
        self.random = random.Random(f"{seed}:{name}")  # noqa: S311 - simulated traffic
        self._owed = self.random.random()
        self._id_prefix = f"demo:{seed}:{span.days}:{span.ends_at.isoformat()}:{name}"
        self._numbers = itertools.count()

    def arrivals(self, hour_at: datetime, expected: float) -> list[datetime]:
        """Spread the hour's share of operations over it; fractions are owed to the next hour.

        The counts keep close to what was planned, so that chance alone makes no trend.
        """
        self._owed += expected
        count = int(self._owed)
        self._owed -= count
        return sorted(hour_at + timedelta(hours=self.random.random()) for _ in range(count))

    def ending(self, endings: tuple[Ending, ...]) -> Ending:
        drawn = self.random.random()
        for one in endings:
            if drawn < one.share:
                return one
            drawn -= one.share
        return _SUCCESS

    def duration(self, median_seconds: float, spread: float) -> timedelta:
        return timedelta(seconds=median_seconds * math.exp(self.random.gauss(0.0, spread)))

    def whole(self, median: float, spread: float) -> int:
        return round(median * math.exp(self.random.gauss(0.0, spread)))

    def finish(self, operation: str, started_at: datetime, duration: timedelta, **facts: object) -> PastOperation:
        """Plan an operation that succeeds."""
        return self._plan(operation, started_at, started_at + duration, _SUCCESS, facts)

    def end(
        self,
        ending: Ending,
        *,
        operation: str,
        started_at: datetime,
        duration: timedelta,
        facts: dict[str, object],
    ) -> Iterator[PastOperation]:
        """Plan an operation with this ending, unless the span is over before it ends."""
        if ending.outcome is None:
            if started_at < self.span.ends_at - _SURELY_OVER:
                yield self._plan(operation, started_at, None, ending, facts)
        elif started_at + duration <= self.span.ends_at:
            yield self._plan(operation, started_at, started_at + duration, ending, facts)

    def _plan(
        self,
        operation: str,
        started_at: datetime,
        ended_at: datetime | None,
        ending: Ending,
        facts: dict[str, object],
    ) -> PastOperation:
        return PastOperation(
            operation=operation,
            operation_id=f"{self._id_prefix}:{next(self._numbers)}",
            started_at=started_at,
            ended_at=ended_at,
            outcome=ending.outcome or "success",
            error_type=ending.error_type,
            facts=facts,
        )


class _ModelActor(_Actor):
    """One model's downloads, loads, requests, unloads and health checks."""

    def __init__(self, spec: ModelSpec, span: _Span, *, seed: int) -> None:
        super().__init__(spec.name, span, seed=seed)
        self.spec = spec

    def day(self, day: int) -> Iterator[PastOperation]:
        begins_at = self.span.begins_at + timedelta(days=day)
        if day == 0:
            yield from self._downloads(begins_at)
        yield self._health_check(begins_at + timedelta(hours=3 + self.random.random()))
        requests = [one for hour in range(_HOURS) for one in self._hour(day, hour)]
        if requests:
            yield from self._residence(requests)

    def _rate(self, day: int, hour: int) -> float:
        """Give the requests expected in one hour."""
        share = (day + (hour + 0.5) / _HOURS) / self.span.days
        if share >= self.spec.used_share or (day == 0 and hour == 0):  # the first hour is for the downloads
            return 0.0
        per_day = self.spec.first_per_day + (self.spec.last_per_day - self.spec.first_per_day) * (
            share / self.spec.used_share
        )
        if self.spec.is_thinned:
            per_day *= self.span.thinning
        at = self.span.begins_at + timedelta(days=day, hours=hour + 0.5)
        rhythm = 1 + self.spec.depth * math.cos(2 * math.pi * (at.hour + 0.5 - self.spec.peak_hour) / _HOURS)
        if self.span.days >= _WEEKLY_RHYTHM_DAYS and at.weekday() >= _SATURDAY:
            rhythm *= self.spec.weekend
        return per_day * rhythm / _HOURS

    def _hour(self, day: int, hour: int) -> Iterator[PastOperation]:
        hour_at = self.span.begins_at + timedelta(days=day, hours=hour)
        for started_at in self.arrivals(hour_at, self._rate(day, hour)):
            yield from self.end(
                self.ending(self.spec.endings),
                operation="model.request",
                started_at=started_at,
                duration=self.duration(self.spec.median_seconds, self.spec.spread),
                facts=self._request_facts(),
            )

    def _request_facts(self) -> dict[str, object]:
        # The square makes some users far busier than others.
        user = int(_USERS * self.random.random() ** 2)
        facts: dict[str, object] = {
            "model": self.spec.name,
            "task": self.spec.task,
            "user": f"user-{user:02}",
            "project": ("poster", "trailer", "shop")[user % 3],
            "prompt_length": self.whole(120, 0.6),
        }
        match self.spec.medium:
            case Medium.IMAGE:
                facts |= {
                    "operation_name": "generate_content",
                    "output_type": "image",
                    "image_width": 1024,
                    "image_height": self.random.choice((768, 1024)),
                    "output_count": self.random.choice((1, 1, 2, 4)),
                    "steps_requested": self.random.choice((20, 30, 40)),
                }
            case Medium.VIDEO:
                facts |= {"operation_name": "generate_content", "output_type": "video", "steps_requested": 50}
            case Medium.SPEECH:
                facts |= {"operation_name": "generate_content", "output_type": "speech"}
            case Medium.TEXT:
                facts |= {
                    "operation_name": "chat",
                    "input_tokens": self.whole(400, 0.5),
                    "output_tokens": self.whole(250, 0.4),
                }
            case Medium.EMBEDDING:
                facts |= {"operation_name": "embeddings", "input_tokens": self.whole(90, 0.4)}
        return facts

    def _residence(self, requests: list[PastOperation]) -> Iterator[PastOperation]:
        """Load the model before the day's first request, unload it when idle after the last."""
        name = self.spec.name
        load = self.duration(self.spec.load_seconds, 0.2)
        first = requests[0]
        loaded_at = first.started_at - timedelta(seconds=1)
        yield self.finish("model.load", loaded_at - load, load, model=name, load_source="disk")
        facts = {**first.facts, "cold_start": True, "load_duration_seconds": load.total_seconds()}
        yield replace(first, facts=facts)
        yield from requests[1:]
        unload_at = max(one.ended_at or one.started_at for one in requests) + timedelta(minutes=15)
        unload = timedelta(seconds=0.4)
        if unload_at + unload <= self.span.ends_at:
            yield self.finish(
                "model.unload",
                unload_at,
                unload,
                model=name,
                unload_reason="idle",
                resident_seconds=(unload_at - loaded_at).total_seconds(),
                memory_freed_bytes=self.spec.size_bytes,
            )

    def _downloads(self, begins_at: datetime) -> Iterator[PastOperation]:
        """Download the model in the first hour; a large one breaks off first."""
        name, size = self.spec.name, self.spec.size_bytes
        takes = timedelta(seconds=size / _DOWNLOAD_BYTES_PER_SECOND)
        started_at = begins_at + timedelta(minutes=1 + 4 * self.random.random())
        facts: dict[str, object] = {"model": name, "download_size_bytes": size, "download_protocol": "http"}
        if self.spec.medium is Medium.VIDEO:
            yield from self.end(
                Ending(1.0, "error", "ConnectionError"),
                operation="model.download",
                started_at=started_at,
                duration=takes / 3,
                facts=facts | {"download_bytes": size // 3, "attempt": 1},
            )
            started_at += takes / 3 + timedelta(minutes=2)
            facts["attempt"] = 2
        yield self.finish(
            "model.download",
            started_at,
            takes,
            **facts,
            download_bytes=size,
            download_files=12,
            download_cache_hit=False,
        )

    def _health_check(self, started_at: datetime) -> PastOperation:
        return self.finish(
            "model.health_check",
            started_at,
            self.duration(2.0, 0.3),
            model=self.spec.name,
            health_status="healthy",
            integrity_score=1.0,
            performance_score=round(0.9 + 0.08 * self.random.random(), 3),
            files_checked=12,
            files_corrupted=0,
        )


class _PatternActor(_Actor):
    """One pattern's runs."""

    def __init__(self, spec: PatternSpec, span: _Span, *, seed: int) -> None:
        super().__init__(spec.pattern_id, span, seed=seed)
        self.spec = spec

    def day(self, day: int) -> Iterator[PastOperation]:
        begins_at = self.span.begins_at + timedelta(days=day)
        for hour in range(_HOURS):
            hour_at = begins_at + timedelta(hours=hour)
            for started_at in self.arrivals(hour_at, self.spec.per_day * self.span.thinning / _HOURS):
                ending = self.ending(self.spec.endings)
                quality = min(1.0, max(0.0, self.random.gauss(self.spec.quality, 0.08)))
                facts: dict[str, object] = {
                    "pattern_id": self.spec.pattern_id,
                    "pattern_name": self.spec.name,
                    "pattern_kind": self.spec.kind,
                    "pattern_version": self.spec.version,
                    "user": f"user-{int(_USERS * self.random.random() ** 2):02}",
                }
                if ending.outcome != "error":
                    facts |= {
                        "quality_score": round(quality, 3),
                        "quality_source": "judge",
                        "quality_gate_failed": ending.error_type == "quality_gate",
                    }
                yield from self.end(
                    ending,
                    operation="pattern.run",
                    started_at=started_at,
                    duration=self.duration(self.spec.median_seconds, 0.4),
                    facts=facts,
                )
