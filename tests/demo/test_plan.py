"""The plan of the demonstration contains what it says it plants, whatever its length."""

from __future__ import annotations

import functools
import statistics
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modeltally.demo import GROWING, MODELS, NEVER_USED, SLOW, STALE, plan

if TYPE_CHECKING:
    from modeltally.replay import PastOperation

ENDS_AT = datetime(2026, 11, 21, 11, 20, tzinfo=UTC)
LENGTHS = (7, 30, 200, 365)


@functools.cache
def planned(days: int, shift_days: int = 0) -> list[PastOperation]:
    """Plan once for all tests that look at the same plan."""
    return list(plan(days, 1, ENDS_AT + timedelta(days=shift_days)))


def requests_by_model(operations: list[PastOperation]) -> dict[str, list[PastOperation]]:
    """Group the requests."""
    found: dict[str, list[PastOperation]] = defaultdict(list)
    for one in operations:
        if one.operation == "model.request":
            found[str(one.facts["model"])].append(one)
    return found


def daily_slope(starts: list[datetime], days: int) -> float:
    """Fit a line through the daily counts, days counted back from the end."""
    counts = Counter((ENDS_AT - start).days for start in starts)
    line = statistics.linear_regression(range(days), [counts[days - 1 - day] for day in range(days)])
    return line.slope


def test_plan_is_the_same_when_the_arguments_are() -> None:
    """The plan is a pure function; another seed gives another plan."""
    assert list(plan(7, 1, ENDS_AT)) == list(plan(7, 1, ENDS_AT))
    assert list(plan(7, 1, ENDS_AT)) != list(plan(7, 2, ENDS_AT))


@pytest.mark.parametrize("days", LENGTHS)
def test_plan_lies_within_its_span_and_volume(days: int) -> None:
    """Every operation begins and ends within the span, and a long span is not a long wait."""
    operations = planned(days)
    assert len({one.operation_id for one in operations}) == len(operations)
    assert min(one.started_at for one in operations) >= ENDS_AT - timedelta(days=days)
    assert max(one.ended_at or one.started_at for one in operations) <= ENDS_AT
    assert len(operations) <= 65_000


@pytest.mark.slow(seconds=6, why="a plan for each weekday")
@pytest.mark.parametrize(
    ("days", "shift_days"), [(days, shift) for days in (7, 30) for shift in range(7)] + [(200, 0), (365, 0)]
)
def test_plan_has_one_growing_model_whatever_the_weekday(days: int, shift_days: int) -> None:
    """Only the planted model's use rises; a weekend at an edge of the span makes no other one rise."""
    slopes = {}
    for model, requests in requests_by_model(planned(days, shift_days)).items():
        slopes[model] = daily_slope([one.started_at - timedelta(days=shift_days) for one in requests], days)
    assert [model for model, slope in slopes.items() if slope > 0] == [GROWING.name]


@pytest.mark.parametrize("days", LENGTHS)
def test_growing_model_is_used_at_every_hour_of_its_last_week(days: int) -> None:
    """More than one use is to be expected in any hour, so its next peak is always near."""
    requests = requests_by_model(planned(days))[GROWING.name]
    hours = Counter(one.started_at.hour for one in requests if one.started_at > ENDS_AT - timedelta(days=7))
    assert min(hours[hour] for hour in range(24)) > 7


@pytest.mark.parametrize("days", LENGTHS)
def test_slow_model_is_the_only_one_past_a_performance_limit(days: int) -> None:
    """One model takes more than 300 s on average; the others are quick, steady and reliable."""
    for model, requests in requests_by_model(planned(days)).items():
        if model == STALE.name and days < 30:
            continue  # too few requests to say anything
        seconds = sorted((one.ended_at - one.started_at).total_seconds() for one in requests if one.ended_at)
        rated = [one for one in requests if one.outcome != "cancelled"]
        succeeded = sum(one.outcome == "success" and one.ended_at is not None for one in rated) / len(rated)
        assert (statistics.fmean(seconds) > 300) == (model == SLOW.name)
        assert succeeded > 0.85
        assert seconds[int(0.95 * len(seconds))] < 1.8 * statistics.median(seconds)
        assert statistics.stdev(seconds) < 0.5 * statistics.fmean(seconds)


@pytest.mark.parametrize("days", LENGTHS)
def test_stale_and_never_used_models_are_as_planted(days: int) -> None:
    """One model is used in the first fifth and no more, one is only downloaded, every other is used on."""
    requests = requests_by_model(planned(days))
    idle_days = {model: (ENDS_AT - used[-1].started_at) / timedelta(days=1) for model, used in requests.items()}
    assert 0.78 * days < idle_days.pop(STALE.name) < 0.84 * days
    assert max(idle_days.values()) < 3
    assert set(requests) == {spec.name for spec in MODELS} - {NEVER_USED.name}


def test_every_model_is_downloaded_on_the_first_day_before_its_first_use() -> None:
    """Downloads come first, one of them after a broken attempt."""
    operations = planned(30)
    downloads = [one for one in operations if one.operation == "model.download"]
    done = {one.facts["model"]: one.ended_at for one in downloads if one.outcome == "success"}
    assert set(done) == {spec.name for spec in MODELS}
    assert [one.facts["model"] for one in downloads if one.outcome == "error"] == [SLOW.name]
    for model, requests in requests_by_model(operations).items():
        ended_at = done[model]
        assert ended_at is not None
        assert ended_at < requests[0].started_at


def test_plan_holds_every_kind_of_operation_and_outcome() -> None:
    """The demonstration shows what there is to show."""
    operations = planned(30)
    assert {one.operation for one in operations} == {
        "model.request",
        "model.download",
        "model.load",
        "model.unload",
        "model.health_check",
        "pattern.run",
    }
    assert {one.outcome if one.ended_at else None for one in operations} == {
        "success",
        "failure",
        "partial_success",
        "error",
        "cancelled",
        None,
    }
