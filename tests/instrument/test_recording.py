"""Operations recorded afterwards, and judgements of them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

import modeltally

if TYPE_CHECKING:
    from modeltally.testing import Captured

START = datetime(2024, 11, 20, 8, 30, 0, 123456, tzinfo=UTC)


def test_record_keeps_the_times_it_is_given(seen: Captured) -> None:
    """Datetimes to the microsecond, integers to the nanosecond."""
    modeltally.record("model.request", started_at=START, ended_at=START + timedelta(seconds=2), model="m")
    modeltally.record("model.load", started_at=1_732_091_400_123_456_789, ended_at=1_732_091_400_123_456_790)
    request, load = seen.spans()
    assert request.start_time == 1_732_091_400_123_456_000
    assert request.end_time == 1_732_091_402_123_456_000
    assert load.start_time == 1_732_091_400_123_456_789
    assert load.end_time == 1_732_091_400_123_456_790


def test_record_says_what_it_is_told(seen: Captured) -> None:
    """Outcome, error type, source and values arrive."""
    modeltally.record(
        "model.request",
        started_at=START,
        ended_at=START,
        outcome="error",
        error_type="OutOfPaint",
        source="auto",
        model="m",
        user="u",
        queue_seconds=1.5,
    )
    attributes = seen.one()
    assert attributes["modeltally.outcome"] == "error"
    assert attributes["error.type"] == "OutOfPaint"
    assert attributes["modeltally.source"] == "auto"
    assert attributes["modeltally.model.id"] == attributes["gen_ai.request.model"] == "m"
    assert attributes["modeltally.queue.duration"] == 1.5
    assert "user.hash" in attributes


def test_record_is_an_import_when_no_source_is_given(seen: Captured) -> None:
    """Importers are its first users."""
    modeltally.record("pattern.run", started_at=START, ended_at=START, pattern_name="p")
    assert seen.one()["modeltally.source"] == "import"


def test_record_leaves_an_unfinished_copy_when_the_end_is_unknown(seen: Captured) -> None:
    """Zero length, marked, without an outcome."""
    modeltally.record("model.request", started_at=START, model="m")
    (span,) = seen.spans()
    assert span.attributes is not None
    assert span.start_time == span.end_time
    assert span.attributes["modeltally.unfinished"] is True
    assert "modeltally.outcome" not in span.attributes
    counters = modeltally.counters()
    assert (counters.started, counters.finished, counters.exported) == (1, 0, 1)


def test_record_has_the_same_ids_when_the_operation_id_is_the_same(seen: Captured) -> None:
    """They are the first 16 and the next 8 bytes of its SHA-256, as text or as bytes."""
    digest = hashlib.sha256(b"file.csv:17").hexdigest()
    for operation_id in ("file.csv:17", b"file.csv:17"):
        ref = modeltally.record("model.request", started_at=START, ended_at=START, operation_id=operation_id)
        assert ref == modeltally.OperationRef("model.request", digest[:32], digest[32:48], 1_732_091_400_123_456_000)
    first, second = seen.spans()
    assert first.context is not None
    assert second.context is not None
    assert f"{first.context.trace_id:032x}" == digest[:32]
    assert f"{first.context.span_id:016x}" == digest[32:48]
    assert first.context.span_id == second.context.span_id


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"operation": "model.dance"}, "operation is 'model.dance'"),
        ({"operation": "heartbeat"}, "operation is 'heartbeat'"),
        ({"operation": 7}, "operation is 'int'"),
        ({"outcome": "SUCCEED"}, "outcome is 'SUCCEED'"),
        ({"source": "mars"}, "source is 'mars'"),
        ({"started_at": START.replace(tzinfo=None)}, "started_at has no time zone"),
        ({"started_at": 1.5}, "started_at is a float"),
        ({"started_at": True}, "started_at is a bool"),
        ({"started_at": -1}, "started_at is outside"),
        ({"ended_at": 2**63}, "ended_at is outside"),
        ({"ended_at": START - timedelta(seconds=1)}, "ended_at is 1 s before started_at"),
        ({"started_at": datetime(1969, 1, 1, tzinfo=UTC)}, "started_at is outside"),
        ({"ended_at": "2024-11-20"}, "ended_at is a str"),
        ({"operation_id": 5}, "operation_id is a int"),
        ({"error_type": ValueError, "outcome": "error"}, "error_type is a type"),
    ],
)
def test_record_refuses_what_is_not_usable(
    seen: Captured, caplog: pytest.LogCaptureFixture, change: dict[str, Any], said: str
) -> None:
    """Nothing is recorded, nothing is raised, the log says which argument it was."""
    arguments: dict[str, Any] = {"operation": "model.request", "started_at": START, "ended_at": START, **change}
    assert modeltally.record(arguments.pop("operation"), **arguments) is None
    assert said in caplog.text
    assert modeltally.counters().problems["record"] == 1
    assert seen.spans() == []
    assert modeltally.counters().started == 0


def test_record_takes_any_time_zone(seen: Captured) -> None:
    """An instant is an instant."""
    moment = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    modeltally.record("model.request", started_at=moment, ended_at=START)
    (span,) = seen.spans()
    assert span.start_time == span.end_time


def test_evaluation_names_the_judged_operation(seen: Captured) -> None:
    """It is a span of zero length with the judged span's ids as attributes."""
    with modeltally.model_request("m") as operation:
        pass
    modeltally.evaluate(operation.ref, name="helpfulness", score=1, source="user")
    request, evaluation = seen.spans()
    assert request.context is not None
    assert evaluation.attributes is not None
    assert evaluation.name == "evaluate helpfulness"
    assert evaluation.start_time == evaluation.end_time
    assert evaluation.attributes["modeltally.operation"] == "evaluation"
    assert evaluation.attributes["modeltally.evaluation.name"] == "helpfulness"
    assert evaluation.attributes["modeltally.evaluation.trace_id"] == f"{request.context.trace_id:032x}"
    assert evaluation.attributes["modeltally.evaluation.span_id"] == f"{request.context.span_id:016x}"
    assert evaluation.attributes["modeltally.evaluation.start"] == request.start_time
    assert evaluation.attributes["modeltally.quality.score"] == 1.0
    assert evaluation.attributes["modeltally.quality.source"] == "user"


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan"), "good", None])
def test_evaluation_is_refused_when_the_score_is_none(seen: Captured, score: Any) -> None:
    """Scores go from 0 to 1."""
    ref = modeltally.OperationRef("model.request", "0" * 31 + "1", "0" * 15 + "1", 1)
    assert modeltally.evaluate(ref, name="x", score=score) is None
    assert sum(modeltally.counters().problems.values()) == 1
    assert seen.spans() == []


def test_evaluation_is_refused_when_there_is_nothing_to_judge(seen: Captured, caplog: pytest.LogCaptureFixture) -> None:
    """What `record` returned may be None."""
    nothing: Any = modeltally.record("nonsense", started_at=1)
    assert modeltally.evaluate(nothing, name="x", score=1) is None
    assert "evaluate(): give what record() returned" in caplog.text
    assert seen.spans() == []
