"""Operations that are begun and ended by hand."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING
from unittest import mock

import pytest

import modeltally
from modeltally.instrument import _clock, _guard
from modeltally.instrument._scalars import MAX_SPAN_BYTES
from modeltally.instrument.manual import MAX_MARKS

if TYPE_CHECKING:
    from modeltally.testing import Captured


def test_hand_driven_operation_is_recorded_when_it_finishes(seen: Captured) -> None:
    """Begun in one place and finished in another, it is one operation like any other."""
    operation = modeltally.begin("model.request", "flux", user="u1", task="text_to_image")
    operation.set(output_count=2)
    operation.finish()
    operation.finish()
    recorded = seen.one()
    assert recorded["modeltally.model.id"] == "flux"
    assert recorded["modeltally.outcome"] == "success"
    assert recorded["modeltally.output.count"] == 2
    assert "user.hash" in recorded


def test_wait_is_the_time_until_the_start(seen: Captured) -> None:
    """A queued operation begins when it is started; the time before is its wait, not its duration."""
    operation = modeltally.begin("model.request", "flux", queued=True)
    queued_at_ns = operation.start_ns
    assert operation.is_waiting
    operation.start()
    started_at_ns = operation.start_ns
    assert not operation.is_waiting
    operation.start()
    assert operation.start_ns == started_at_ns
    operation.finish()
    (span,) = seen.spans()
    assert span.start_time == started_at_ns
    assert started_at_ns > queued_at_ns
    assert span.attributes is not None
    waited = span.attributes["modeltally.queue.duration"]
    assert isinstance(waited, float)
    assert waited > 0


def test_known_wait_is_kept(seen: Captured) -> None:
    """A queue that measures itself knows better."""
    operation = modeltally.begin("model.request", "flux", queued=True, queue_seconds=7.5)
    operation.start()
    operation.finish()
    assert seen.one()["modeltally.queue.duration"] == 7.5


def test_operation_cancelled_before_its_start_lasts_no_time(seen: Captured) -> None:
    """It was asked for and never ran: counted as cancelled, with its wait."""
    operation = modeltally.begin("model.request", "flux", queued=True)
    operation.cancel()
    (span,) = seen.spans()
    assert span.attributes is not None
    assert span.attributes["modeltally.outcome"] == "cancelled"
    assert span.attributes["modeltally.never_started"] is True
    assert "modeltally.queue.duration" in span.attributes
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time < 10**9


def test_operation_cancelled_while_running_keeps_its_time(seen: Captured) -> None:
    """Cancelled later, it did run."""
    operation = modeltally.begin("model.request", "flux")
    operation.cancel()
    recorded = seen.one()
    assert recorded["modeltally.outcome"] == "cancelled"
    assert "modeltally.never_started" not in recorded


def test_failures_are_told_apart(seen: Captured) -> None:
    """An exception is an error, a reason a failure, part of a result a partial success."""
    raised, refused, partial = (modeltally.begin("model.request", name) for name in ("a", "b", "c"))
    raised.fail(KeyError("x"))
    refused.fail("too_blurry")
    partial.partial()
    partial.finish()
    seen_by_model = {item["modeltally.model.id"]: item for item in seen.all()}
    assert (seen_by_model["a"]["modeltally.outcome"], seen_by_model["a"]["error.type"]) == ("error", "KeyError")
    assert (seen_by_model["b"]["modeltally.outcome"], seen_by_model["b"]["error.type"]) == ("failure", "too_blurry")
    assert seen_by_model["c"]["modeltally.outcome"] == "partial_success"


def test_progress_and_marks_are_recorded(seen: Captured) -> None:
    """How far it came, and when what happened, in seconds since the start."""
    operation = modeltally.begin("model.download", "flux")
    operation.progress(0.25)
    operation.progress(0.75)
    operation.mark("first_byte")
    operation.mark("verified")
    operation.finish()
    recorded = seen.one()
    assert recorded["modeltally.progress"] == 0.75
    first, verified = recorded["modeltally.mark.first_byte"], recorded["modeltally.mark.verified"]
    assert isinstance(first, float)
    assert isinstance(verified, float)
    assert 0 < first < verified


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan"), "half", None])
def test_unusable_progress_is_left_out(seen: Captured, fraction: object) -> None:
    """What is no fraction is counted as a problem, and the operation goes on."""
    operation = modeltally.begin("model.download", "flux")
    operation.progress(fraction)  # type: ignore[arg-type]  # on purpose
    operation.finish()
    assert "modeltally.progress" not in seen.one()
    assert _guard.problems()


def test_marks_are_bounded(seen: Captured) -> None:
    """Names that may not be one and marks beyond the most are left out, counted."""
    operation = modeltally.begin("model.download", "flux")
    for name in ("Bad", "", "a.b", "x" * 41):
        operation.mark(name)
    for number in range(2 * MAX_MARKS):
        operation.mark(f"step_{number}".replace("0", "zero"))
    operation.finish()
    marks = [name for name in seen.one() if name.startswith("modeltally.mark.")]
    assert len(marks) <= MAX_MARKS
    assert _guard.problems()["bad_mark"] >= 4


def test_operations_inside_belong_to_it(seen: Captured) -> None:
    """Within ``inside`` it is the current operation; what begins there is its child, nested where it is of its kind."""
    outer = modeltally.begin("model.request", "flux")
    with outer.inside():
        assert modeltally.current_operation() is outer
        with modeltally.model_request("clip"):
            pass
    assert modeltally.current_operation() is not outer
    outer.finish()
    inner, recorded = seen.spans()
    assert inner.parent is not None
    assert recorded.context is not None
    assert inner.parent.span_id == recorded.context.span_id
    assert inner.attributes is not None
    assert inner.attributes["modeltally.nested"] is True


def test_lost_operation_counts_as_cancelled(seen: Captured) -> None:
    """Nobody can end it any more; it is not in flight for ever."""
    modeltally.begin("model.request", "flux", queued=True)
    gc.collect()
    recorded = seen.one()
    assert recorded["modeltally.outcome"] == "cancelled"
    assert recorded["modeltally.never_started"] is True
    assert modeltally.counters().in_flight == 0


def test_waiting_operation_leaves_no_copy(seen: Captured) -> None:
    """Its start is not known yet, so it could not be told from the operation itself later; live() shows it."""
    operation = modeltally.begin("model.request", "flux", queued=True)
    pipeline = operation._pipeline
    assert pipeline is not None
    pipeline.leave_copies(older_than_seconds=-1.0)
    assert modeltally.live()["flux"].in_flight == 1
    assert seen.spans() == []
    operation.start()
    pipeline.leave_copies(older_than_seconds=-1.0)
    operation.finish()
    assert [item.get("modeltally.unfinished") for item in seen.all()] == [True, None]


@pytest.mark.parametrize("name", ["", "model.other", "Acme.Upscale", "upscale", "heartbeat", "modeltally.x", "a." * 40])
def test_operation_of_an_unusable_name_is_ignored(seen: Captured, name: str) -> None:
    """It is said once and counted; whatever is called on it does nothing."""
    operation = modeltally.begin(name, "flux", queued=True)
    operation.start()
    operation.progress(0.5)
    operation.mark("x")
    operation.fail(KeyError())
    operation.cancel()
    assert seen.spans() == []
    assert _guard.problems()["bad_operation"] == 1


def test_hand_driven_operation_does_nothing_when_telemetry_is_off() -> None:
    """Without a pipeline every method is harmless."""
    operation = modeltally.begin("model.request", "flux", queued=True)
    operation.start()
    with operation.inside():
        operation.mark("x")
    operation.finish()
    assert modeltally.counters().dropped == {"not_configured": 1}


def test_own_operations_are_recorded_like_the_built_in_ones(seen: Captured) -> None:
    """A name with a prefix of the host's is an operation, by wrapper, by hand, and after the fact."""

    @modeltally.operation("acme.upscale", "esrgan", device="cpu")
    def upscale() -> int:
        modeltally.current_operation().set_attribute("acme.factor", 4)
        return 4

    assert upscale() == 4
    with modeltally.operation("acme.upscale"):
        pass
    modeltally.begin("acme.upscale", "esrgan").finish()
    modeltally.record("acme.upscale", started_at=10**18, ended_at=10**18 + 5)
    spans = seen.spans()
    assert [dict(span.attributes or {})["modeltally.operation"] for span in spans] == ["acme.upscale"] * 4
    assert [span.name for span in spans] == [
        "acme.upscale esrgan",
        "acme.upscale",
        "acme.upscale esrgan",
        "acme.upscale",
    ]
    assert dict(spans[0].attributes or {})["acme.factor"] == 4


