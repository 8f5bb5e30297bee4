"""Every fenced block of the design documents: what its placeholders mean, and what is true when it has run."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import importlib
import inspect
import json
import shlex
import urllib.request
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from analytics.executions import random_executions
from compat.documents import fenced
from modeltally import compat
from modeltally.connect import temporary_server
from modeltally.settings import Settings, load_settings
from modeltally.testing import Captured

__all__ = ["LISTED", "RUN", "Block", "base_namespace"]

Namespace = dict[str, Any]
Then = Callable[[Namespace, Captured], Awaitable[None]]
STAND_INS = "compat.stand_ins"
MODEL = "t2v-A14B"
NOW = datetime(2026, 11, 30, tzinfo=UTC)
WEEK = timedelta(days=7)


async def _nothing(_namespace: Namespace, _captured: Captured) -> None:
    """Ask no more of a block than that it runs."""


@dataclass(frozen=True)
class Block:
    """One block.

    Attributes:
        document: The document's number.
        ordinal: Its place in it, from 1.
        given: What its placeholders mean.
        then: What is true when it has run.
        imports: Which module stands for which that it imports, beside the documents' own.
        reason: Why it is only listed.
        seconds: How long it takes on a quiet core, where that is long.
        why: What takes so long.
    """

    document: int
    ordinal: int
    given: Callable[[], Namespace] = dict
    then: Then = _nothing
    imports: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0
    why: str = ""

    @property
    def id(self) -> str:
        """Name it."""
        return f"{self.document}-{self.ordinal}"


def base_namespace() -> Namespace:
    """Give what every block may use: the names of the module under test, and what a file of its kind would import."""
    return {
        **{name: getattr(compat, name) for name in compat.__all__},
        # the documents' contracts have fields without defaults after some with: only keywords give them an order
        "dataclass": functools.partial(dataclass, kw_only=True),
        "datetime": datetime,
        "timedelta": timedelta,
        "timezone": timezone,
        "uuid4": uuid.uuid4,
        "UUID": uuid.UUID,
        "Enum": enum.Enum,
        **{name: getattr(importlib.import_module("typing"), name) for name in ("Any", "Dict", "List", "Optional")},
    }


# -- usage of models ---------------------------------------------------------------------------------------------------


async def _one_request(_namespace: Namespace, captured: Captured) -> None:
    await compat.track_model_usage_event(MODEL, compat.UsageEventType.GENERATION_COMPLETE)
    request = captured.one()
    assert request["modeltally.operation"] == "model.request"
    assert request["modeltally.outcome"] == "success"
    assert (request["modeltally.image.width"], request["modeltally.image.height"]) == (1280, 720)
    assert request["modeltally.prompt.length"] == 4
    assert "test" not in request.values()


def _one(operation: str, owner: str, method: str) -> Then:
    async def then(namespace: Namespace, captured: Captured) -> None:
        await getattr(namespace[owner](), method)(MODEL)
        recorded = captured.one()
        assert (recorded["modeltally.operation"], recorded["modeltally.model.id"]) == (operation, MODEL)

    return then


async def _prioritized(namespace: Namespace, _captured: Captured) -> None:
    await namespace["ModelAvailabilityManager"]().prioritize_model_downloads()


async def _settings(namespace: Namespace, _captured: Captured) -> None:
    assert namespace["ANALYTICS_CONFIG"].keys() <= Settings.model_fields.keys()


def _method_of(owner: str) -> Then:
    async def then(namespace: Namespace, _captured: Captured) -> None:
        # what the block itself defines, and none of our names
        theirs = next(
            value
            for value in namespace.values()
            if inspect.iscoroutinefunction(value) and value.__code__.co_filename == "block"
        )
        ours = getattr(getattr(compat, owner), theirs.__name__)
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)

    return then


# -- usage of patterns -------------------------------------------------------------------------------------------------


async def _two_uses(_namespace: Namespace, captured: Captured) -> None:
    good, bad = captured.all()
    assert (good["modeltally.operation"], good["modeltally.outcome"]) == ("pattern.run", "success")
    assert good["modeltally.quality.score"] == 0.92
    assert good["modeltally.correlation_id"] == "c-1"
    assert bad["modeltally.outcome"] == "failure"
    assert not any("timeout" in str(value) for value in bad.values())
    (span, _) = captured.spans()
    assert span.end_time is not None
    assert span.start_time is not None
    assert span.end_time - span.start_time == 150_000_000


async def _feedback(namespace: Namespace, captured: Captured) -> None:
    result = {"quality_score": 0.5, "execution_time_ms": 20}
    await namespace["record_pattern_feedback"]("p-1", result, "c-2")
    recorded = captured.one()
    assert (recorded["modeltally.pattern.id"], recorded["modeltally.outcome"]) == ("p-1", "partial_success")


async def _event(namespace: Namespace, captured: Captured) -> None:
    event = SimpleNamespace(pattern_id="p-2", correlation_id="c-3")
    await namespace["handle_pattern_execution_event"](event)
    recorded = captured.one()
    assert (recorded["modeltally.pattern.id"], recorded["modeltally.outcome"]) == ("p-2", "success")


class _WithExample(compat.PatternUsageTrackerService):
    """Takes ``...`` for a use to be filled in."""

    async def record_usage(self, *given: Any, **values: Any) -> Any:
        return await super().record_usage(*(("p-3",) if given == (...,) else given), **values)


async def _one_use(namespace: Namespace, captured: Captured) -> None:
    assert isinstance(namespace["tracker"], compat.PatternUsageTrackerService)
    assert captured.one()["modeltally.pattern.id"] == "p-3"


def _loop() -> Namespace:
    async def execute_pattern(_pattern_id: object) -> SimpleNamespace:
        return SimpleNamespace(success=True, quality_score=0.8, execution_time_ms=12)

    return {
        "ModelPatternFeedback": lambda *_given: object(),
        "orchestrator": SimpleNamespace(feedback_store=[]),
        "determine_outcome": lambda _result: compat.UsageOutcome.PARTIAL_SUCCESS,
        "execute_pattern": execute_pattern,
    }


async def _stored_model(namespace: Namespace, _captured: Captured) -> None:
    assert namespace["stats"].total_uses == 60
    assert namespace["stats"].usage_frequency == 2.0


async def _stored_pattern(namespace: Namespace, _captured: Captured) -> None:
    assert namespace["stats"]["total_patterns"] == 1
    assert namespace["stats"]["patterns"][0]["total_usage"] == 20
    assert namespace["effectiveness"]["effectiveness_score"] > 0.5


async def _whole_report(namespace: Namespace, _captured: Captured) -> None:
    report = namespace["report"]
    assert datetime.fromisoformat(report["generated_at"]).tzinfo is not None
    assert [report[name]["report"] for name in ("usage", "performance", "storage", "advice")] == [
        "usage",
        "performance",
        "storage",
        "advice",
    ]
    overview = next(one for one in report["usage"]["sections"] if one["name"] == "overview")
    assert overview["rows"][0]["requests"] >= namespace["stats"].total_uses


def _asked_over_http() -> list[Any]:
    """Ask what the document's curl lines ask, of a server on the directory; only host and port are mapped."""
    lines = [shlex.split(line)[1:] for line in fenced(4)[3][1].splitlines() if line.startswith("curl ")]
    assert len(lines) == 3
    answers = []
    with temporary_server(load_settings()) as server:
        for (address,) in lines:
            asked = urlsplit(address.replace("<uuid>", "p-1"))
            assert asked.netloc == "localhost:8053"
            where = server.address.http_url + asked.path + "?" + asked.query
            with urllib.request.urlopen(where, timeout=60) as response:  # noqa: S310 - this machine's
                answers.append(json.load(response))
    return answers


