"""What a published trace says, counted in plain Python from its file, topic by topic."""

from __future__ import annotations

import csv
import datetime as dt
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from pathlib import Path

SINCE, UNTIL = dt.datetime(2024, 11, 15, tzinfo=dt.UTC), dt.datetime(2024, 12, 1, tzinfo=dt.UTC)
# when everything without an end is abandoned
AS_OF = UNTIL + dt.timedelta(days=1)
DAYS = 16
ENDED = ("SUCCEED", "FAILED")
# columns of the file, by the parameter of the topic
PARAMETERS = {"steps": "num_inference_steps", "outputs": "num_images_per_prompt", "task": "predict_type"}
TASKS = {"TXT_2_IMG": "text_to_image", "IMG_2_IMG": "image_to_image", "INPAINTING": "inpaint"}


@dataclass(frozen=True)
class Request:
    """One row of the trace."""

    at: dt.datetime
    model: str
    user: str
    status: str
    ms: float
    row: dict[str, str]


def requests_of(path: Path) -> list[Request]:
    """Read the file."""
    with path.open(newline="") as file:
        return [
            Request(
                dt.datetime.fromisoformat(row["gmt_create"]).replace(tzinfo=dt.UTC),
                row["checkpoint_model_version_id"] or "unknown",
                row["groupId"],
                row["predict_status"],
                float(row["exec_time_seconds"] or 0) * 1000,
                row,
            )
            for row in csv.DictReader(file)
        ]


def grouped(requests: Sequence[Request], key: Callable[[Request], Hashable]) -> dict[Any, list[Request]]:
    """Sort requests into groups."""
    groups: dict[Any, list[Request]] = defaultdict(list)
    for request in requests:
        groups[key(request)].append(request)
    return dict(groups)


def nearest_rank(values: Sequence[float], percent: int) -> float | None:
    """Give a quantile by nearest rank, None of nothing."""
    return sorted(values)[(len(values) * percent + 99) // 100 - 1] if values else None


def figures(requests: Sequence[Request]) -> dict[str, Any]:
    """Give every figure of a group that a column of some topic holds."""
    status = Counter(request.status for request in requests)
    durations = [request.ms for request in requests if request.status in ENDED]
    n, abandoned = len(requests), len(requests) - status["SUCCEED"] - status["FAILED"]
    days = Counter(request.at.date() for request in requests)
    most = max(days.values())
    last = max(request.at for request in requests)
    return {
        "operations": n,
        "requests": n,
        "models": len({request.model for request in requests}),
        "successes": status["SUCCEED"],
        "failures": status["FAILED"],
        "errors": status["FAILED"],
        "abandoned": abandoned,
        "rated": n,
        "users": len({request.user for request in requests if request.user}),
        "success_rate": status["SUCCEED"] / n,
        "error_rate": (status["FAILED"] + abandoned) / n,
        "mean_ms": statistics.fmean(durations) if durations else None,
        "p50_ms": nearest_rank(durations, 50),
        "p95_ms": nearest_rank(durations, 95),
        "p99_ms": nearest_rank(durations, 99),
        "min_ms": min(durations, default=None),
        "max_ms": max(durations, default=None),
        "stddev_ms": statistics.stdev(durations) if len(durations) > 1 else None,
        "total_ms": sum(durations),
        "executions_per_day": n / DAYS,
        "executions_per_week": n / DAYS * 7,
        "executions_per_month": n / DAYS * 30,
        "active_days": len(days),
        "peak_daily_usage": most,
        "peak_day": min(day for day, count in days.items() if count == most),
        "first_used_at": min(request.at for request in requests),
        "last_used_at": last,
        "hours_since_last_use": (AS_OF - last).total_seconds() / 3600,
    }


def begin_of(at: dt.datetime, bucket: str, zone: str) -> dt.datetime:
    """Give the begin of the stretch a moment falls into, in UTC."""
    there = at.astimezone(ZoneInfo(zone))
    begin = there.replace(minute=0, second=0, microsecond=0)
    if bucket != "hour":
        begin = begin.replace(hour=0)
    if bucket == "week":
        begin -= dt.timedelta(days=there.weekday())
    if bucket == "month":
        begin = begin.replace(day=1)
    return begin.astimezone(dt.UTC)


def trend(requests: Sequence[Request]) -> dict[str, Any]:
    """Give how the counts of days go, by a line through them (least squares)."""
    counts = [sum((request.at - SINCE).days == day for request in requests) for day in range(DAYS)]
    half = DAYS // 2
    older, newer = (
        {request.user for request in requests if (request.at - SINCE).days in part}
        for part in (range(half), range(half, DAYS))
    )

    def slope(values: Sequence[int]) -> float:
        return statistics.linear_regression(range(len(values)), values).slope

    before = sum(counts[:half])
    return {
        "operations": sum(counts),
        "velocity": slope(counts),
        "acceleration": slope(counts[half:]) - slope(counts[:half]),
        "growth_percentage": 100 * (sum(counts[half:]) - before) / before if before else None,
        "adoption_rate": len(newer - older) / (half / 7),
        "retention_rate": len(newer & older) / len(older) if older else None,
    }
