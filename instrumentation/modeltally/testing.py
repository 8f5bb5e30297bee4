"""For the tests of services that are watched: operations captured in memory, with ids and a clock of the test's own.

As a context manager::

    from modeltally.testing import capture

    def test_what_is_recorded():
        with capture() as captured:
            generate("a lighthouse")
        assert captured.one()["modeltally.task"] == "text_to_image"

or as a fixture of pytest, which becomes one where a ``conftest.py`` imports it: ``from modeltally.testing import
captured``.

Within the block nothing leaves the process, ids count from 1, and time stands still until :meth:`Clock.advance`.
Afterwards telemetry is off and everything is forgotten, as in a process that has just begun.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from modeltally.instrument import _clock, _guard, _ids, _runtime
from modeltally.instrument import _names as names
from modeltally.instrument._pipeline import THREAD_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import AttributeValue

    from modeltally.instrument._counters import Counters

__all__ = ["START", "Captured", "Clock", "capture", "reset"]

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
KEY: Final = "a key for tests"
EXPORT_INTERVAL_SECONDS: Final = 0.02
DELIVERY_SECONDS: Final = 30.0
END_SECONDS: Final = 0.2
NEVER_SECONDS: Final = 86_400.0  # whatever the clock says, operations leave no unfinished copies
SWITCHES: Final = ("MODELTALLY_DISABLED", "OTEL_SDK_DISABLED")


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, start: datetime = START) -> None:
        """Set it.

        Args:
            start: The time, with its zone.
        """
        self._now_ns = (start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000

    def advance(self, seconds: float) -> None:
        """Go on.

        Args:
            seconds: By how much.
        """
        self._now_ns += round(seconds * 1e9)

    def time_ns(self) -> int:
        """Return the time in nanoseconds since the epoch."""
        return self._now_ns

    perf_counter_ns = time_ns


class _Counting(random.Random):
    """Counts ids from 1, for traces and for spans; heartbeats come at any time, and theirs are drawn as ever."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = {128: count(1), 64: count(1)}

    def getrandbits(self, k: int, /) -> int:
        numbers = self._numbers.get(k)
        if numbers is None or threading.current_thread().name == THREAD_NAME:
            return super().getrandbits(k)
        return next(numbers)


class Captured:
    """What was recorded, once it has reached the exporter in memory.

    Attributes:
        exporter: Has everything, heartbeats included.
        clock: What operations go by; None where that is the machine's.
    """

    def __init__(self, exporter: InMemorySpanExporter, clock: Clock | None = None) -> None:
        """Take the exporter; :func:`capture` makes one."""
        self.exporter = exporter
        self.clock = clock
        self._is_over = False
        self._lost: Counters | None = None

    def deliver(self) -> None:
        """Wait until everything recorded so far has arrived; after the block it has."""
        if not self._is_over and not _runtime.flush(DELIVERY_SECONDS):
            self._lost = _runtime.counters()

    def end(self) -> None:
        """Deliver for the last time; what is recorded from here on belongs to others."""
        self.deliver()
        self._is_over = True

    def spans(self) -> list[ReadableSpan]:
        """Return the spans of operations, in the order they ended; in the block or after it.

        Raises:
            AssertionError: Something was lost on the way.
        """
        self.deliver()
        if self._lost is not None:
            raise AssertionError(f"not everything that was recorded arrived: {self._lost}")
        return [span for span in self.exporter.get_finished_spans() if span.name != names.HEARTBEAT]

    def all(self) -> list[Mapping[str, AttributeValue]]:
        """Return the attributes of every operation, in the order they ended."""
        return [dict(span.attributes or {}) for span in self.spans()]

    def one(self) -> Mapping[str, AttributeValue]:
        """Return the attributes of the only operation.

        Raises:
            AssertionError: There is none, or more than one.
        """
        operations = self.all()
        if len(operations) != 1:
            shown = ", ".join(str(operation.get(names.OPERATION)) for operation in operations)
            raise AssertionError(f"one operation was expected, there are {len(operations)}: {shown}")
        return operations[0]

    def clear(self) -> None:
        """Forget what was recorded so far."""
        self.deliver()
        self.exporter.clear()


@contextlib.contextmanager
def capture(*, is_fixed: bool = True, **settings: Any) -> Iterator[Captured]:
    """Record into memory for a block of code; afterwards telemetry is off and everything is forgotten.

    The variables that switch telemetry off are put aside meanwhile.

    Args:
        is_fixed: Ids count from 1, and a :class:`Clock` stands still; else both are as in service.
        **settings: Any of :func:`modeltally.configure`.
    """
    exporter = InMemorySpanExporter()
    clock = Clock() if is_fixed else None
    switches = {name: os.environ.pop(name) for name in SWITCHES if name in os.environ}
    before = _clock.time_ns, _clock.perf_counter_ns, _ids.generator
    defaults = {
        "exporter": exporter,
        "user_key": KEY,
        "export_interval_seconds": EXPORT_INTERVAL_SECONDS,
        "unfinished_after_seconds": NEVER_SECONDS,
        "handle_sigterm": False,
    }
    try:
        if clock is not None:
            _clock.time_ns, _clock.perf_counter_ns = clock.time_ns, clock.perf_counter_ns
        _runtime.configure(**{**defaults, **settings})
        if clock is not None:
            _ids.generator = _Counting()
        recorded = Captured(exporter, clock)
        try:
            yield recorded
        finally:
            recorded.end()
    finally:
        os.environ.update(switches)
        reset()
        _clock.time_ns, _clock.perf_counter_ns, _ids.generator = before


def reset() -> None:
    """End telemetry, and forget what was configured, counted and logged, as in a process that has just begun."""
    _runtime.shutdown(END_SECONDS)
    _runtime.reset()
    _guard.reset()


with contextlib.suppress(ImportError):  # a service's own tests may run under anything
    import pytest

    @pytest.fixture(name="captured")
    def captured() -> Iterator[Captured]:
        """Capture operations during a test, with ids from 1 and a clock that stands still."""
        with capture() as recorded:
            yield recorded
