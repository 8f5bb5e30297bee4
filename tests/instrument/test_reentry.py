"""A signal handler at every point of a call where Python runs one: each operation is in exactly one of the counts."""

from __future__ import annotations

import dis
import functools
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import modeltally
from modeltally.instrument import _runtime

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

PACKAGE: Final = "modeltally.instrument."
BACKGROUND: Final = f"{PACKAGE}_worker"
# after these the interpreter looks whether a signal has come
STOPS: Final = frozenset({"CALL", "CALL_FUNCTION_EX", "JUMP_BACKWARD", "RESUME"})
WATCH: Final = modeltally.model_request("m")


class HandlerError(Exception):
    """What the host's handler raises."""


@functools.cache
def stops(code: CodeType) -> frozenset[int]:
    """Return the offsets of the instructions after which a handler may run."""
    return frozenset(step.offset for step in dis.get_instructions(code) if step.opname in STOPS)


class Interruption:
    """Runs a handler at one of the points inside of us, in this thread."""

    def __init__(self, point: int, handler: Callable[[], object]) -> None:
        """Take the number of the point, and what to do there."""
        self._left = point
        self._handler = handler
        self._last: dict[FrameType, int] = {}
        self.has_run = False

    def __enter__(self) -> None:
        """Begin to count points."""
        sys.settrace(self._enter)

    def __exit__(self, *_: object) -> None:
        """Count no more."""
        sys.settrace(None)

    def _enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        name = str(frame.f_globals.get("__name__"))
        if self.has_run or not name.startswith(PACKAGE) or name == BACKGROUND:
            return None
        frame.f_trace_opcodes = True
        return self._step

    def _step(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "opcode" and not self.has_run:
            last = self._last.get(frame)
            self._last[frame] = frame.f_lasti
            if last is not None and last in stops(frame.f_code):
                self._left -= 1
                if self._left < 0:
                    self.has_run = True
                    sys.settrace(None)
                    self._handler()
        return self._step


def in_block(current: list[modeltally.Operation]) -> None:
    """Make a request as a block of code."""
    with WATCH as operation:
        current.append(operation)
        operation.set(output_count=1)


def by_hand(current: list[modeltally.Operation]) -> None:
    """Drive a request by hand."""
    operation = modeltally.begin("model.request", "m", queued=True)
    current.append(operation)
    operation.start()
    operation.mark("half")
    operation.set(output_count=1)
    operation.finish()


def end_all(operations: list[modeltally.Operation]) -> None:
    """End operations that are about to end."""
    for operation in operations:
        operation.end()


def raises() -> None:
    """Raise, as the handler of a time limit does."""
    raise HandlerError


@pytest.mark.parametrize("call", [in_block, by_hand])
@pytest.mark.parametrize("action", ["another operation", "ends the same", "shuts down", "raises"])
def test_each_operation_is_counted_once_wherever_a_handler_runs(
    call: Callable[[list[modeltally.Operation]], None], action: str
) -> None:
    """Whatever the handler does, the counts add up to what was started, and nothing is left queued."""
    current: list[modeltally.Operation] = []
    actions: dict[str, Callable[[], object]] = {
        "another operation": lambda: in_block([]),
        "ends the same": lambda: end_all(current),
        "shuts down": lambda: modeltally.shutdown(0.02),
        "raises": raises,
    }
    for point in range(1000):
        modeltally.configure(exporter=InMemorySpanExporter(), export_interval_seconds=0.01)
        pipeline = _runtime.current()
        assert pipeline is not None
        interruption = Interruption(point, actions[action])
        current.clear()
        try:
            with interruption:
                call(current)
        except HandlerError:
            assert action == "raises"
        current.clear()
        modeltally.flush(5)
        counters = pipeline.counters()
        assert counters.started == counters.exported + counters.in_flight + counters.lost, f"at point {point}"
        assert counters.queued == 0
        assert pipeline._queue_bytes == 0
        if not interruption.has_run:
            break
    else:
        pytest.fail("the call has no end")
    assert point > 20
