"""Every topic that a published trace can answer gives what plain Python counts in its file."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from analytics.trace_figures import (
    AS_OF,
    ENDED,
    PARAMETERS,
    SINCE,
    TASKS,
    UNTIL,
    Request,
    begin_of,
    figures,
    grouped,
    requests_of,
    trend,
)
from cli.trace_truth import QUANTILE_TOLERANCE
from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.readers import read
from modeltally.analytics.reducer import ModelUsageAnalyticsInput, execute_reduction
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.window import Window
from modeltally.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modeltally.store import DatabaseStore

pytestmark = pytest.mark.slow(seconds=30, why="a published trace imported")

QUANTILES = {"p50_ms", "p95_ms", "p99_ms"}


@pytest.fixture(scope="module")
def requests(gentd26: Path) -> list[Request]:
    """Read the trace's file."""
    return requests_of(gentd26)


@pytest.fixture(scope="module", params=["events", "rolls"])
def store(request: pytest.FixtureRequest, replayed: DatabaseStore) -> DatabaseStore:
    """Give the store before anything was rolled, then after."""
    if request.param == "rolls":
        replayed.run("roll", {"as_of": dt.datetime.now(dt.UTC)})
    return replayed


def ask(store: DatabaseStore, topic: str, **given: str) -> list[dict[str, Any]]:
    """Ask a topic as a command does."""
    found = TOPICS[topic]
    arguments = arguments_of(found, given, topics=TOPICS.values())
    return [
        dict(row) for row in read(store, found, Window(SINCE, UNTIL, AS_OF), settings=Settings(), arguments=arguments)
    ]


def compare(row: Mapping[str, Any], truth: Mapping[str, Any], *, what: object) -> int:
    """Hold every column that the truth knows against it; give how many there were."""
    shared = row.keys() & truth.keys()
    for name in shared:
        given, expected = row[name], truth[name]
        if isinstance(given, float) and isinstance(expected, float | int):
            tolerance = QUANTILE_TOLERANCE if name in QUANTILES else 1e-9
            assert math.isclose(given, expected, rel_tol=tolerance, abs_tol=1e-9), (what, name, given, expected)
        else:
            assert given == expected, (what, name, given, expected)
    return len(shared)


KeyOfRow = Callable[[Mapping[str, Any]], Hashable]
KeyOfRequest = Callable[[Request], Hashable]

# a topic; what it is asked beside the window; whose row it is; the same of a request; the least columns to compare
BY_KEY: list[
    tuple[str, dict[str, str], Callable[[Mapping[str, Any]], Hashable], Callable[[Request], Hashable], int]
] = [
    ("overview", {}, lambda _row: "", lambda _request: "", 14),
    ("models", {}, lambda row: row["model"], lambda request: request.model, 11),
    ("latency", {}, lambda row: row["model"], lambda request: request.model, 9),
    ("frequency", {}, lambda row: row["subject"], lambda request: request.model, 11),
    ("success", {}, lambda row: row["subject"], lambda request: request.model, 7),
    ("speed", {}, lambda row: row["subject"], lambda request: request.model, 9),
    ("hours", {}, lambda row: row["hour_of_day"], lambda request: request.at.hour, 7),
    ("operations", {}, lambda row: row["operation"], lambda _request: "model.request", 10),
    ("users", {}, lambda row: row["day"], lambda request: request.at.date(), 2),
    (
        "peaks",
        {},
        lambda row: (row["day_of_week"], row["hour_of_day"]),
        lambda request: (request.at.weekday(), request.at.hour),
        5,
    ),
    *(
        (
            "time",
            {"bucket": bucket, "zone": zone, "kind": "model"},
            lambda row: (row["subject"], row["begin_at"]),
            lambda request, bucket=bucket, zone=zone: (request.model, begin_of(request.at, bucket, zone)),
            7,
        )
        for bucket in ("hour", "day", "week", "month")
        for zone in ("UTC", "Asia/Shanghai", "America/New_York")
    ),
]


