"""Random executions for tests and benchmarks: the same seed gives the same ones."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["OUTCOMES", "random_executions"]

OUTCOMES = ("success", "failure", "partial_success", "error", "cancelled", "abandoned", "in_flight")


def random_executions(count: int, *, end: datetime, days: float, seed: int) -> list[dict[str, Any]]:
    """Make executions of the days before ``end``, of which some say much and some little."""
    source = random.Random(seed)
    made = []
    for number in range(count):
        one: dict[str, Any] = {
            "execution_id": str(number),
            "timestamp": end - timedelta(microseconds=source.randrange(1, int(days * 86_400e6))),
        }
        if source.random() < 0.5:
            one["success"] = source.random() < 0.9
        else:
            one["outcome"] = source.choice(OUTCOMES)
        if source.random() < 0.8:
            one["execution_time_ms"] = source.choice((source.randrange(5000), source.lognormvariate(5, 1)))
        if source.random() < 0.5:
            one["quality_score"] = source.random()
        if source.random() < 0.3:
            one["error_type"] = source.choice(("timeout", "quality_gate", "ValueError"))
        for key, names in (("context_type", 3), ("context_id", 40), ("agent", 5), ("user", 30), ("project", 4)):
            if source.random() < 0.6:
                one[key] = source.choice(("", f"{key}-{source.randrange(names)}"))
        one["file_type"] = source.choice((None, "py", "sql"))
        made.append(one)
    return made
