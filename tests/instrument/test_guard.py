"""Whatever goes wrong inside of us stays inside of us."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

import modeltally
from modeltally.instrument import _context, _guard, _pipeline
from modeltally.instrument._guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.testing import Captured


@pytest.fixture
def broken_pipeline(seen: Captured, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make every entry into the pipeline raise."""
    del seen

    def broken(*_args: object, **_kwargs: object) -> Any:
        raise RuntimeError("broken")

    for name in ("start", "finish", "add", "flush", "counters"):
        monkeypatch.setattr(_pipeline.Pipeline, name, broken)
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("broken_pipeline")
def test_calls_go_on_when_our_own_code_is_broken() -> None:
    """Every entry point returns, and the watched code's result and exception are what they were."""
    result = object()
    error = KeyError("x")

    @modeltally.model_request("m")
    def good() -> object:
        modeltally.current_operation().set(output_tokens=1)
        return result

    @modeltally.model_request("m")
    def bad() -> None:
        raise error

    @modeltally.model_request("m")
    def stream() -> Iterator[int]:
        yield 1

    @modeltally.model_request("m")
    async def coroutine() -> object:
        return result

    assert good() is result
    with pytest.raises(KeyError) as caught:
        bad()
    assert caught.value is error
    assert list(stream()) == [1]
    assert asyncio.run(coroutine()) is result
    with modeltally.model_request("m") as operation:
        operation.failed("x")
    assert modeltally.record("model.load", started_at=1, ended_at=1) is None
    assert modeltally.evaluate(operation.ref, name="x", score=1) is None
    assert modeltally.flush() is False
    assert modeltally.counters().started == 0


def test_error_of_ours_is_logged_once_and_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    """The message might quote what must not be logged; class and place help us."""

    @guarded(default=None)
    def broken() -> None:
        raise ValueError("a secret prompt")

    for _ in range(5):
        broken()
    assert len(caplog.messages) == 1
    assert "ValueError at " in caplog.text
    assert "test_guard.py" in caplog.text
    assert "secret" not in caplog.text


def test_calls_go_on_when_logging_is_broken(seen: Captured) -> None:
    """A handler that raises is the host's; it must not reach the host's call through us."""

    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError(record.name)

    handler = Raising()
    logging.getLogger("modeltally").addHandler(handler)
    try:
        values: Any = {"output_tokens": object()}
        with modeltally.model_request("m", **values) as operation:
            operation.set(**values)
        assert modeltally.record("nonsense", started_at=1) is None
    finally:
        logging.getLogger("modeltally").removeHandler(handler)
    assert len(seen.spans()) == 1


def test_exceptions_are_the_hosts_when_recursion_is_deep(seen: Captured) -> None:
    """Near the recursion limit the watched function fails or succeeds by itself, never by an error of ours."""

    @modeltally.model_request("m")
    def leaf() -> str:
        return "leaf"

    def descend(depth: int) -> str:
        return leaf() if depth == 0 else descend(depth - 1)

    results = set()
    for depth in range(sys.getrecursionlimit() - 120, sys.getrecursionlimit()):
        try:
            results.add(descend(depth))
        except RecursionError:
            results.add("recursion")
    assert results == {"leaf", "recursion"}
    assert seen.spans()


@pytest.mark.parametrize("value", [None, 7, b"m", object(), ["m"]])
def test_calls_go_on_when_the_model_is_no_text(seen: Captured, value: Any) -> None:
    """A wrong type in a decorator's argument does not break the import of the module that holds it."""

    @modeltally.model_request(value)
    def generate() -> int:
        return 1

    assert generate() == 1
    assert len(seen.spans()) == 1


def test_exception_with_hostile_class_goes_on(seen: Captured) -> None:
    """Nothing of an exception is asked but its class."""

    class HostileError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("str")

        def __repr__(self) -> str:
            raise RuntimeError("repr")

        def __getattribute__(self, name: str) -> Any:
            if name.startswith("__"):
                return super().__getattribute__(name)
            raise RuntimeError(name)

    with pytest.raises(HostileError), modeltally.model_request("m"):
        raise HostileError
    assert str(seen.one()["error.type"]).endswith("HostileError")


def test_exception_is_an_error_when_its_class_cannot_be_asked(seen: Captured) -> None:
    """Whatever an exception says of its own class, the call did not succeed."""

    class LyingError(Exception):
        @property  # type: ignore[misc]  # hostile on purpose
        def __class__(self) -> Any:
            raise RuntimeError("class")

    class NamelessMeta(type):
        @property
        def __name__(cls) -> str:  # type: ignore[override]  # hostile on purpose
            raise RuntimeError("name")

    class NamelessError(Exception, metaclass=NamelessMeta):
        pass

    @modeltally.model_request("m")
    def fail(kind: type[Exception]) -> None:
        raise kind

    caught: list[type] = []
    for kind in (LyingError, NamelessError):
        try:
            fail(kind)
        except Exception as error:  # noqa: BLE001 - `pytest.raises` would ask the class as well
            caught.append(type(error))
    assert caught == [LyingError, NamelessError]
    assert [attributes["modeltally.outcome"] for attributes in seen.all()] == ["error", "error"]


def test_exception_of_a_signal_handler_goes_through(seen: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time limit that runs out inside our code is the host's all the same: it must not be swallowed."""
    del seen

    class LimitError(Exception):
        pass

    def limit(_number: int, _frame: object) -> None:
        raise LimitError

    def interrupted(*_: object) -> Any:
        signal.raise_signal(signal.SIGALRM)

    former = signal.signal(signal.SIGALRM, limit)
    try:
        monkeypatch.setattr(_context, "parent_context", interrupted)
        with pytest.raises(LimitError):
            modeltally.model_request("m").__enter__()
        monkeypatch.undo()
    finally:
        signal.signal(signal.SIGALRM, former)
    assert _guard.problems() == {}