@pytest.mark.parametrize(("topic", "given", "key_of_row", "key_of_request", "least"), BY_KEY)
def test_figures_are_the_files(
    store: DatabaseStore,
    requests: list[Request],
    topic: str,
    given: dict[str, str],
    key_of_row: KeyOfRow,
    key_of_request: KeyOfRequest,
    least: int,
) -> None:
    """Each row's columns are those of the same requests in the file; rows of nothing are zero, and none is missing."""
    has_durations = topic in {"latency", "speed"}
    truth = grouped([one for one in requests if one.status in ENDED or not has_durations], key_of_request)
    rows = {key_of_row(row): row for row in ask(store, topic, **given)}
    assert truth.keys() <= rows.keys()
    for key, row in rows.items():
        if key in truth:
            assert compare(row, figures(truth[key]), what=(topic, key)) >= least
        else:
            assert row.get("operations", row.get("requests")) == 0


@pytest.mark.parametrize(
    ("topic", "key", "columns"),
    [
        ("by-user", lambda request: request.user, ("operations", "models", "successes", "failures", "abandoned")),
        ("by-user-and-model", lambda request: (request.user, request.model), ("requests", "successes", "failures")),
    ],
)
def test_users_are_as_many_and_as_busy(
    store: DatabaseStore,
    requests: list[Request],
    topic: str,
    key: Callable[[Request], Hashable],
    columns: Sequence[str],
) -> None:
    """Users, whose ids are not kept, have the same figures as those of the file, each as often."""
    truth = [figures(group) for group in grouped(requests, key).values()]
    given = Counter(tuple(row[name] for name in columns) for row in ask(store, topic))
    assert given == Counter(tuple(one[name] for name in columns) for one in truth)


def test_new_users_are_those_not_seen_before(store: DatabaseStore, requests: list[Request]) -> None:
    """A day's new users were not there on a day before."""
    seen: set[str] = set()
    expected = {}
    for day, group in sorted(grouped(requests, lambda request: request.at.date()).items()):
        users = {request.user for request in group}
        expected[day] = len(users - seen)
        seen |= users
    assert {row["day"]: row["new_users"] for row in ask(store, "users")} == expected


def test_distribution_is_the_files(store: DatabaseStore, requests: list[Request]) -> None:
    """Hours and weekdays of a zone have the requests that the file has there."""
    for zone, shift in (("UTC", 0), ("Asia/Shanghai", 8)):
        moments = [request.at + dt.timedelta(hours=shift) for request in requests]
        hours = Counter(f"{moment.hour:02}" for moment in moments)
        days = Counter(str(moment.weekday()) for moment in moments)
        rows = ask(store, "distribution", zone=zone)
        for dimension, expected in (("by_time_of_day", hours), ("by_day_of_week", days)):
            found = {row["value"]: row["operations"] for row in rows if row["dimension"] == dimension}
            assert +Counter(found) == expected


def test_failures_are_the_files(store: DatabaseStore, requests: list[Request]) -> None:
    """Failures have the one type the file has, by model too; what never ended is told apart from them."""
    failed = [request for request in requests if request.status == "FAILED"]
    found = {row["error_type"]: row for row in ask(store, "failures")}
    assert found["failed"]["failures"] == len(failed)
    by_model = {
        row["model"]: row["failures"] for row in ask(store, "failures-by-model") if row["error_type"] == "failed"
    }
    assert by_model == Counter(request.model for request in failed)


def test_parameters_are_the_files(store: DatabaseStore, requests: list[Request]) -> None:
    """Each value of a parameter has as many requests, and as many failures, as in the file."""
    rows = ask(store, "parameters")
    for parameter, column in PARAMETERS.items():
        said = [(request, request.row[column]) for request in requests if request.row[column]]
        values = [(request, TASKS[text] if parameter == "task" else str(int(float(text)))) for request, text in said]
        expected = Counter(value for _, value in values if value != "0")
        failures = Counter(value for request, value in values if request.status == "FAILED")
        for row in (row for row in rows if row["parameter"] == parameter):
            assert (row["operations"], row["failures"]) == (expected[row["value"]], failures[row["value"]]), row
        assert any(row["parameter"] == parameter for row in rows)


