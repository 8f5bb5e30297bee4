"""How an operation's end is judged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import StatusCode

import modeltally

if TYPE_CHECKING:
    from modeltally.testing import Captured


class OutOfMemoryError(RuntimeError):
    """As torch names it."""


class DeviceLostError(OutOfMemoryError):
    """One that derives from it."""


class ConnectionTimeoutError(TimeoutError):
    """One that derives from it."""


class Outer:
    """Holds an exception class with a longer qualified name."""

    class BadPromptError(ValueError):
        """Nothing more."""


@pytest.mark.parametrize(
    ("error", "outcome", "error_type"),
    [
        (ValueError("x"), "error", "ValueError"),
        (Outer.BadPromptError("x"), "error", "Outer.BadPromptError"),
        (TimeoutError("x"), "error", "timeout"),
        (ConnectionTimeoutError("x"), "error", "timeout"),
        (MemoryError("x"), "error", "out_of_memory"),
        (OutOfMemoryError("x"), "error", "out_of_memory"),
        (DeviceLostError("x"), "error", "out_of_memory"),
        (asyncio.CancelledError("x"), "cancelled", None),
        (KeyboardInterrupt("x"), "cancelled", None),
        (SystemExit(1), "cancelled", None),
        (GeneratorExit("x"), "cancelled", None),
    ],
)
def test_outcome_when_code_raises(seen: Captured, error: BaseException, outcome: str, error_type: str | None) -> None:
    """The class decides; the exception goes on as it is."""
    with pytest.raises(type(error)) as caught, modeltally.model_request("m"):
        raise error
    assert caught.value is error
    (span,) = seen.spans()
    assert span.attributes is not None
    assert span.attributes["modeltally.outcome"] == outcome
    assert span.attributes.get("error.type") == error_type
    assert span.status.status_code is (StatusCode.ERROR if outcome == "error" else StatusCode.UNSET)
    assert span.status.description == error_type


def test_error_site_names_where_it_was_raised(seen: Captured) -> None:
    """Module and function of the innermost frame, instead of a message that may quote a prompt."""

    def render() -> None:
        raise ValueError("a secret prompt")

    with pytest.raises(ValueError, match="secret"), modeltally.model_request("m"):
        render()
    attributes = seen.one()
    assert str(attributes["modeltally.error.site"]).endswith(
        "test_outcomes:test_error_site_names_where_it_was_raised.<locals>.render"
    )
    assert "secret" not in str(attributes)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("/home/ann/ComfyUI/custom_nodes/pack", "pack"),
        ("/home/ann/ComfyUI/custom_nodes/pack.nodes", "pack.nodes"),
        ("C:\\Users\\ann\\nodes", "nodes"),
        ("studio.paint", "studio.paint"),
    ],
)
def test_error_site_has_no_folders(seen: Captured, named: str, said: str) -> None:
    """Some programs name the modules that they load by their files: only the last part of that leaves."""
    module: dict[str, Any] = {"__name__": named}
    exec("def render():\n    raise ValueError('no')", module)  # noqa: S102 - a module of that name
    with pytest.raises(ValueError, match="no"), modeltally.model_request("m"):
        module["render"]()
    assert seen.one()["modeltally.error.site"] == f"{said}:render"


def test_operation_ends_when_its_exception_cannot_be_described(seen: Captured) -> None:
    """A class that hides its name is an error all the same."""

    class Nameless(type):
        @property
        def __mro__(cls) -> tuple[type, ...]:
            raise RuntimeError("no bases")

    class HiddenError(Exception, metaclass=Nameless):
        pass

    with pytest.raises(HiddenError), modeltally.model_request("m"):
        raise HiddenError
    assert seen.one()["modeltally.outcome"] == "error"


def test_outcome_when_said_by_caller(seen: Captured) -> None:
    """The setters decide when nothing is raised."""
    with modeltally.model_request("failed") as operation:
        operation.failed("blurred")
    with modeltally.model_request("partial") as operation:
        operation.partial()
    with modeltally.model_request("cancelled") as operation:
        operation.cancel()
    failed, partial, cancelled = seen.spans()
    assert failed.attributes is not None
    assert partial.attributes is not None
    assert cancelled.attributes is not None
    assert failed.attributes["modeltally.outcome"] == "failure"
    assert failed.attributes["error.type"] == "blurred"
    assert failed.status.status_code is StatusCode.ERROR
    assert partial.attributes["modeltally.outcome"] == "partial_success"
    assert partial.status.status_code is StatusCode.UNSET
    assert cancelled.attributes["modeltally.outcome"] == "cancelled"
    assert cancelled.status.status_code is StatusCode.UNSET


def test_exception_wins_when_caller_said_something_else(seen: Captured) -> None:
    """What was raised is the stronger fact."""

    @modeltally.model_request("m")
    def generate() -> None:
        modeltally.current_operation().partial()
        raise KeyError("x")

    with pytest.raises(KeyError):
        generate()
    assert seen.one()["error.type"] == "KeyError"


def test_failed_quality_gate_is_failure(seen: Captured) -> None:
    """A run whose gate failed did not succeed."""
    with modeltally.pattern_run("p", quality_score=0.2) as operation:
        operation.set(quality_gate_failed=True)
    attributes = seen.one()
    assert attributes["modeltally.outcome"] == "failure"
    assert attributes["error.type"] == "quality_gate"
    assert attributes["modeltally.quality_gate.failed"] is True


def test_passed_quality_gate_is_success(seen: Captured) -> None:
    """A gate that held changes nothing."""
    with modeltally.pattern_run("p", quality_gate_failed=False):
        pass
    assert seen.one()["modeltally.outcome"] == "success"
