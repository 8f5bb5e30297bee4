"""The page about reading from Python, and what it tells of: records from the store, patterns over time."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modeltally.analytics.pattern_stats import usage_stats
from modeltally.analytics.reducer import AnalyticsGranularity, ModelUsageAnalyticsInput, TimeWindowType
from modeltally.analytics.stored import reduce_stored, reduce_stored_windows
from modeltally.connect import open_statistics
from modeltally.errors import InputError, UnknownNameError
from modeltally.settings import Settings
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.analytics.statistics import Statistics
    from support.stores import Template

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
GIVEN = Given(
    operations=[
        Operation(at=NOW - dt.timedelta(days=20), operation="pattern.run", pattern="storyboard", times=4, user=1),
        Operation(at=NOW - dt.timedelta(days=2), operation="pattern.run", pattern="storyboard", times=3, user=2),
        Operation(at=NOW - dt.timedelta(days=2), operation="pattern.run", pattern="outline"),
        Operation(at=NOW - dt.timedelta(days=2), times=5),
    ]
)


@pytest.fixture(scope="module")
def directory(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a data directory with what was done of late."""
    folder = tmp_path_factory.mktemp("page") / "data"
    with template.opened(folder) as store:
        give(store, GIVEN)
    return folder


@pytest.fixture(scope="module")
def statistics(directory: Path) -> Iterator[Statistics]:
    """Open it once for all that asks here."""
    with open_statistics(Settings(dir=directory)) as opened:
        yield opened


def test_page_runs(statistics: Statistics, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What the page shows runs as it stands, and prints what is stored."""

    class Opened:
        def __enter__(self) -> Statistics:
            return statistics

        def __exit__(self, *_: object) -> None:
            pass

    # the directory is open already, for all tests of this file
    monkeypatch.setattr("modeltally.connect.open_statistics", Opened)
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    exec(compile(snippet, str(PAGE), "exec"), {})  # noqa: S102 - the page's own text
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "flux 5 1.0"
    assert printed[1].startswith("exact None ")
    assert printed[2].startswith("3 stable ")


def test_windows_parts_and_kinds_are_as_asked(statistics: Statistics) -> None:
    """Several windows in one call, parts by granularity and switches, any kind of subject, everything together."""
    contract = ModelUsageAnalyticsInput(
        pattern_id="storyboard", granularity=AnalyticsGranularity.SUMMARY, correlation_id="c-1"
    )
    begun = NOW - dt.timedelta(days=21)
    day, month, since = reduce_stored_windows(
        statistics, contract, [TimeWindowType.DAILY, TimeWindowType.MONTHLY, (begun, begun + dt.timedelta(days=7))]
    )
    assert [one.usage_metrics.total_executions for one in (day, month, since)] == [0, 7, 4]
    assert [one.trust.n for one in (day, month, since)] == [0, 7, 4]
    assert (month.usage_metrics.unique_users, month.correlation_id) == (2, "c-1")
    parts = (month.performance_metrics, month.trend_analysis, month.context_distribution, month.predictions)
    assert parts == (None, None, None, None)
    told = json.loads(json.dumps(month.to_dict()))
    assert (told["total_data_points"], told["trust"]["coverage"]) == (7, "exact")
    model = ModelUsageAnalyticsInput(pattern_id="flux", include_trends=False, include_distribution=False)
    figures = reduce_stored(statistics, model, kind="model")
    assert figures.time_window_start == NOW - dt.timedelta(days=20)  # the first thing that is stored
    assert (figures.total_data_points, figures.trend_analysis, figures.context_distribution) == (5, None, None)
    assert figures.performance_metrics is not None
    assert figures.performance_metrics.avg_execution_time_ms == 1000
    everything = ModelUsageAnalyticsInput(pattern_id="", granularity=AnalyticsGranularity.SUMMARY)
    assert reduce_stored(statistics, everything, kind="all").success_metrics.success_count == 5


def test_what_cannot_be_asked_is_refused(statistics: Statistics) -> None:
    """A kind there is not, no subject, a window that is none, a range that is not understood."""
    with pytest.raises(UnknownNameError, match="did you mean 'model'"):
        reduce_stored(statistics, ModelUsageAnalyticsInput(pattern_id="flux"), kind="models")
    with pytest.raises(InputError, match="pattern_id is empty"):
        reduce_stored(statistics, ModelUsageAnalyticsInput(pattern_id=""))
    with pytest.raises(InputError, match="is not before time_window_end"):
        reduce_stored_windows(statistics, ModelUsageAnalyticsInput(pattern_id="p"), [(NOW, NOW)])
    for wrong in ("", "7", "0d", "-1d", "7y", "1e9d"):
        with pytest.raises(InputError, match="time_range is"):
            usage_stats(statistics, time_range=wrong)
    with pytest.raises(UnknownNameError):
        usage_stats(statistics, group_by="minute")


def test_patterns_over_time_have_the_shape_that_was_asked_for(statistics: Statistics) -> None:
    """Each pattern with its stretches, those without a run too, and what they rest on."""
    stats = usage_stats(statistics, time_range="3d")
    assert {one.pattern_id: one.total_usage for one in stats.patterns} == {"storyboard": 3, "outline": 1}
    assert (stats.total_patterns, stats.time_range, stats.granularity, stats.trust.n) == (2, "3d", "day", 4)
    (one,) = usage_stats(statistics, "outline", time_range="90d", group_by="week").patterns
    assert 13 <= len(one.usage_data) <= 14
    told = json.loads(json.dumps(stats.to_dict()))
    assert list(told) == ["patterns", "time_range", "granularity", "total_patterns"]
    assert list(told["patterns"][0]) == ["pattern_id", "pattern_name", "usage_data", "total_usage"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", told["patterns"][0]["usage_data"][0]["timestamp"])
