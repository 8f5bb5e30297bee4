"""What the views say of random runs of a pattern is what the pure reducer says of the same runs."""

from __future__ import annotations

import datetime as dt
import math
import random
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.analytics.reducer import AnalyticsGranularity, ModelUsageAnalyticsInput, execute_reduction
from modeltally.store.rollup import Roller
from queries.given import EPOCH, Given, Operation, empty, give

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.analytics.reducer import ModelUsageAnalyticsOutput
    from modeltally.store import EmbeddedStore
    from support.stores import Template

BEGIN = dt.datetime(2028, 2, 21, tzinfo=dt.UTC)  # with a leap day
OUTCOMES = ("success", "success", "success", "partial_success", "failure", "error", "cancelled")
ERRORS = {"failure": ("quality_gate", "blank"), "error": ("timeout", "OSError")}
WINDOWS = {
    "whole days": (dt.timedelta(0), dt.timedelta(days=14)),
    "parts of days": (dt.timedelta(days=1, hours=5, microseconds=1), dt.timedelta(days=11, hours=7)),
    "an odd number of days": (dt.timedelta(days=3), dt.timedelta(days=10)),
    "hours": (dt.timedelta(days=4, minutes=30), dt.timedelta(days=6, hours=9)),
    "four weeks": (dt.timedelta(0), dt.timedelta(days=30)),
    "nothing": (dt.timedelta(days=60), dt.timedelta(days=70)),
}