async def _shape_over_http(_namespace: Namespace, _captured: Captured) -> None:
    wanted = json.loads(fenced(4)[0][1])
    for answer in _asked_over_http():
        assert wanted.keys() <= answer.keys()
        for pattern in answer["patterns"]:
            assert pattern.keys() == wanted["patterns"][0].keys()
            for point in pattern["usage_data"]:
                assert point.keys() == wanted["patterns"][0]["usage_data"][0].keys()


async def _answers_over_http(_namespace: Namespace, _captured: Captured) -> None:
    week, month, hours = _asked_over_http()
    assert [(one["time_range"], one["granularity"]) for one in (week, month, hours)] == [
        ("7d", "day"),
        ("30d", "week"),
        ("1d", "hour"),
    ]
    for answer in (week, month):
        assert [(one["pattern_id"], one["total_usage"]) for one in answer["patterns"]] == [("p-1", 20)]


# -- the reducer -------------------------------------------------------------------------------------------------------


def _contract(**asked: Any) -> compat.ModelUsageAnalyticsInput:
    executions = random_executions(200, end=NOW, days=7, seed=5)
    return compat.ModelUsageAnalyticsInput(
        pattern_id=uuid.UUID(int=5),
        time_window_start=NOW - WEEK,
        time_window_end=NOW,
        execution_data=executions,
        **asked,
    )


def _reducing() -> Namespace:
    return {
        "reducer": compat.NodeUsageAnalyticsReducer(),
        "contract": _contract(),
        "pattern_id": uuid.UUID(int=5),
        "start_time": NOW - WEEK,
        "end_time": NOW,
        "data": random_executions(20, end=NOW, days=7, seed=5),
    }