def test_trends_are_lines_through_the_files_days(store: DatabaseStore, requests: list[Request]) -> None:
    """Velocity, acceleration, growth, adoption and retention of each model are those of its days in the file."""
    truth = grouped(requests, lambda request: request.model)
    rows = {row["subject"]: row for row in ask(store, "trends")}
    assert rows.keys() == truth.keys()
    for model, row in rows.items():
        assert compare(row, trend(truth[model]), what=model) == 6


def test_forecast_is_that_of_the_records(store: DatabaseStore, requests: list[Request]) -> None:
    """The week to come is what the pure reducer forecasts from the rows of the file."""
    reduced = execute_reduction(
        ModelUsageAnalyticsInput(
            pattern_id="all",
            time_window_start=SINCE,
            time_window_end=UNTIL,
            include_predictions=True,
            execution_data=[{"timestamp": request.at, "success": True} for request in requests],
        )
    ).predictions
    assert reduced is not None
    rows = ask(store, "forecast")
    assert [(row["begin_at"], row["low"], row["high"]) for row in rows] == [
        (hour.starts_at, hour.low, hour.high) for hour in reduced.hours
    ]
    assert [row["expected"] for row in rows] == pytest.approx([hour.expected for hour in reduced.hours])


def test_speed_trends_are_lines_through_the_files_days(store: DatabaseStore, requests: list[Request]) -> None:
    """The mean duration of each model goes up or down in a day by what a weighted line through its days does."""
    rows = {row["subject"]: row for row in ask(store, "quality-trends")}
    for model, group in grouped([one for one in requests if one.status in ENDED], lambda one: one.model).items():
        days = [(one.at - SINCE).days for one in group]
        assert rows[model]["durations"] == len(group)
        if len(set(days)) < 3:
            assert rows[model]["ms_slope_per_day"] is None
            continue
        # a line through all requests is the line through the means of days, each weighing its requests
        middle, mean = sum(days) / len(days), sum(one.ms for one in group) / len(group)
        sxy = sum((day - middle) * (one.ms - mean) for day, one in zip(days, group, strict=True))
        sxx = sum((day - middle) ** 2 for day in days)
        assert rows[model]["ms_slope_per_day"] == pytest.approx(sxy / sxx, rel=1e-6, abs=1e-6), model


def test_seasons_are_those_of_the_files_hours(store: DatabaseStore, requests: list[Request]) -> None:
    """What the hour of the day saves, for all models together, is what leaving each day out saves in the file."""
    roots = [[0.0] * 24 for _ in range(16)]
    for (day, hour), count in Counter(((one.at - SINCE).days, one.at.hour) for one in requests).items():
        roots[day][hour] = math.sqrt(count)
    by_hour = by_mean = 0.0
    for day, own in enumerate(roots):
        others = [other for number, other in enumerate(roots) if number != day]
        mean = sum(map(sum, others)) / (15 * 24)
        for hour, root in enumerate(own):
            by_hour += (root - sum(other[hour] for other in others) / 15) ** 2
            by_mean += (root - mean) ** 2
    (row,) = ask(store, "seasonality")
    assert row["daily_share"] == pytest.approx(1 - by_hour / by_mean)
    assert row["season"] == "daily"
    assert row["weekly_share"] is None


def test_what_the_file_does_not_say_has_no_rows(store: DatabaseStore) -> None:
    """Loads, downloads, memory, patterns and prices are in no row of the file, and in no answer."""
    for topic in ("downloads", "memory", "stays", "residency", "patterns", "together", "foreign"):
        assert ask(store, topic) == [], topic
    assert {row["tokens"] for row in ask(store, "tokens")} == {0}
    assert json.dumps([row["cold_starts"] for row in ask(store, "loads")]).strip("[]0, ") == ""
