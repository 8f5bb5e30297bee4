"""What the host lets leave, and what never leaves unless asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import modeltally
from modeltally.instrument import _guard
from modeltally.testing import Captured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PRIVATE = "a portrait of alice@example.com"


def configured(redact: Callable[[str, dict[str, Any]], Any], **settings: Any) -> Captured:
    """Configure with a hook."""
    exporter = InMemorySpanExporter()
    modeltally.configure(exporter=exporter, user_key="key", export_interval_seconds=0.02, redact=redact, **settings)
    return Captured(exporter)


def test_hook_sees_and_changes_what_leaves() -> None:
    """By keyword for ours and by full name for the host's own attributes; what it drops is gone."""
    shown: list[tuple[str, dict[str, Any]]] = []

    def redact(operation: str, values: dict[str, Any]) -> dict[str, Any]:
        shown.append((operation, dict(values)))
        values["project"] = "hidden"
        del values["session_id"]
        values["acme.team"] = values["acme.team"].upper()
        return values

    seen = configured(redact)
    with modeltally.model_request("flux", project="secret", session_id="s1", seed=7) as operation:
        operation.set_attribute("acme.team", "red")
    recorded = seen.one()
    assert shown == [
        (
            "model.request",
            {
                "model": "flux",
                "project": "secret",
                "session_id": "s1",
                "seed": 7,
                "concurrency": 1,
                "acme.team": "red",
            },
        )
    ]
    assert recorded["modeltally.project"] == "hidden"
    assert recorded["acme.team"] == "RED"
    assert recorded["gen_ai.request.seed"] == 7
    assert "session.id" not in recorded


@pytest.mark.parametrize("answer", [None, 7, "text", [PRIVATE]])
def test_hook_that_returns_no_mapping_lets_no_text_out(answer: Any) -> None:
    """It has approved of nothing: numbers stay, texts go, and the operation counts."""
    seen = configured(lambda _operation, _values: answer)
    with modeltally.model_request("flux", project=PRIVATE, seed=7) as operation:
        operation.set_attribute("acme.note", PRIVATE)
    recorded = seen.one()
    assert PRIVATE not in str(recorded)
    assert recorded["gen_ai.request.seed"] == 7
    assert recorded["modeltally.outcome"] == "success"
    assert _guard.problems()["redaction"] == 1


def test_hook_that_raises_lets_no_text_out_and_no_exception() -> None:
    """The call's own result comes back."""

    def redact(_operation: str, _values: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError(PRIVATE)

    seen = configured(redact)
    result = object()

    @modeltally.model_request("flux", project=PRIVATE)
    def generate() -> object:
        return result

    assert generate() is result
    assert PRIVATE not in str(seen.one())


def test_everything_that_leaves_has_been_shown() -> None:
    """Copies of running operations, operations recorded afterwards and evaluations pass the hook as well."""
    operations: list[str] = []

    def redact(operation: str, values: dict[str, Any]) -> Mapping[str, Any]:
        operations.append(operation)
        return {name: value for name, value in values.items() if value != PRIVATE}

    seen = configured(redact)
    ref = modeltally.record("model.load", started_at=1, ended_at=2, model="flux", project=PRIVATE)
    assert ref is not None
    modeltally.evaluate(ref, name="taste", score=1, source=PRIVATE)
    operation = modeltally.begin("pattern.run", "p", project=PRIVATE)
    operation._pipeline.leave_copies(older_than_seconds=-1.0)
    operation.finish()
    assert PRIVATE not in str(seen.all())
    assert operations == ["model.load", "evaluation", "pattern.run", "pattern.run"]


def test_prompts_and_messages_never_leave_by_default(seen: Captured) -> None:
    """A prompt is a keyed hash and a length, an exception its class and place."""
    with (
        pytest.raises(ValueError, match="alice"),
        modeltally.model_request("flux", prompt=PRIVATE, negative_prompt=PRIVATE),
    ):
        raise ValueError(PRIVATE)
    (span,) = seen.spans()
    assert PRIVATE not in span.to_json()
    recorded = dict(span.attributes or {})
    assert recorded["modeltally.prompt.length"] == len(PRIVATE)
    assert len(str(recorded["modeltally.prompt.hash"])) == 16
    assert recorded["error.type"] == "ValueError"
    assert str(recorded["modeltally.error.site"]).endswith("test_prompts_and_messages_never_leave_by_default")
    assert "modeltally.error.message" not in recorded


def test_messages_are_recorded_where_asked_for() -> None:
    """Cut to 512 characters; one that cannot be read is left out; the hook sees it first."""

    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    seen = configured(lambda _operation, values: values, record_error_messages=True)
    for error in (ValueError("x" * 1000), SilentError()):
        with pytest.raises(type(error)), modeltally.model_request("flux"):
            raise error
    long, silent = seen.all()
    assert long["modeltally.error.message"] == "x" * 512
    assert "modeltally.error.message" not in silent
    assert silent["error.type"] == SilentError.__qualname__


def test_hook_may_withhold_messages() -> None:
    """What it leaves out of the mapping does not leave."""
    seen = configured(
        lambda _operation, values: {name: value for name, value in values.items() if name != "error_message"},
        record_error_messages=True,
    )
    with pytest.raises(ValueError, match="alice"), modeltally.model_request("flux"):
        raise ValueError(PRIVATE)
    assert "modeltally.error.message" not in seen.one()


def test_context_is_json_of_scalars(seen: Captured) -> None:
    """A free map becomes JSON below 4 KiB; what is no scalar in it is left out, and it stays JSON."""
    with modeltally.model_request("flux", context={"node": "sampler", "n": 3, "deep": {"a": 1}, "big": "x" * 5000}):
        pass
    assert seen.one()["modeltally.context"] == '{"node":"sampler","n":3}'


@pytest.mark.parametrize("setting", [{"redact": 7}, {"record_error_messages": "yes"}])
def test_unusable_settings_keep_telemetry_off(setting: dict[str, Any]) -> None:
    """One warning that names the setting, and nothing leaves unredacted."""
    modeltally.configure(exporter=InMemorySpanExporter(), **setting)
    with modeltally.model_request("flux"):
        pass
    assert modeltally.counters().dropped == {"not_configured": 1}
    assert _guard.problems()["configuration"] == 1
