"""What may go wrong behind and around a call, each as a context manager; and an exporter that misbehaves by turns."""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import modeltally
from chaos.instrument import hostile_objects
from chaos.instrument.more_entries import configured
from modeltally.instrument import _clock, _context, _guard, _ids, _names, _operation, _pipeline, _queue, _runtime

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from chaos.instrument.case import Case

__all__ = ["FAULTS", "KEEPS_IN_FLIGHT", "LogCheck", "ModeExporter", "noticed", "reenter"]

noticed: list[str] = []  # what went wrong where no case could see it


# -- the exporter ------------------------------------------------------------------------------------------------------


class ModeExporter(SpanExporter):
    """Takes spans, or fails in the way that its mode says.

    Attributes:
        mode: One of ``MODES``.
        accepted: Operations it took.
        calls: How often it was asked, by mode.
    """

    MODES: Final = ("good", "failure", "raises", "disk full", "memory", "good", "nonsense", "hangs")

    def __init__(self) -> None:
        """Begin in good order."""
        self.mode = "good"
        self.accepted = 0
        self.calls: dict[str, int] = {}
        self._released = threading.Event()
        self._lock = threading.Lock()

    def switch(self, mode: str) -> None:
        """Change the mode; what hangs goes on."""
        self.mode = mode
        self._released.set()
        self._released = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Do as the mode says."""
        mode, released = self.mode, self._released
        self.calls[mode] = self.calls.get(mode, 0) + 1
        if mode == "hangs":
            released.wait(30)
        errors = {"raises": RuntimeError("exporter"), "disk full": OSError(errno.ENOSPC, "x"), "memory": MemoryError()}
        if mode in errors:
            raise errors[mode]
        if mode == "failure":
            return SpanExportResult.FAILURE
        if mode == "nonsense":
            nonsense: Any = None
            return nonsense  # type: ignore[no-any-return]  # the point
        with self._lock:
            self.accepted += sum(_is_operation(span) for span in spans)
        return SpanExportResult.SUCCESS


def _is_operation(span: ReadableSpan) -> bool:
    attributes = span.attributes or {}
    is_copy = attributes.get(_names.UNFINISHED) and attributes.get(_names.SOURCE) == _names.SOURCE_WRAPPER
    return attributes.get(_names.OPERATION) != _names.HEARTBEAT and not is_copy


class LogCheck(logging.Handler):
    """Formats every message, as any handler of the host's would."""

    def emit(self, record: logging.LogRecord) -> None:
        """Notice what cannot be formatted, or is no message but a book."""
        try:
            message = record.getMessage()
        except RecursionError:
            return  # near the limit a handler of the host's fails as well
        except Exception as error:  # noqa: BLE001 - what is being looked for
            noticed.append(f"log message {record.msg!r:.80} cannot be formatted: {type(error).__name__}")
            return
        if len(message) > 2000:
            noticed.append(f"log message {record.msg!r:.80} has {len(message)} characters")


# -- using the library where one should not be -------------------------------------------------------------------------

_inside = threading.local()


def reenter() -> None:
    """Use the library from a destructor, a signal handler or a method that the library itself called."""
    if getattr(_inside, "is_busy", False):
        return
    _inside.is_busy = True
    try:
        with modeltally.model_request("inner", user="u", output_tokens=1) as operation:
            operation.set(task="inner")
        modeltally.record("model.load", started_at=1, ended_at=2)
        modeltally.current_operation().set(output_tokens=2)
        if modeltally.counters().started < 0:
            noticed.append("fewer than no operations started")
    except RecursionError:
        pass  # near the limit every call is one too many
    except BaseException as error:  # noqa: BLE001 - it would vanish in a destructor
        noticed.append(f"foreign exception on re-entry: {type(error).__name__}")
    finally:
        _inside.is_busy = False