def _same_fields(name: str) -> Then:
    """Their class has no field that ours has not, in the same order; ours may have more behind."""

    async def then(namespace: Namespace, _captured: Captured) -> None:
        ours, theirs = getattr(compat, name), namespace[name]
        assert theirs is not ours
        names = [one.name for one in dataclasses.fields(theirs)]
        known = [one.name for one in dataclasses.fields(ours)]
        assert [one for one in known if one in names] == names
        for one in dataclasses.fields(theirs):
            if isinstance(one.default, bool):
                assert next(mine for mine in dataclasses.fields(ours) if mine.name == one.name).default is one.default

    return then


def _same_members(name: str) -> Then:
    async def then(namespace: Namespace, _captured: Captured) -> None:
        assert {one.name: one.value for one in namespace[name]} == {
            one.name: one.value for one in getattr(compat, name)
        }

    return then


async def _same_output(namespace: Namespace, captured: Captured) -> None:
    await _same_fields("ModelUsageAnalyticsOutput")(namespace, captured)
    assert inspect.isfunction(namespace["ModelUsageAnalyticsOutput"].to_dict)
    assert inspect.isfunction(compat.ModelUsageAnalyticsOutput.to_dict)


async def _same_method(namespace: Namespace, _captured: Captured) -> None:
    theirs, ours = namespace["NodeUsageAnalyticsReducer"], compat.NodeUsageAnalyticsReducer
    assert list(inspect.signature(theirs.execute_reduction).parameters) == list(
        inspect.signature(ours.execute_reduction).parameters
    )
    assert inspect.iscoroutinefunction(ours.execute_reduction)


async def _basic(namespace: Namespace, _captured: Captured) -> None:
    result = namespace["result"]
    # the execution at the very end of the window is not in it
    assert (result.total_data_points, result.left_out) == (49, 1)
    assert result.success_metrics.success_rate == 1.0
    assert result.performance_metrics.p95_execution_time_ms == 200.0
    # two busy days after five without use: by the hour at which they began, that may yet be chance
    assert result.trend_analysis.velocity > 0
    assert result.trend_analysis.trend_type in {compat.UsageTrendType.GROWING, compat.UsageTrendType.STABLE}


async def _switches(namespace: Namespace, _captured: Captured) -> None:
    contract = namespace["contract"]
    assert contract.granularity is compat.AnalyticsGranularity.DETAILED
    assert contract.execution_data is namespace["data"]
    result = await compat.NodeUsageAnalyticsReducer().execute_reduction(contract)
    assert result.predictions is None
    assert result.time_window_type is compat.TimeWindowType.WEEKLY


async def _result(namespace: Namespace, _captured: Captured) -> None:
    assert namespace["result"].total_data_points == 200


async def _issues(namespace: Namespace, _captured: Captured) -> None:
    assert any("quality gate failures" in issue for issue in namespace["quality_issues"])


def _effects() -> Namespace:
    stored: list[object] = []

    async def fetch_executions(**_window: object) -> list[dict[str, Any]]:
        return random_executions(20, end=NOW, days=7, seed=5)

    async def store_analytics(analytics: object) -> None:
        stored.append(analytics)

    return _reducing() | {
        "pattern_storage_effect": SimpleNamespace(fetch_executions=fetch_executions),
        "analytics_storage_effect": SimpleNamespace(store_analytics=store_analytics),
        "stored": stored,
    }


async def _stored(namespace: Namespace, _captured: Captured) -> None:
    (analytics,) = namespace["stored"]
    assert analytics.total_data_points == 20


async def _dashboard(namespace: Namespace, _captured: Captured) -> None:
    async def fetch_executions(pattern_id: uuid.UUID) -> list[dict[str, Any]]:
        return random_executions(pattern_id.int, end=NOW, days=7, seed=5)

    orchestrator = namespace["DashboardOrchestrator"]()
    orchestrator.storage = SimpleNamespace(fetch_executions=fetch_executions)
    orchestrator.reducer = compat.NodeUsageAnalyticsReducer()
    orchestrator._build_dashboard = lambda results: {one.pattern_id: one.total_data_points for one in results}
    ids = [uuid.UUID(int=number) for number in (3, 7)]
    assert await orchestrator.generate_dashboard(ids) == {ids[0]: 3, ids[1]: 7}


class _EnoughError(Exception):
    """Ends a loop without an end."""


