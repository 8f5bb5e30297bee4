"""The names of other designs do what ours do, never raise into the caller, and load only what they need."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import modeltally
from modeltally import compat
from modeltally.compat import UsageEventType as Event
from modeltally.compat._open import MAX_OPEN, OpenOperations
from modeltally.instrument import _guard

if TYPE_CHECKING:
    from modeltally.testing import Captured

MODEL = "t2v-A14B"


def track(event: Event | str, **told: Any) -> None:
    """Track an event of the model."""
    asyncio.run(compat.track_model_usage_event(MODEL, event, **told))


def test_names_load_when_they_are_asked_for() -> None:
    """Importing the module loads neither the store nor the reducer; every name is there; an unknown one is refused."""
    asked = """
import sys
import modeltally.compat as compat
loaded = lambda part: any(name.startswith(f"modeltally.{part}") for name in sys.modules)
assert not loaded("store") and not loaded("analytics") and not loaded("settings")
recording = [compat.track_model_usage_event, compat.get_usage_tracker, compat.MetricsService]
reducing = [compat.NodeUsageAnalyticsReducer, compat.TimeWindowType]
assert loaded("analytics.reducer") and not loaded("store") and not loaded("settings")
assert all(hasattr(compat, name) for name in compat.__all__) and set(compat.__all__) <= set(dir(compat))
"""
    subprocess.run([sys.executable, "-c", asked], check=True, timeout=60)
    with pytest.raises(AttributeError, match="has no attribute 'get_everything'; it has AnalyticsGranularity"):
        _ = compat.get_everything


def test_every_name_is_in_its_document() -> None:
    """The page of other designs' names has each that there is."""
    text = (Path(__file__).parents[2] / "docs" / "compat.md").read_text()
    assert [name for name in compat.__all__ if f"`{name}" not in text] == []


def test_request_start_and_completion_are_one_operation(captured: Captured) -> None:
    """Matched by the correlation id: the wait until the start is time in the queue, the rest is the duration."""
    assert captured.clock is not None
    track(Event.GENERATION_REQUEST, correlation_id="a", generation_params={"prompt": "a storm", "steps": 30})
    track(Event.GENERATION_REQUEST, correlation_id="b")
    captured.clock.advance(2)
    track(Event.GENERATION_START, correlation_id="a")
    captured.clock.advance(5)
    track(Event.GENERATION_FAILED, correlation_id="b", error=MemoryError())
    track(Event.GENERATION_COMPLETE, correlation_id="a", vram_usage_mb=1024, unheard_of=5)
    failed, good = captured.all()
    assert (failed["modeltally.outcome"], failed["modeltally.correlation_id"]) == ("error", "b")
    assert good["modeltally.outcome"] == "success"
    assert good["modeltally.queue.duration"] == 2
    assert good["modeltally.diffusion.steps.requested"] == 30
    assert good["modeltally.gpu.memory.peak"] == 2**30
    assert "a storm" not in good.values()
    span = captured.spans()[1]
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == 5_000_000_000


def test_without_a_correlation_id_requests_end_in_their_order(captured: Captured) -> None:
    """Requests of one model without ids are started and ended first come, first served."""
    assert captured.clock is not None
    for steps in (1, 2):
        track(Event.GENERATION_REQUEST, steps=steps)
    for _ in range(2):
        captured.clock.advance(1)
        track(Event.GENERATION_START)
    track(Event.GENERATION_START, output_count=5)
    track(Event.GENERATION_FAILED)
    track(Event.GENERATION_COMPLETE)
    keys = ("diffusion.steps.requested", "queue.duration", "outcome", "output.count")
    found = [tuple(one.get(f"modeltally.{key}") for key in keys) for one in captured.all()]
    assert found == [(1, 1, "failure", None), (2, 2, "success", 5)]


def test_an_end_without_a_request_is_recorded_whole(captured: Captured) -> None:
    """An end nobody began is a request that took the time it says."""
    asyncio.run(compat.track_generation_usage(MODEL, "generation_complete", duration_seconds=1.5))
    (span,) = captured.spans()
    assert span.end_time is not None
    assert span.start_time is not None
    assert span.end_time - span.start_time == 1_500_000_000


