"""A signal handler at every point of a call where Python runs one: each operation is in exactly one of the counts."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import modeltally
from modeltally.instrument import _runtime
from modeltally.instrument._context import current as current_here
from modeltally.instrument._inbound import inbound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

PACKAGE: Final = "modeltally.instrument."


class HandlerError(Exception):
    """What the host's handler raises."""


class Interruption:
    """Sends SIGUSR1 at one of the points inside of us, in this thread.

    Where a function of ours begins and where one in C that it called returns: there the interpreter looks whether a
    signal has come.
    """

    def __init__(self, point: int) -> None:
        """Take the number of the point."""
        self._left = point
        self.has_run = False

    def __enter__(self) -> None:
        """Begin to count points."""
        sys.setprofile(self._look)

    def __exit__(self, *_: object) -> None:
        """Count no more."""
        sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, _argument: object) -> None:
        name = str(frame.f_globals.get("__name__"))
        if self.has_run or event not in {"call", "c_return"} or not name.startswith(PACKAGE):
            return
        self._left -= 1
        if self._left < 0:
            self.has_run = True
            sys.setprofile(None)
            signal.raise_signal(signal.SIGUSR1)


def in_block(current: list[modeltally.Operation]) -> None:
    """Make a request as a block of code."""
    with modeltally.model_request("m") as operation:
        current.append(operation)
        operation.set(output_count=1)


@modeltally.model_request("m")
def watched(current: list[modeltally.Operation]) -> None:
    """Make a request as a decorated function."""
    current.append(modeltally.current_operation())


@modeltally.model_request("m")
def _chunks(current: list[modeltally.Operation]) -> Iterator[int]:
    current.append(modeltally.current_operation())
    yield 1
    yield 2


def streamed(current: list[modeltally.Operation]) -> None:
    """Make a request whose answer is a stream, and read all of it."""
    for _ in _chunks(current):
        pass


def given_up(current: list[modeltally.Operation]) -> None:
    """Make a request whose answer is a stream, and read half of it."""
    chunks = _chunks(current)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]  # it is a generator


@modeltally.model_request("m")
async def _answer(current: list[modeltally.Operation]) -> None:
    current.append(modeltally.current_operation())


def awaited(current: list[modeltally.Operation]) -> None:
    """Make a request as a coroutine."""
    with contextlib.suppress(StopIteration):
        _answer(current).send(None)


KEPT: Final = modeltally.model_request("m")


def in_kept_block(current: list[modeltally.Operation]) -> None:
    """Make a request as a block of code, by a watch that is kept."""
    with KEPT as operation:
        current.append(operation)


def in_async_block(current: list[modeltally.Operation]) -> None:
    """Make a request as an asynchronous block of code, by a watch that is kept."""

    async def request() -> None:
        async with KEPT as operation:
            current.append(operation)

    with contextlib.suppress(StopIteration):
        request().send(None)


def in_stack(current: list[modeltally.Operation]) -> None:
    """Make a request as a block of a stack."""
    with contextlib.ExitStack() as stack:
        current.append(stack.enter_context(modeltally.model_request("m")))


def delivered(current: list[modeltally.Operation]) -> None:
    """Make a request for a message that says who asks."""
    message = modeltally.extract({}, attempt=2)
    with message:
        in_block(current)
    with message:  # kept, and delivered once more
        pass


def by_hand(current: list[modeltally.Operation]) -> None:
    """Drive a request by hand."""
    operation = modeltally.begin("model.request", "m", queued=True)
    current.append(operation)
    operation.start()
    operation.mark("half")
    operation.set(output_count=1)
    inside = operation.inside()
    with inside:
        modeltally.current_operation()
    operation.finish()


def end_all(operations: list[modeltally.Operation]) -> None:
    """End operations that are about to end."""
    for operation in operations:
        operation.end()


def raises() -> None:
    """Raise, as the handler of a time limit does."""
    raise HandlerError


@pytest.fixture(autouse=True)
def _signal_as_before() -> Iterator[None]:
    """Give the signal back."""
    former = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, former)


# an exception that a handler raises inside a destructor goes nowhere, in every Python program
@pytest.mark.slow(seconds=8, why="a handler at each of many points of each call")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "call",
    [
        in_block,
        in_kept_block,
        in_async_block,
        in_stack,
        by_hand,
        watched,
        streamed,
        given_up,
        awaited,
        delivered,
    ],
)
@pytest.mark.parametrize("action", ["another operation", "ends the same", "shuts down", "raises"])
def test_each_operation_is_counted_once_wherever_a_handler_runs(
    call: Callable[[list[modeltally.Operation]], None], action: str
) -> None:
    """Whatever the handler does, the counts add up to what was started, and nothing is left queued."""
    current: list[modeltally.Operation] = []
    actions: dict[str, Callable[[], object]] = {
        "another operation": lambda: in_kept_block([]),
        "ends the same": lambda: end_all(current),
        "shuts down": lambda: modeltally.shutdown(0.02),
        "raises": raises,
    }
    signal.signal(signal.SIGUSR1, lambda *_: actions[action]())
    for point in range(1000):
        modeltally.configure(exporter=InMemorySpanExporter(), export_interval_seconds=0.01)
        pipeline = _runtime.current()
        assert pipeline is not None
        interruption = Interruption(point)
        current.clear()
        try:
            with interruption:
                call(current)
        except HandlerError:
            assert action == "raises"
        current.clear()
        if call is in_stack:
            gc.collect(1)  # a stack of the standard library's keeps what it called in a circle with the exception
        assert current_here() is None, f"at point {point}"
        assert inbound.get() is None, f"at point {point}"
        in_block([])  # the service goes on
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


# as above
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_lock_is_kept_when_a_timer_handler_raises_anywhere() -> None:
    """Real signals come at any instant for a second; a request in another thread and a delivery go on afterwards."""
    is_armed = False

    def limit(*_: object) -> None:
        nonlocal is_armed
        if is_armed:
            is_armed = False
            raise HandlerError

    modeltally.configure(exporter=InMemorySpanExporter(), export_interval_seconds=0.05)
    in_block([])
    modeltally.flush(20)
    former = signal.signal(signal.SIGALRM, limit)
    hits, ends_at = 0, time.monotonic() + 1
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.00037)
    try:
        while time.monotonic() < ends_at:
            try:
                while time.monotonic() < ends_at:
                    is_armed = True
                    in_block([])
                    is_armed = False
            except HandlerError:
                hits += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    thread = threading.Thread(target=in_block, args=([],), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert hits > 20
    gc.collect()  # an exception may keep what it interrupted, in a circle
    modeltally.flush(20)
    counters = modeltally.counters()
    assert counters.started == counters.exported + counters.in_flight + counters.lost
    assert counters.queued == 0