def _monitoring() -> Namespace:
    alerts: list[str] = []

    async def fetch_executions(_pattern: object, _since: object, until: datetime) -> list[dict[str, Any]]:
        at = until - timedelta(minutes=5)
        return [{"timestamp": at, "outcome": outcome} for outcome in ("success", "error")]

    async def send_alert(text: str) -> None:
        alerts.append(text)

    async def sleep(seconds: float) -> None:
        assert seconds == 300
        raise _EnoughError

    return {
        "reducer": compat.NodeUsageAnalyticsReducer(),
        "active_patterns": ["p-4"],
        "storage": SimpleNamespace(fetch_executions=fetch_executions),
        "send_alert": send_alert,
        "asyncio": SimpleNamespace(sleep=sleep),
        "alerts": alerts,
    }


async def _alerted(namespace: Namespace, _captured: Captured) -> None:
    with contextlib.suppress(_EnoughError):
        await namespace["monitor_patterns"]()
    assert len(namespace["alerts"]) == 1


def _scenarios() -> Namespace:
    return _reducing() | {
        "create_dataset": lambda size: random_executions(size, end=NOW, days=7, seed=6),
        "empty_contract": dataclasses.replace(_contract(), execution_data=[]),
        "sample_data": _contract().execution_data,
    }


async def _tested(namespace: Namespace, _captured: Captured) -> None:
    reducer = namespace["reducer"]
    await namespace["test_execute_reduction_basic"](reducer, namespace["sample_data"])
    await namespace["test_performance_large_dataset"](reducer)
    await namespace["test_execute_reduction_empty_data"](reducer)


# -- all of them -------------------------------------------------------------------------------------------------------

_PARAMETERS = {"prompt": "test", "resolution": "1280x720", "steps": 30}
_METRICS = ("UsageFrequencyMetrics", "SuccessMetrics", "PerformanceMetrics", "TrendAnalysis", "ContextDistribution")

RUN = [
    Block(1, 2, lambda: {"params": _PARAMETERS}, _one_request),
    Block(1, 6, then=_one("model.download", "EnhancedModelDownloader", "download_with_retry")),
    Block(1, 7, then=_one("model.health_check", "ModelHealthMonitor", "check_model_integrity")),
    Block(4, 1, then=_shape_over_http),
    Block(4, 4, then=_answers_over_http),
    Block(4, 2, lambda: {"correlation_id": "c-1", "pattern_id": "p-1"}, _two_uses, {"uuid": STAND_INS}),
    Block(4, 5, _loop, _feedback),
    Block(1, 3, lambda: {"model_id": MODEL}, _stored_model),
    Block(
        1, 4, then=_whole_report, seconds=20, why="every report there is, of a store that is opened for each question"
    ),
    Block(1, 9, then=_settings),
    Block(4, 3, lambda: {"tracker": compat.PatternUsageTrackerService(), "pattern_id": "p-1"}, _stored_pattern),
    Block(4, 6, lambda: _loop() | {"get_usage_tracker": compat.get_usage_tracker}, _event),
    Block(4, 7, lambda: {"PatternUsageTrackerService": _WithExample}, _one_use, {"asyncpg": STAND_INS}),
    Block(1, 5, lambda: {"tracked_models": [MODEL]}, _prioritized),
    *(Block(3, at, then=_method_of("ModelAvailabilityManager")) for at in range(1, 7)),
    Block(5, 2, then=_basic),
    *(Block(5, 3 + at, _reducing, _same_fields(name)) for at, name in enumerate(_METRICS)),
    Block(5, 8, then=_same_members("TimeWindowType")),
    Block(5, 9, then=_same_members("AnalyticsGranularity")),
    Block(5, 10, _reducing, _switches),
    *(Block(5, ordinal, _reducing, _result) for ordinal in (11, 12, 13, 14)),
    Block(5, 15, _reducing, _issues),
    Block(5, 16, _effects, _stored),
    Block(5, 17, then=_dashboard),
    Block(5, 18, _monitoring, _alerted),
    Block(5, 20, _scenarios, _tested),
    Block(5, 22, then=_same_method),
    Block(5, 23, then=_same_fields("ModelUsageAnalyticsInput")),
    Block(5, 24, then=_same_output),
]

LISTED = [
    Block(1, 1, reason="makes tables of the document's own database; `modeltally migrate` makes ours"),
    Block(1, 8, reason="a remark without a statement"),
    Block(3, 7, reason="results of the document's own tests"),
    Block(3, 8, reason="a picture"),
    Block(4, 8, reason="a table of the document's own database; `modeltally replay` reads a file of that shape"),
    Block(4, 9, reason="runs the document's own tests"),
    Block(4, 10, reason="starts the document's own service"),
    Block(5, 1, reason="a picture"),
    Block(5, 19, reason="runs the document's own tests"),
    Block(5, 21, reason="runs the document's own files; examples/analytics has ours"),
]