# -- faults ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def nothing(_case: Case) -> Iterator[None]:
    """Let everything be in order."""
    yield


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Replace an attribute for a while."""
    original = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _is_ours(frame: types.FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("modeltally.")


def _raises_here(error: Callable[[], Exception], original: Any, *, after: int) -> Any:
    """Make a function that raises at one of our calls in this thread, and is the original elsewhere."""
    thread, calls = threading.get_ident(), [0]

    def function(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == thread and _is_ours(sys._getframe(1)):
            calls[0] += 1
            if calls[0] > after:
                raise error()
        return original(*args, **kwargs)

    return function


@contextlib.contextmanager
def raising_clock(case: Case) -> Iterator[None]:
    """Have a clock that raises."""
    name = case.source.choice(("time_ns", "perf_counter_ns", "monotonic"))
    owner = time if name == "monotonic" else _clock
    broken = _raises_here(lambda: OSError("no clock"), getattr(owner, name), after=case.source.randrange(3))
    with replaced(owner, name, broken):
        yield


@contextlib.contextmanager
def odd_clock(case: Case) -> Iterator[None]:
    """Have a clock that tells no time."""
    name = case.source.choice(("time_ns", "perf_counter_ns"))
    thread, original = threading.get_ident(), getattr(_clock, name)
    answers = (0, -1, 2**70, 1.5)

    def clock() -> float:
        is_here = threading.get_ident() == thread and _is_ours(sys._getframe(1))
        return case.source.choice(answers) if is_here else original()

    with replaced(_clock, name, clock):
        yield


@contextlib.contextmanager
def raising_log(case: Case) -> Iterator[None]:
    """Have a logging handler or filter that raises, and log every problem."""
    error = case.source.choice(hostile_objects.ERRORS)
    raiser = hostile_objects.raiser(error)
    handler = logging.Handler()
    if case.source.random() < 0.5:
        handler.emit = raiser  # type: ignore[method-assign]  # the point
    else:
        handler.addFilter(raiser)
    logger = logging.getLogger("modeltally")
    logger.addHandler(handler)
    _guard._logged_at.clear()
    try:
        with replaced(_guard, "LOG_INTERVAL_SECONDS", 0.0):
            yield
    finally:
        logger.removeHandler(handler)


@contextlib.contextmanager
def error_of_ours(case: Case) -> Iterator[None]:
    """Have the library fail inside, for want of memory or by a mistake of its own."""
    owner, name = case.source.choice(
        (
            (_ids, "new_span_id"),
            (_ids, "new_trace_id"),
            (_context, "get_current_span"),
            (_operation, "copy_values"),
            (_context, "is_disabled"),
            (_context, "parent_context"),
            (_pipeline.Pipeline, "start"),
            (_pipeline.Pipeline, "finish"),
            (_pipeline.Pipeline, "add"),
            (_queue.Queue, "counters"),
            (_pipeline.Pipeline, "flush"),
            (_queue, "Packed"),
            (_runtime, "active"),
            (_guard, "problem"),
        )
    )
    error = case.source.choice((MemoryError, RuntimeError, RecursionError, lambda: OSError(errno.ENOSPC, "disk full")))
    broken = _raises_here(error, owner.__dict__[name], after=case.source.randrange(3))
    with replaced(owner, name, broken):
        yield


@contextlib.contextmanager
def switched_off(case: Case) -> Iterator[None]:
    """Have the kill switch set, by either variable, from the start or from the middle of the call."""
    name = case.source.choice(("MODELTALLY_DISABLED", "OTEL_SDK_DISABLED"))
    if case.source.random() < 0.5:
        os.environ[name] = case.source.choice(("1", "true", " ON ", "\udcff"))
    else:
        case.in_the_middle = lambda: os.environ.__setitem__(name, "1")
    try:
        yield
    finally:
        os.environ.pop(name, None)


@contextlib.contextmanager
def interfered(case: Case) -> Iterator[None]:
    """Flush, shut down or configure in the middle of the call."""
    case.in_the_middle = case.source.choice(
        (
            lambda: _expect(modeltally.flush(0.0)),
            lambda: _expect(modeltally.shutdown(0.0)),
            lambda: modeltally.configure(endpoint="nonsense"),
            _configure_again,
        )
    )
    yield
    _configure_again()


def _configure_again() -> None:
    for again in configured:
        again()


def _expect(answer: object) -> None:
    if type(answer) is not bool:
        noticed.append(f"flush or shutdown answered {answer!r}")


def signalled(case: Case) -> contextlib.AbstractContextManager[None]:
    """Have a signal arrive inside of us, whose handler uses the library."""
    return _at_some_point(case, lambda: signal.raise_signal(signal.SIGUSR1))


def collected(case: Case) -> contextlib.AbstractContextManager[None]:
    """Have garbage collected inside of us, whose destructors use the library."""

    def collect() -> None:
        garbage: Any = [hostile_objects.Reentrant()]
        garbage.append(garbage)
        del garbage
        gc.collect(0)

    return _at_some_point(case, collect)


@contextlib.contextmanager
def _at_some_point(case: Case, action: Callable[[], object]) -> Iterator[None]:
    """Do something where a function of ours begins, or one in C that it called returns."""
    left = [case.source.randrange(1, 80)]

    def watch(frame: types.FrameType, event: str, _argument: Any) -> None:
        if event in {"call", "c_return"} and _is_ours(frame):
            left[0] -= 1
            if left[0] == 0:
                sys.setprofile(None)
                action()

    former = signal.signal(signal.SIGUSR1, lambda *_: reenter())
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGUSR1, former)


# an operation whose end itself fails inside stays in flight
KEEPS_IN_FLIGHT: Final = frozenset({"clock raises", "clock is odd", "error of ours"})

FAULTS: Final[dict[str, tuple[Callable[[Case], Any], int]]] = {
    "none": (nothing, 40),
    "clock raises": (raising_clock, 6),
    "clock is odd": (odd_clock, 5),
    "log raises": (raising_log, 8),
    "error of ours": (error_of_ours, 8),
    "900 deep": (nothing, 5),
    "at the limit": (nothing, 5),
    "kill switch": (switched_off, 6),
    "interference": (interfered, 1),
    "signal": (signalled, 6),
    "garbage": (collected, 4),
}
