"""The names that ask about one model or one pattern answer what the topics say."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from modeltally import compat
from modeltally.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "t2v-A14B"


@pytest.mark.slow(seconds=12, why="seven questions of a store, with the two below")
def test_model_has_its_statistics() -> None:
    """Uses, frequency, users, rates, busy hours, days and parameters of the last thirty days."""
    found = asyncio.run(compat.get_usage_statistics_for_model(MODEL))
    assert (found.total_uses, found.usage_frequency, found.unique_users) == (60, 2.0, 1)
    assert (found.success_rate, found.average_generation_time_ms) == (1.0, 1000.0)
    assert sum(found.daily_usage.values()) == 60
    assert 30 <= len(found.daily_usage) <= 31
    assert len(found.peak_hours) == 3
    assert found.common_parameters == {"steps": "30"}
    assert found.trend_type is not None
    assert found.to_dict()["usage_frequency"] == 2.0


@pytest.mark.slow(seconds=12, why="seven questions of a store")
def test_model_nobody_asked_has_zeros() -> None:
    """A model without a request is answered: used never, rated not at all."""
    found = asyncio.run(compat.get_usage_statistics_for_model("unheard/of"))
    assert (found.total_uses, found.usage_frequency, found.success_rate, found.last_used) == (0, 0.0, None, None)
    assert set(found.daily_usage.values()) == {0}


def test_pattern_has_its_runs_by_day_and_its_effectiveness() -> None:
    """The shape is JSON's, days without a run are there, and the score comes with what it comes from."""
    tracker = compat.PatternUsageTrackerService()
    stats = asyncio.run(tracker.get_usage_stats("p-1", time_range_hours=168))
    (pattern,) = stats["patterns"]
    assert (pattern["pattern_id"], pattern["total_usage"], stats["granularity"]) == ("p-1", 20, "day")
    assert len(pattern["usage_data"]) in {7, 8}
    assert all(point["timestamp"].endswith("T00:00:00Z") for point in pattern["usage_data"])
    assert json.loads(json.dumps(stats)) == stats
    effectiveness = asyncio.run(tracker.get_pattern_effectiveness("p-1"))
    assert effectiveness["runs"] == 20
    assert 0.5 < effectiveness["effectiveness_score"] < 1


@pytest.mark.slow(seconds=12, why="the same store")
def test_pattern_nobody_ran_says_nothing_for_or_against_it() -> None:
    """Half a point, keep, and no runs."""
    found = asyncio.run(compat.PatternUsageTrackerService().get_pattern_effectiveness("nobody"))
    assert (found["runs"], found["effectiveness_score"], found["recommendation"]) == (0, 0.5, "keep")


def test_unknown_bucket_and_missing_store_are_named(tmp_path: Path) -> None:
    """What is asked wrongly is an error that says what is allowed."""
    with pytest.raises(UnknownNameError, match="fortnight"):
        asyncio.run(compat.PatternUsageTrackerService().get_usage_stats(group_by="fortnight"))
    with pytest.raises(InputError, match="no data directory"):
        asyncio.run(compat.get_usage_statistics_for_model(MODEL, directory=tmp_path / "none"))


@pytest.mark.slow(seconds=15, why="eight questions of a store that is opened for each")
def test_questions_about_generations_are_answered() -> None:
    """The six questions give rows with what they rest on, by the parameters that they were given with."""

    async def ask() -> None:
        overview = await compat.get_generation_overview(30)
        assert (overview.rows[0]["requests"], overview.trust.n, overview.trust.coverage) == (60, 60, "exact")
        trends = await compat.get_generation_trends(7, interval="hour")
        assert sum(row["operations"] for row in trends.rows) == 60
        assert 168 <= len(trends.rows) <= 169
        user = await compat.get_user_generation_analytics(f"{1:016x}", days=7)
        assert [(row["model"], row["requests"]) for row in user.rows] == [(MODEL, 60)]
        assert [row["model"] for row in (await compat.get_model_performance()).rows] == [MODEL]
        failures = await compat.get_failure_analysis(days=7)
        assert (failures.by_type.rows, failures.by_type.empty) == ([], "no request failed")
        assert [row["parameter"] for row in failures.by_parameter.rows] == ["steps"]
        assert json.loads(json.dumps(failures.to_dict()))["by_model"]["topic"] == "failures-by-model"
        peaks = await compat.get_peak_usage_times(days=7)
        assert sum(row["operations"] for row in peaks.rows) == 60
        assert {row["day_of_week"] for row in peaks.rows} <= set(range(7))

    asyncio.run(ask())
