"""What a reduction says equals what a plain loop says, in any order of the executions and at every boundary."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.executions import OUTCOMES, random_executions
from analytics.naive import naive
from modeltally.analytics.reducer import (
    AnalyticsGranularity,
    Execution,
    ModelUsageAnalyticsInput,
    ModelUsageAnalyticsOutput,
    TimeWindowType,
    execute_reduction,
    execute_reductions,
)
from modeltally.errors import InputError

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

END = datetime(2024, 3, 3, 5, 30, tzinfo=UTC)  # after a leap day
START = END - timedelta(days=30)
PATTERN = UUID(int=12)

VALUES = {
    "outcome": st.sampled_from(OUTCOMES),
    "timestamp": st.datetimes(datetime(2024, 2, 20), datetime(2024, 3, 4), timezones=st.just(UTC)),  # noqa: DTZ001 - UTC
}
RARE = {
    "execution_time_ms": st.none() | st.integers(0, 10**6) | st.floats(0, 10**6),
    "quality_score": st.none() | st.floats(0, 1),
    "error_type": st.none() | st.sampled_from(("timeout", "quality_gate", "KeyError")),
    "user": st.none() | st.text(max_size=2),
    "agent": st.none() | st.text(max_size=2),
    "context_type": st.none() | st.text(max_size=2),
    "context_id": st.none() | st.text(max_size=2),
    "project": st.none() | st.text(max_size=2),
    "file_type": st.none() | st.text(max_size=2),
}
EXECUTIONS = st.lists(st.fixed_dictionaries(VALUES, optional=RARE), max_size=30)


def reduced(executions: Sequence[Any], start: datetime = START, end: datetime = END, **asked: Any) -> Any:
    """Reduce executions of a window."""
    contract: dict[str, Any] = {"pattern_id": PATTERN, "time_window_start": start, "time_window_end": end} | asked
    return execute_reduction(ModelUsageAnalyticsInput(execution_data=executions, **contract))


def started(*moments: datetime) -> list[dict[str, Any]]:
    """Make an execution for each moment."""
    return [{"timestamp": moment, "success": True} for moment in moments]


def assert_equals_naive(figures: ModelUsageAnalyticsOutput, expected: dict[str, dict[str, Any]]) -> None:
    """Compare each field of the plain loop, to the last digit but for the two that fractions round once less."""
    for part, values in expected.items():
        found = asdict(getattr(figures, part))
        for field, value in values.items():
            if field in {"std_dev_ms", "avg_execution_time_ms", "avg_quality_score", "time_since_last_use"}:
                assert found[field] == (None if value is None else pytest.approx(value, rel=1e-9)), field
            else:
                assert found[field] == value, field


@settings(deadline=None, max_examples=60)
@given(EXECUTIONS)
def test_figures_are_those_of_a_plain_loop(executions: list[dict[str, Any]]) -> None:
    """Whatever executions say, each figure is what a loop over them gives."""
    assert_equals_naive(reduced(executions), naive(executions, START, END))


@pytest.mark.parametrize("seed", range(3))
def test_many_executions_give_the_figures_of_a_plain_loop(seed: int) -> None:
    """The same holds of a thousand executions of fifty days, of which a window of thirty takes its part."""
    executions = random_executions(1000, end=END + timedelta(days=5), days=50, seed=seed)
    figures = reduced(executions)
    assert_equals_naive(figures, naive(executions, START, END))
    assert 0 < figures.total_data_points < 1000
    assert figures.total_data_points + figures.left_out == 1000


@settings(deadline=None, max_examples=40)
@given(EXECUTIONS, st.randoms(use_true_random=False))
def test_order_changes_nothing(executions: list[dict[str, Any]], source: random.Random) -> None:
    """Any order of the same executions gives the same answer, to the last byte of its JSON."""
    mixed = list(executions)
    source.shuffle(mixed)
    asked: dict[str, Any] = {"granularity": AnalyticsGranularity.COMPREHENSIVE}
    assert json.dumps(reduced(mixed, **asked).to_dict()) == json.dumps(reduced(executions, **asked).to_dict())


@settings(deadline=None, max_examples=40)
@given(EXECUTIONS, st.datetimes(datetime(2024, 2, 20), datetime(2024, 3, 3), timezones=st.just(UTC)))  # noqa: DTZ001
def test_parts_of_a_window_add_up(executions: list[dict[str, Any]], middle: datetime) -> None:
    """Wherever a window is split, what can be added up is as in the whole: nothing falls between or counts twice."""
    whole, first, second = reduced(executions), reduced(executions, end=middle), reduced(executions, start=middle)
    for part in ("usage_metrics.total_executions", "success_metrics.success_count", "success_metrics.rated_count"):
        section, field = part.split(".")
        of = [getattr(getattr(figures, section), field) for figures in (first, second, whole)]
        assert of[0] + of[1] == of[2], part
    by = [figures.context_distribution.by_time_of_day for figures in (first, second, whole)]
    assert {hour: by[0][hour] + by[1][hour] for hour in range(24)} == by[2]
    times = [figures.performance_metrics for figures in (first, second, whole)]
    assert times[0].timed_count + times[1].timed_count == times[2].timed_count
    assert round(times[0].total_execution_time_ms * 1000) + round(
        times[1].total_execution_time_ms * 1000
    ) == pytest.approx(round(times[2].total_execution_time_ms * 1000))


@pytest.mark.parametrize(
    ("moment", "hour", "weekday"),
    [
        (datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC), 23, 3),
        (datetime(2024, 3, 1, tzinfo=UTC), 0, 4),
        (datetime(2020, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 23, 3),  # week 53
        (datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 23, 3),
        (datetime(2000, 1, 1, tzinfo=UTC), 0, 5),
        (datetime(2026, 3, 29, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))), 19, 5),
    ],
)
def test_a_moment_belongs_to_its_utc_hour_and_weekday(moment: datetime, hour: int, weekday: int) -> None:
    """The last microsecond of a day is in that day, the first of the next in the next; zones are turned into UTC."""
    figures = reduced(started(moment), moment - timedelta(days=400), moment + timedelta(days=400))
    assert {at for at, count in figures.context_distribution.by_time_of_day.items() if count} == {hour}
    assert {at for at, count in figures.context_distribution.by_day_of_week.items() if count} == {weekday}


def test_a_window_holds_its_start_and_not_its_end() -> None:
    """Windows are half-open: what begins at the start counts, what begins at the end does not, to the microsecond."""
    tick = timedelta(microseconds=1)
    moments = [START - tick, START, END - tick, END]
    figures = reduced(started(*moments))
    assert (figures.total_data_points, figures.left_out) == (2, 2)
    assert reduced(started(*moments), START, START + tick).total_data_points == 1


def test_days_are_utc_days() -> None:
    """The busiest day is counted in UTC whatever zone the executions are in."""
    east = timezone(timedelta(hours=9))
    moments = [datetime(2024, 3, 1, 8, 59, tzinfo=east), datetime(2024, 3, 1, 9, 0, tzinfo=east)]
    assert reduced(started(*moments)).usage_metrics.peak_daily_usage == 1


def test_dictionaries_and_typed_executions_mean_the_same() -> None:
    """An execution is a mapping of its fields: mixed or of one sort, the figures are the same."""
    executions = random_executions(200, end=END, days=20, seed=4)
    typed = [Execution(**one) for one in executions]
    expected = reduced(executions)
    assert reduced(typed) == expected
    assert reduced([*typed[:100], *executions[100:]]) == expected


def test_nothing_to_rate_gives_none() -> None:
    """Without executions, or with none that ended, rates, means and trends are None and never zero."""
    for executions in (
        [],
        [{"timestamp": START, "outcome": "in_flight"}, {"timestamp": START, "outcome": "cancelled"}],
    ):
        figures = reduced(executions)
        assert figures.success_metrics.success_rate is None
        assert figures.success_metrics.error_rate is None
        assert figures.success_metrics.avg_quality_score is None
        assert figures.performance_metrics.p95_execution_time_ms is None
        assert figures.trend_analysis.retention_rate is None
    assert reduced([]).usage_metrics.time_since_last_use is None
    assert reduced([]).trend_analysis.trend_type is None


def test_summary_detailed_and_comprehensive() -> None:
    """Summary gives usage and success alone, the switches take parts out, comprehensive adds the forecast."""
    executions = random_executions(100, end=END, days=20, seed=1)
    parts = ("performance_metrics", "trend_analysis", "context_distribution", "predictions")

    def given_parts(**asked: Any) -> set[str]:
        figures = reduced(executions, **asked)
        assert figures.usage_metrics.total_executions == 100
        return {part for part in parts if getattr(figures, part) is not None}

    assert given_parts(granularity="summary") == set()
    assert given_parts() == set(parts) - {"predictions"}
    assert given_parts(granularity=AnalyticsGranularity.COMPREHENSIVE) == set(parts)
    assert given_parts(include_trends=False, include_performance=False) == {"context_distribution"}
    assert given_parts(include_distribution=False, include_predictions=True) == set(parts) - {"context_distribution"}


def test_windows_by_type_and_by_what_is_there() -> None:
    """A window without ends is what the executions span, one with a type counts back; types follow from lengths."""
    executions = started(START, START + timedelta(days=3))
    asked: dict[str, Any] = {"time_window_start": None, "time_window_end": None}
    figures = reduced(executions, **asked)
    assert (figures.time_window_start, figures.total_data_points) == (START, 2)
    assert figures.time_window_end == START + timedelta(days=3, microseconds=1)
    assert figures.time_window_type is TimeWindowType.WEEKLY
    last_day = reduced(executions, time_window_type="daily", **asked)
    assert (last_day.time_window_type, last_day.total_data_points) == (TimeWindowType.DAILY, 1)
    assert reduced(executions).time_window_type is TimeWindowType.MONTHLY
    century = reduced(executions, datetime(1900, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC))
    assert (century.time_window_type, century.total_data_points) == (TimeWindowType.ALL_TIME, 2)


def test_several_windows_of_one_reading() -> None:
    """Several windows give what each gives alone."""
    executions = random_executions(300, end=END, days=100, seed=2)
    contract = ModelUsageAnalyticsInput(
        pattern_id=PATTERN, time_window_end=END, execution_data=executions, correlation_id="c-1"
    )
    windows: list[Any] = [*TimeWindowType, (START, END)]
    answers = execute_reductions(contract, windows)
    assert [answer.time_window_type for answer in answers] == [*TimeWindowType, TimeWindowType.MONTHLY]
    assert answers[2] == reduced(executions, END - timedelta(days=7), correlation_id="c-1")
    assert answers[-1] == answers[3]
    assert answers[-2].total_data_points == 300


def test_answer_as_json_keeps_every_name() -> None:
    """The dictionary goes through JSON unchanged and has every field under its name."""
    executions = random_executions(200, end=END, days=30, seed=3)
    figures = reduced(executions, granularity="comprehensive", correlation_id=UUID(int=7))
    plain = figures.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert list(plain) == [field.name for field in fields(ModelUsageAnalyticsOutput)]
    assert plain["pattern_id"] == str(PATTERN)
    assert plain["correlation_id"] == str(UUID(int=7))
    assert plain["time_window_end"] == "2024-03-03T05:30:00Z"
    assert plain["trend_analysis"]["bucket"] == "day"
    assert plain["context_distribution"]["by_time_of_day"]["23"] > 0
    assert len(plain["predictions"]["hours"]) == 168
    assert plain["predictions"]["hours"][0]["starts_at"] == "2024-03-03T06:00:00Z"


def test_trust_grows_with_executions_days_and_completeness() -> None:
    """An answer of 20 whole executions over 7 days without loss can be trusted fully, less with each missing."""
    whole: list[dict[str, Any]] = [
        {
            "timestamp": END - timedelta(hours=hours + 1),
            "success": True,
            "execution_time_ms": 1,
            "quality_score": 1,
            "context_type": "test",
            "agent": "a",
            "user": "u",
        }
        for hours in range(20)
    ]
    week = END - timedelta(days=7)
    assert reduced(whole, week).analytics_quality_score == pytest.approx(1.0)
    assert reduced(whole[:10], week).analytics_quality_score == pytest.approx(0.8)
    assert reduced(whole, END - timedelta(days=3.5)).analytics_quality_score == pytest.approx(0.9)
    assert reduced(whole, week, known_loss_share=0.5).analytics_quality_score == pytest.approx(0.9)
    assert reduced(started(*(one["timestamp"] for one in whole)), week).analytics_quality_score == pytest.approx(0.8)
    assert reduced([], week).analytics_quality_score == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"granularity": "fine"}, "granularity is 'fine'; allowed: summary, detailed, comprehensive"),
        ({"time_window_type": "fortnightly"}, "time_window_type is 'fortnightly'; allowed: hourly"),
        ({"time_window_start": END}, "is not before time_window_end"),
        ({"time_window_start": datetime(2024, 1, 1)}, "give an aware datetime"),  # noqa: DTZ001 - what is tested
        ({"time_window_end": "2024-03-03"}, "give an aware datetime"),
        ({"time_window_start": None, "time_window_end": None}, "no execution to take them from"),
        ({"known_loss_share": float("nan")}, "known_loss_share is nan"),
        ({"known_loss_share": True}, "known_loss_share is True"),
        (
            {
                "time_window_start": None,
                "time_window_end": datetime.min.replace(tzinfo=UTC),
                "time_window_type": "daily",
            },
            "year 1",
        ),
        ({"time_window_start": datetime.min.replace(tzinfo=timezone(timedelta(hours=3)))}, "outside the years"),
        ({"execution_data": "abc"}, "execution_data is a str"),
        ({"execution_data": None}, "execution_data is a NoneType"),
    ],
)
def test_bad_contract_is_refused(asked: dict[str, Any], said: str) -> None:
    """A contract that cannot be answered is refused with the field, its value and what is allowed."""
    contract: dict[str, Any] = {"pattern_id": PATTERN, "time_window_start": START, "time_window_end": END} | asked
    with pytest.raises(InputError, match=said):
        execute_reduction(ModelUsageAnalyticsInput(**contract))
