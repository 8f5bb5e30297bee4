"""What a trace says, counted in plain Python: the figures ``stats models`` must give, and the plain cleanup rule."""

from __future__ import annotations

import csv
import datetime as dt
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Log buckets give a quantile within this share of the nearest rank.
QUANTILE_TOLERANCE = 0.011


@dataclass
class ModelTruth:
    """The figures of one model."""

    requests: int = 0
    successes: int = 0
    failures: int = 0
    abandoned: int = 0
    users: set[str] = field(default_factory=set)
    durations: list[float] = field(default_factory=list)

    def nearest_rank_ms(self, percent: int) -> float | None:
        """The nearest-rank percentile of the finished requests, in milliseconds."""
        if not self.durations:
            return None
        ordered = sorted(self.durations)
        return ordered[(len(ordered) * percent + 99) // 100 - 1] * 1000


def count(path: Path, *, since: dt.datetime, until: dt.datetime) -> dict[str, ModelTruth]:
    """Count the rows of a trace by model, in a half-open window."""
    models: dict[str, ModelTruth] = defaultdict(ModelTruth)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            at = dt.datetime.fromisoformat(row["gmt_create"]).replace(tzinfo=dt.UTC)
            if not since <= at < until:
                continue
            model = models[row["checkpoint_model_version_id"] or "unknown"]
            model.requests += 1
            model.successes += row["predict_status"] == "SUCCEED"
            model.failures += row["predict_status"] == "FAILED"
            model.abandoned += row["predict_status"] == "PENDING"
            if row["groupId"]:
                model.users.add(row["groupId"])
            if row["predict_status"] != "PENDING":
                model.durations.append(float(row["exec_time_seconds"]))
    return dict(models)


def plain_cleanup(path: Path, *, as_of: dt.datetime) -> set[str]:
    """The models under 0.1 uses a day over 30 days, and those of which less than half succeeded."""
    month = count(path, since=as_of - dt.timedelta(days=30), until=as_of)
    ever = count(path, since=dt.datetime(2000, 1, 1, tzinfo=dt.UTC), until=as_of)
    named = set()
    for name in ever:
        recent = month.get(name, ModelTruth())
        rare = recent.requests / 30 < 0.1
        failing = recent.requests > 0 and recent.successes / recent.requests < 0.5
        if rare or failing:
            named.add(name)
    return named


def write_bursty(path: Path, *, seed: int, bursts: int = 60) -> None:
    """Write a trace of another shape: bursts, identical rows, milliseconds, many users, a model that always fails."""
    rng = random.Random(seed)
    header = (
        "gmt_create,predict_type,predict_status,exec_time_seconds,groupId,prompt_length,negative_prompt_length,"
        "num_images_per_prompt,num_inference_steps,checkpoint_model_version_id,num_lora"
    )
    start = dt.datetime(2024, 11, 15, 0, 0, 0, tzinfo=dt.UTC)
    rows = []
    for _ in range(bursts):
        burst = start + dt.timedelta(seconds=rng.randrange(15 * 86400))
        model = rng.choice(["tiny", "tiny", "tiny", "big", "", "broken"])
        for _ in range(rng.randrange(1, 120)):
            status = "FAILED" if model == "broken" else rng.choices(["SUCCEED", "FAILED", "PENDING"], [90, 8, 2])[0]
            seconds = 0.0 if status == "PENDING" else round(rng.lognormvariate(-2 if model == "tiny" else 5, 1.0), 3)
            user = f"G{rng.randrange(900):04d}" if rng.random() < 0.9 else ""
            at = burst + dt.timedelta(seconds=rng.choice([0, 0, 0, 1, 3600]))
            rows.append((at, f"{at:%Y-%m-%d %H:%M:%S},TXT_2_IMG,{status},{seconds},{user},,,1.0,30.0,{model},0"))
    rows += rng.sample(rows, 100)
    path.write_text("\n".join([header, *(text for _, text in sorted(rows, key=lambda row: row[0]))]) + "\n")
