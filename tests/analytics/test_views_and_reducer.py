"""What the views say of random runs of a pattern is what the pure reducer says of the same runs."""

from __future__ import annotations

import datetime as dt
import math
import random
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.analytics.reducer import AnalyticsGranularity, ModelUsageAnalyticsInput, execute_reduction
from modeltally.analytics.statistics import Statistics
from modeltally.analytics.stored import reduce_stored
from modeltally.settings import Settings
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
                "context_id": source.choice((None, "c1", "c2", "c3")),
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
            "modeltally.context.id": run["context_id"],
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


# within so much of the exact figure: histograms of durations; the reducer counts seconds since 1970 in a float
WITHIN = {"p50_execution_time_ms": 0.011, "p95_execution_time_ms": 0.011, "p99_execution_time_ms": 0.011}
HOURS_APART = 1e-9


def differing(given: object, wanted: object, name: str = "") -> dict[str, tuple[object, object]]:
    """The figures that differ, by their path: records are compared field by field, numbers to the last digit."""
    if isinstance(wanted, dict) and isinstance(given, dict) and given.keys() == wanted.keys():
        pairs = {str(key): (given[key], value) for key, value in wanted.items()}
    elif isinstance(wanted, tuple) and isinstance(given, tuple) and len(given) == len(wanted):
        pairs = {str(at): pair for at, pair in enumerate(zip(given, wanted, strict=True))}
    elif is_dataclass(wanted):
        pairs = {field.name: (getattr(given, field.name), getattr(wanted, field.name)) for field in fields(wanted)}
    elif name.endswith("time_since_last_use") and isinstance(given, float) and isinstance(wanted, float):
        return {} if abs(given - wanted) < HOURS_APART else {name: (given, wanted)}
    else:
        within = WITHIN.get(name.rpartition(".")[2], 1e-12)
        return {} if same(given, wanted, within=within) else {name: (given, wanted)}
    found: dict[str, tuple[object, object]] = {}
    for inner, pair in pairs.items():
        found |= differing(*pair, f"{name}.{inner}")
    return found


@pytest.mark.slow(seconds=22, why="every figure of random executions")
@pytest.mark.parametrize("state", ["events", "rolls"])
@pytest.mark.parametrize("window", WINDOWS)
def test_views_say_what_the_reducer_says(
    filled: tuple[EmbeddedStore, list[dict[str, Any]]], window: str, state: str
) -> None:
    """Every figure of every record agrees, the quality of the answer and the forecast too, before a roll and after."""
    store, found = filled
    if state == "rolls":
        Roller(store.database).run(as_of=dt.datetime(2029, 1, 1, tzinfo=dt.UTC))
    since, until = (BEGIN + offset for offset in WINDOWS[window])
    wanted = reduced(found, since, until)
    contract = ModelUsageAnalyticsInput(
        pattern_id="storyboard",
        time_window_start=since,
        time_window_end=until,
        granularity=AnalyticsGranularity.COMPREHENSIVE,
    )
    given = reduce_stored(Statistics(store, settings=Settings()), contract)
    assert {*differing(given, wanted)} <= {".left_out", ".computation_time_ms"}, differing(given, wanted)
    assert given.computation_time_ms is not None
    assert (given.trust.window_since, given.trust.n) == (since, wanted.total_data_points)
