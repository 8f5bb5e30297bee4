"""The figures of a window once more, as plainly as they can be written: a loop, fractions, and Python's statistics."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["naive"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def naive(records: Sequence[dict[str, Any]], start: datetime, end: datetime) -> dict[str, dict[str, Any]]:
    """Compute usage, success, performance and distribution, each by its field."""
    inside = [record for record in records if start <= record["timestamp"] < end]
    outcomes = [_outcome(record) for record in inside]
    rated = [outcome for outcome in outcomes if outcome not in {"cancelled", "in_flight"}]
    durations = sorted(
        Fraction(round(record["execution_time_ms"] * 1000), 1000)
        for record, outcome in zip(inside, outcomes, strict=True)
        if record.get("execution_time_ms") is not None and outcome not in {"cancelled", "abandoned", "in_flight"}
    )
    qualities = [
        Fraction(round(record["quality_score"] * 10**6), 10**6)
        for record in inside
        if record.get("quality_score") is not None
    ]
    days = (end - start) / DAY
    utc = [record["timestamp"].astimezone(UTC) for record in inside]
    per_day = len(inside) / days
    return {
        "usage_metrics": {
            "total_executions": len(inside),
            "executions_per_day": per_day,
            "executions_per_week": per_day * 7,
            "executions_per_month": per_day * 30,
            "unique_contexts": _different(inside, "context_id", "context_type"),
            "unique_users": _different(inside, "user", "agent"),
            "peak_daily_usage": max(Counter(moment.date() for moment in utc).values(), default=0),
            "time_since_last_use": (end - max(utc)) / HOUR if utc else None,
        },
        "success_metrics": {
            "success_count": outcomes.count("success"),
            "failure_count": outcomes.count("failure") + outcomes.count("error"),
            "success_rate": float(Fraction(2 * outcomes.count("success") + outcomes.count("partial_success"), 2))
            / len(rated)
            if rated
            else None,
            "error_rate": (outcomes.count("error") + outcomes.count("abandoned")) / len(rated) if rated else None,
            "timeout_count": sum(record.get("error_type") == "timeout" for record in inside),
            "quality_gate_failures": sum(record.get("error_type") == "quality_gate" for record in inside),
            "avg_quality_score": float(sum(qualities) / len(qualities)) if qualities else None,
            "rated_count": len(rated),
            "judged_count": len(qualities),
        },
        "performance_metrics": _durations(durations),
        "context_distribution": {
            "by_context_type": _by(inside, "context_type"),
            "by_agent": _by(inside, "agent"),
            "by_project": _by(inside, "project"),
            "by_file_type": _by(inside, "file_type"),
            "by_time_of_day": {hour: sum(moment.hour == hour for moment in utc) for hour in range(24)},
            "by_day_of_week": {day: sum(moment.weekday() == day for moment in utc) for day in range(7)},
        },
    }


def _outcome(record: dict[str, Any]) -> str:
    return record.get("outcome") or ("success" if record["success"] else "failure")


def _different(records: Sequence[dict[str, Any]], *keys: str) -> int:
    return len({name for record in records if (name := next((record[key] for key in keys if record.get(key)), None))})


def _by(records: Sequence[dict[str, Any]], key: str) -> dict[str, int]:
    return dict(Counter(record[key] for record in records if record.get(key)))


def _durations(ascending: list[Fraction]) -> dict[str, Any]:
    count = len(ascending)
    figures = {
        f"p{percent}_execution_time_ms": float(ascending[math.ceil(Fraction(percent * count, 100)) - 1])
        if count
        else None
        for percent in (50, 95, 99)
    }
    return figures | {
        "avg_execution_time_ms": float(sum(ascending) / count) if count else None,
        "min_execution_time_ms": float(ascending[0]) if count else None,
        "max_execution_time_ms": float(ascending[-1]) if count else None,
        "std_dev_ms": math.sqrt(statistics.variance(ascending)) if count > 1 else None,
        "total_execution_time_ms": float(sum(ascending)),
        "timed_count": count,
    }