@pytest.fixture(scope="module")
def opened(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open one store for a module."""
    with template.opened(tmp_path_factory.mktemp("agreement"), clock=lambda: EPOCH) as store:
        yield store


def runs(seed: int) -> list[dict[str, Any]]:
    """Random runs over thirty days, some at the edges of hours and days."""
    source = random.Random(seed)
    found = []
    for number in range(400):
        day = min(int(source.expovariate(0.12)), 29) if seed % 2 else source.randrange(30)
        at = BEGIN + dt.timedelta(days=day, microseconds=source.randrange(86_400 * 10**6))
        if number % 25 == 0:
            at = at.replace(hour=23, minute=59, second=59, microsecond=999_999)
        outcome = source.choice(OUTCOMES)
        found.append(
            {
                "timestamp": at,
                "outcome": outcome,
                "execution_time_ms": source.choice((0, 0.001, source.uniform(1, 900), source.uniform(1, 90_000))),
                "quality_score": source.choice((None, round(source.random(), 6))),
                "context_type": source.choice((None, "debugging", "review")),
                "agent": source.choice((None, "a1", "a2")),
                "user": source.choice(range(1, 9)),
                "project": source.choice((None, "spring")),
                "file_type": source.choice((None, "py", "md")),
                "error_type": source.choice(ERRORS.get(outcome, (None,))),
            }
        )
    return found


def stored(run: dict[str, Any]) -> Operation:
    """The same run as a span that tells of it."""
    quality, named = (
        run["quality_score"],
        {
            "modeltally.context.type": run["context_type"],
            "gen_ai.agent.name": run["agent"],
            "modeltally.project": run["project"],
            "modeltally.file.type": run["file_type"],
        },
    )
    return Operation(
        at=run["timestamp"],
        operation="pattern.run",
        pattern="storyboard",
        outcome=run["outcome"],
        ms=round(run["execution_time_ms"] * 1000) / 1000,
        user=run["user"],
        error_type=run["error_type"] or "",
        attributes={
            **{name: value for name, value in named.items() if value},
            **({} if quality is None else {"modeltally.quality.score": repr(quality)}),
        },
    )


@pytest.fixture(
    scope="module",
    params=[1, pytest.param(2, marks=pytest.mark.slow(seconds=12, why="every window of other runs, another time"))],
)
def filled(request: pytest.FixtureRequest, opened: EmbeddedStore) -> tuple[EmbeddedStore, list[dict[str, Any]]]:
    """Fill the store with the runs of a seed."""
    empty(opened)
    found = runs(request.param)
    give(opened, Given(operations=[stored(run) for run in found]))
    return opened, found


def reduced(found: list[dict[str, Any]], since: dt.datetime, until: dt.datetime) -> ModelUsageAnalyticsOutput:
    """What the reducer says of a window."""
    return execute_reduction(
        ModelUsageAnalyticsInput(
            pattern_id="storyboard",
            time_window_start=since,
            time_window_end=until,
            granularity=AnalyticsGranularity.COMPREHENSIVE,
            execution_data=[{key: value for key, value in run.items() if value is not None} for run in found],
        )
    )


def same(given: object, wanted: object, *, within: float = 1e-12) -> bool:
    """Whether two figures are one: numbers but for the last digit of a float, everything else itself."""
    if isinstance(given, float) and isinstance(wanted, float | int):
        return math.isclose(given, wanted, rel_tol=within, abs_tol=1e-12)
    return given == wanted


@pytest.mark.parametrize("state", ["events", "rolls"])
@pytest.mark.parametrize("window", WINDOWS)
def test_views_say_what_the_reducer_says(
    filled: tuple[EmbeddedStore, list[dict[str, Any]]], window: str, state: str
) -> None:
    """Frequency, success, speed, trend, distribution and forecast agree, before a roll and after."""
    store, found = filled
    if state == "rolls":
        Roller(store.database).run(as_of=dt.datetime(2029, 1, 1, tzinfo=dt.UTC))
    since, until = (BEGIN + offset for offset in WINDOWS[window])
    wanted = reduced(found, since, until)

    def ask(view: str, **more: object) -> list[dict[str, Any]]:
        known = {"kind": "pattern", "operation": "pattern.run", "subject": "", "since": since, "until": until,
                 "as_of": until, "zone": "UTC", "abandoned_after_seconds": 3600.0, "excellent_ms": 500.0,
                 "performance_slow_seconds": 300.0, **more}  # fmt: skip
        from modeltally.store import sql  # noqa: PLC0415 - only to know what a view takes

        return store.read(view, {name: known[name] for name in sql.view(view).parameters})

    compared: dict[str, tuple[object, object]] = {}
    figure: object
    usage, success, speed, trend = (wanted.usage_metrics, wanted.success_metrics, wanted.performance_metrics,
                                    wanted.trend_analysis)  # fmt: skip
    assert speed is not None
    assert trend is not None
    assert wanted.context_distribution is not None
    (frequency,) = ask("usage_frequency") or [{}]
    for name, figure in (
        ("operations", usage.total_executions), ("executions_per_day", usage.executions_per_day),
        ("executions_per_week", usage.executions_per_week), ("executions_per_month", usage.executions_per_month),
        ("users", usage.unique_users), ("peak_daily_usage", usage.peak_daily_usage),
        ("hours_since_last_use", usage.time_since_last_use),
    ):  # fmt: skip
        compared[f"frequency {name}"] = (frequency.get(name, 0 if figure is not None else None), figure)
    (counts,) = ask("success_by_subject") or [{}]
    for name, figure in (
        ("successes", success.success_count), ("failures", success.failure_count), ("timeouts", success.timeout_count),
        ("quality_gate_failures", success.quality_gate_failures), ("success_rate", success.success_rate),
        ("error_rate", success.error_rate), ("mean_quality", success.avg_quality_score),
        ("cancelled", success.cancelled_count), ("partial_successes", success.partial_success_count),
        ("judged", success.judged_count),
    ):  # fmt: skip
        compared[f"success {name}"] = (counts.get(name, 0 if figure is not None else None), figure)
    (durations,) = ask("speed_by_subject") or [{}]
    for name, figure in (
        ("mean_ms", speed.avg_execution_time_ms), ("min_ms", speed.min_execution_time_ms),
        ("max_ms", speed.max_execution_time_ms), ("stddev_ms", speed.std_dev_ms),
        ("total_ms", speed.total_execution_time_ms), ("operations", speed.timed_count),
    ):  # fmt: skip
        compared[f"speed {name}"] = (durations.get(name, 0 if figure is not None else None), figure)
    (line,) = ask("usage_trends") or [{"seed_trend_type": trend.seed_trend_type, "bucket": trend.bucket,
                                       "buckets": trend.bucket_count}]  # fmt: skip
    for name, figure in (
        ("trend_type", trend.trend_type), ("velocity", trend.velocity), ("acceleration", trend.acceleration),
        ("adoption_rate", trend.adoption_rate), ("retention_rate", trend.retention_rate),
        ("churn_rate", trend.churn_rate), ("growth_percentage", trend.growth_percentage),
        ("confidence_score", trend.confidence_score), ("seed_trend_type", trend.seed_trend_type),
        ("bucket", trend.bucket), ("buckets", trend.bucket_count), ("operations", trend.bucketed_executions),
    ):  # fmt: skip
        if line.get("operations"):
            compared[f"trend {name}"] = (line[name], figure)
    for name, mine in vars_of(wanted.context_distribution).items():
        rows = [row for row in ask("usage_distribution") if row["dimension"] == name]
        told = {(int(row["value"]) if name.startswith(("by_time", "by_day")) else row["value"]): row["operations"]
                for row in rows}  # fmt: skip
        compared[name] = (told, mine)
    hours = wanted.predictions.hours if wanted.predictions else ()
    ahead = [(hour.starts_at, hour.expected, hour.low, hour.high) for hour in hours]
    rows = ask("usage_forecast")
    compared["forecast"] = ([(row["begin_at"], row["expected"], row["low"], row["high"]) for row in rows], ahead)
    # the reducer counts seconds since 1970 in a float: a quarter of a microsecond
    last = compared.pop("frequency hours_since_last_use")
    assert last == (None, None) or abs(float(str(last[0])) - float(str(last[1]))) < 1e-9
    assert {name: pair for name, pair in compared.items() if not same(*pair)} == {}
    for name, exact in (("p50_ms", speed.p50_execution_time_ms), ("p95_ms", speed.p95_execution_time_ms)):
        assert exact is None or same(durations[name], exact, within=0.011), name


def vars_of(record: object) -> dict[str, Any]:
    """The fields of a record of slots."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}  # type: ignore[attr-defined] # a dataclass