@pytest.mark.parametrize(
    ("event", "operation"),
    [
        (Event.MODEL_LOAD, "model.load"),
        (Event.MODEL_UNLOAD, "model.unload"),
        (Event.MODEL_DOWNLOAD, "model.download"),
        (Event.MODEL_HEALTH_CHECK, "model.health_check"),
    ],
)
def test_what_happens_to_a_model_is_an_operation(event: Event, operation: str, captured: Captured) -> None:
    """Loads, unloads, downloads and health checks are those operations, good, bad or broken."""
    track(event)
    track(event, success=False)
    track(event, error=OSError("no space left"))
    found = [(one["modeltally.operation"], one["modeltally.outcome"], one.get("error.type")) for one in captured.all()]
    assert found == [
        (operation, "success", None),
        (operation, "failure", "generation_failed"),
        (operation, "error", "OSError"),
    ]


def test_generations_are_told_by_their_id(captured: Captured) -> None:
    """A request and its completion or cancellation are one operation; what the last hour says of it is there."""
    service = compat.MetricsService()
    service.record_generation_request("g1", model=MODEL, user_id="u", resolution="640x480")
    compat.record_generation_request("g2", model=MODEL)
    compat.record_generation_request(3, model=MODEL)
    compat.record_generation_completion("g1", output_count=1)
    compat.record_generation_cancellation("g2")
    service.record_generation_completion(3, success=False)
    compat.record_generation_completion("g4")
    good, cancelled, failed = captured.all()
    assert (good["modeltally.outcome"], good["modeltally.image.width"], good["modeltally.output.count"]) == (
        "success",
        640,
        1,
    )
    assert "user.hash" in good
    assert cancelled["modeltally.outcome"] == "cancelled"
    assert (failed["modeltally.outcome"], failed["error.type"]) == ("failure", "generation_failed")
    assert service.get_metrics()[MODEL]["operations"] == 3
    assert service.get_statistics()[MODEL]["outcomes"] == {"success": 1, "cancelled": 1, "failure": 1}
    assert _guard.problems() == {"compat": 1}


def test_uses_of_a_pattern_keep_what_statistics_read(captured: Captured) -> None:
    """Agent, project, file type and context come from the context; the message of an error stays out."""
    tracker = compat.get_usage_tracker()
    assert compat.get_usage_tracker() is tracker
    context = {"agent": "reviewer", "project": "p", "file_type": "py", "context_type": "review", "node": 5}
    ref = asyncio.run(
        tracker.record_usage("p-1", "error", context=context, error_message="secret", error_type="timeout")
    )
    run = captured.one()
    assert ref is not None
    assert (run["modeltally.outcome"], run["error.type"]) == ("error", "timeout")
    assert (run["gen_ai.agent.name"], run["modeltally.project"]) == ("reviewer", "p")
    assert (run["modeltally.file.type"], run["modeltally.context.type"]) == ("py", "review")
    assert not any("secret" in str(value) for value in run.values())


class Hostile:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        """Raise."""
        raise ZeroDivisionError(name)

    def __str__(self) -> str:
        """Raise."""
        raise ZeroDivisionError


BAD = {"none": None, "number": 5, "ellipsis": ..., "bytes": b"\xff", "long": "x" * 100_000, "nan": float("nan")}


@pytest.mark.parametrize("name", [*BAD, "hostile"])
def test_nothing_raises_into_the_caller(name: str, captured: Captured) -> None:
    """Whatever a caller hands over, the call returns; what cannot be used is counted."""
    bad: Any = BAD[name] if name in BAD else Hostile()

    async def everything() -> None:
        await compat.track_model_usage_event(bad, bad, bad, correlation_id=bad, duration_seconds=bad, error=bad)
        for event in Event:
            await compat.track_generation_usage(bad, event, bad, error=bad, duration_seconds=bad, steps=bad)
        tracker = compat.PatternUsageTrackerService(bad)
        await tracker.record_usage(bad, bad)
        await tracker.record_usage(
            bad, "success", context=bad, quality_score=bad, execution_time_ms=bad, correlation_id=bad
        )

    asyncio.run(everything())
    compat.record_generation_request(bad, model=bad, user_id=bad, resolution=bad)
    compat.record_generation_completion(bad, error=bad)
    compat.record_generation_cancellation(bad)
    with modeltally.load("after"):
        pass
    assert captured.all()[-1]["modeltally.model.id"] == "after"


def test_what_is_never_ended_is_bounded(captured: Captured) -> None:
    """Beyond ten thousand open operations the oldest is let go, which ends it as cancelled."""
    kept = OpenOperations()
    for number in range(MAX_OPEN):
        kept.add(number, modeltally.begin("model.request", MODEL))
    assert not captured.spans()
    kept.add("one more", modeltally.begin("model.request", MODEL))
    assert captured.one()["modeltally.outcome"] == "cancelled"
    assert kept.take(0) is None
    assert kept.take(1) is not None
    assert kept.to_start("one more") is kept.take("one more")