def test_wrapper_of_an_unusable_name_only_calls(seen: Captured) -> None:
    """The decorated function runs; nothing is recorded, and that is said."""
    result = object()
    assert modeltally.operation("Not A Name")(lambda: result)() is result
    assert seen.spans() == []
    assert _guard.problems()["bad_operation"] == 1
    assert modeltally.record("model.nonsense", started_at=1) is None


def test_offload_is_an_operation(seen: Captured) -> None:
    """Moving a model between devices is watched like loading it."""
    with modeltally.offload("flux", offload_mode="sequential"):
        pass
    recorded = seen.one()
    assert (recorded["modeltally.operation"], recorded["modeltally.offload.mode"]) == ("model.offload", "sequential")


def test_requests_say_how_many_ran_beside_them(seen: Captured) -> None:
    """Each request knows how many operations were in flight when it began, itself included."""
    with modeltally.model_request("a"), modeltally.load("b"), modeltally.model_request("c"):
        pass
    assert [item.get("modeltally.concurrency") for item in seen.all()] == [3, None, 1]


def test_progress_told_without_end_takes_no_room(seen: Captured) -> None:
    """What is told again and again replaces itself: the operation is as large as what it holds."""
    operation = modeltally.begin("model.request", "flux")
    operation.mark("half")
    for step in range(20_000):
        operation.progress(step / 20_000)
    assert operation.size < MAX_SPAN_BYTES
    operation.finish()
    assert seen.one()["modeltally.mark.half"] is not None


def test_operation_ended_twice_at_once_keeps_the_time_of_the_first(seen: Captured) -> None:
    """Cancelled by another thread while it finishes, it lasts as long as it did."""
    operation = modeltally.begin("model.request", "flux")
    clock_ns = _clock.perf_counter_ns

    def slow_clock_ns() -> int:
        now_ns = clock_ns()
        with mock.patch.object(_clock, "perf_counter_ns", clock_ns):
            operation.cancel()
        return now_ns

    with mock.patch.object(_clock, "perf_counter_ns", slow_clock_ns):
        operation.finish()
    (span,) = seen.spans()
    assert span.start_time is not None
    assert span.end_time is not None
    assert 0 < span.end_time - span.start_time < 60e9
    assert seen.one()["modeltally.outcome"] == "cancelled"
