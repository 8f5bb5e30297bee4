"""Runs fuzzed cases, one after the other and in many threads, and counts what was not as it must be."""

from __future__ import annotations

import contextlib
import contextvars
import faulthandler
import gc
import logging
import os
import random
import re
import sys
import threading
import time
import traceback
import warnings
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import modeltally
from chaos.instrument import faults, hostile, hostile_objects
from chaos.instrument.case import Case
from chaos.instrument.entries import ENTRIES
from chaos.instrument.faults import FAULTS, KEEPS_IN_FLIGHT, LogCheck, ModeExporter, noticed
from chaos.instrument.more_entries import MISSING, configured
from modeltally.instrument import _context, _guard, _inbound, _runtime

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterator

__all__ = ["Result", "only", "print_result", "run"]

CELLS: Final = [(family, entry) for entry in ENTRIES for family in hostile.FAMILIES]
STRIDE: Final = 97  # shares no factor with the number of cells: neighbours differ in both
CASES_PER_COLLECTION: Final = 400
CALLS_PER_MODE: Final = 500
CALLS_PER_REPORT: Final = 20_000
THREADS: Final = 200
HANG_SECONDS: Final = 120.0  # a call that never returns is the worst that can happen: say where, and end
KEPT_PIPELINES: Final = 50
DEEP_FRAMES: Final = 900
SHOWN: Final = 20
THREAD_SITE: Final = "background thread"  # where an error is counted that ended it


@dataclass
class Result:
    """What became of a run.

    Attributes:
        seed: Of the run.
        calls: Cases run.
        cells: How often each object met each entry point.
        faults: How often each fault was there.
        failures: Case, object, entry point, fault and what was wrong.
        unbalanced: Pipelines whose counts do not add up.
        started: Operations started.
        exported: Operations that the counters call exported.
        accepted: Operations that the exporter took.
        in_flight: Operations that never ended, beyond those that an injected error kept from ending.
        threads_ended: How often the background thread ended by itself.
        threads_left: Background threads that did not end with their pipelines.
        slowest: Seconds and name of the slowest cases.
        exporter: How often the exporter was asked, by what it did then.
    """

    seed: int
    calls: int = 0
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    started: int = 0
    exported: int = 0
    accepted: int = 0
    in_flight: int = 0
    threads_ended: int = 0
    threads_left: int = 0
    slowest: list[tuple[float, str]] = field(default_factory=list)
    exporter: dict[str, int] = field(default_factory=dict)

    @property
    def foreign(self) -> int:
        """How often an exception came through that is not the host's."""
        return sum("foreign exception" in failure[4] for failure in self.failures)

    @property
    def is_good(self) -> bool:
        """Whether everything was as it must be."""
        # what was given up at a shutdown may still arrive
        are_counts_right = not self.unbalanced and self.exported <= self.accepted and self.in_flight == 0
        # else one odd value ended the telemetry of the process, or each odd end leaves a thread for ever
        is_going_on = self.threads_ended == self.threads_left == 0
        was_tried = self.started >= self.calls // 4
        return not self.failures and are_counts_right and is_going_on and was_tried


class Run:
    """Runs cases one after the other, and some of them in many threads."""

    def __init__(self, seed: int) -> None:
        """Prepare the library and the hooks."""
        self.result = Result(seed)
        self.exporter = ModeExporter()
        self._lock = threading.RLock()
        self._kept_in_flight = 0
        self._pipelines: deque[Any] = deque()
        configured[:] = [self.configure]
        hostile_objects.on_reentry[:] = [faults.reenter]

    def configure(self) -> None:
        """Configure the library as the run wants it, and look at the counts of what was there."""
        self.exporter.switch("good")
        modeltally.configure(
            exporter=self.exporter,
            user_key="key",
            export_interval_seconds=0.01,
            heartbeat_interval_seconds=0.05,
            unfinished_after_seconds=600_000,
            max_queue_items=4096,
        )
        with self._lock:
            if self.is_configured and _runtime._state.pipeline not in self._pipelines:
                self._pipelines.append(_runtime._state.pipeline)
            if len(self._pipelines) > KEPT_PIPELINES:  # nothing of it runs any more
                self._close(self._pipelines.popleft())

    @property
    def is_configured(self) -> bool:
        """Whether the library is as the run wants it: a fault may have kept it from that."""
        pipeline = _runtime._state.pipeline
        return pipeline is not None and pipeline.config.exporter is self.exporter and not pipeline.done.is_set()

    def one(self, number: int, *, fault: str | None = None) -> None:
        """Run one case."""
        family, entry = CELLS[number * STRIDE % len(CELLS)]
        chosen = random.Random(f"{self.result.seed}:{number}:fault")
        fault = fault or chosen.choices(list(FAULTS), [weight for _, weight in FAULTS.values()])[0]
        if entry in {"configure", "ask, flush"} and self.exporter.mode == "hangs":
            self.exporter.switch("good")
        case = Case(number, self.result.seed, family)
        case.are_lines_compared &= fault != "200 threads"  # they share some exceptions, and their tracebacks
        before, running = len(noticed), self._running(fault)
        if number % CASES_PER_COLLECTION == 0:
            gc.collect()
        started = time.perf_counter()
        contextvars.copy_context().run(self._run_case, case, ENTRIES[entry], fault)
        seconds = time.perf_counter() - started
        hostile.release(case.thing)
        self._kept_in_flight += max(0, self._running(fault) - running)
        if case.is_at_limit:
            gc.collect(0)  # a coroutine whose first step is one frame too many is never awaited, with or without us
            noticed[before:] = [item for item in noticed[before:] if "never awaited" not in item]
        case.problems.extend(noticed[before:])
        with self._lock:
            self.result.calls += 1
            self.result.cells[family, entry] += 1
            self.result.faults[fault] += 1
            self.result.failures.extend((number, family, entry, fault, problem) for problem in case.problems)
            self.result.slowest = sorted([*self.result.slowest, (seconds, f"{number} {family}/{entry}/{fault}")])[-5:]

    def many(self, numbers: list[int]) -> None:
        """Run cases in many threads at once."""
        barrier = threading.Barrier(THREADS)

        def work(index: int) -> None:
            barrier.wait()
            for number in numbers[index::THREADS]:
                self.one(number, fault="200 threads")

        threads = [threading.Thread(target=work, args=(index,)) for index in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def finish(self) -> Result:
        """Deliver what is left, and count."""
        self.exporter.switch("good")
        gc.collect()
        modeltally.flush(20)
        modeltally.shutdown(20)
        for pipeline in self._pipelines:
            self._close(pipeline)
        self.result.accepted, self.result.exporter = self.exporter.accepted, self.exporter.calls
        self.result.threads_ended = _guard.problems().get(THREAD_SITE, 0)
        self.result.threads_left = _threads_left()
        self.result.in_flight = max(0, self.result.in_flight - self._kept_in_flight)
        return self.result

    def _running(self, fault: str) -> int:
        """Count what is in flight, where the fault may keep it there."""
        pipeline = _runtime._state.pipeline
        return 0 if pipeline is None or fault not in KEEPS_IN_FLIGHT else len(pipeline._running)

    def _close(self, pipeline: Any) -> None:
        """Look at the counts of a pipeline that is shut down."""
        counters = pipeline.counters()
        total = counters.exported + counters.queued + counters.in_flight + counters.lost
        if counters.started != total or min(counters.exported, counters.queued, counters.in_flight) < 0:
            self.result.unbalanced.append(str(counters))
        self.result.started += counters.started
        self.result.exported += counters.exported
        self.result.in_flight += counters.in_flight

    def _run_case(self, case: Case, entry: Callable[[Case], None], fault: str) -> None:
        manager = FAULTS.get(fault, FAULTS["none"])[0]
        if fault == "at the limit":
            case.is_at_limit = True
        try:
            with manager(case):
                if fault in {"900 deep", "at the limit"}:
                    left = (
                        DEEP_FRAMES if fault == "900 deep" else sys.getrecursionlimit() - case.source.randrange(5, 70)
                    )
                    _descend(left - _depth(), entry, case)
                else:
                    entry(case)
        except BaseException as error:  # noqa: BLE001 - one case must not end the run
            if not (case.is_at_limit and isinstance(error, RecursionError)):
                trace = error.__traceback__
                while trace is not None and trace.tb_next is not None:
                    trace = trace.tb_next
                place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"
                case.problems.append(f"foreign exception: {type(error).__name__} at {place} outside of any comparison")
        if _context._current.get() is not None:
            case.problems.append("an operation is current after the call")
        if _inbound.inbound.get() is not None:
            case.problems.append("a message is current after the call")


def _threads_left() -> int:
    """Count our threads that are alive, after as long as an export may hang."""
    ours = [thread for thread in threading.enumerate() if thread.name == "modeltally"]
    for thread in ours:
        thread.join(HANG_SECONDS / max(1, len(ours)))
    return sum(thread.is_alive() for thread in ours)


def _depth() -> int:
    frame: types.FrameType | None = sys._getframe()
    depth = 0
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    return depth


def _descend(frames: int, entry: Callable[[Case], None], case: Case) -> None:
    if frames > 0:
        _descend(frames - 1, entry, case)
    else:
        entry(case)


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Notice exceptions and warnings that reach nobody, and messages that cannot be formatted."""

    def unraisable(hook: Any) -> None:
        if isinstance(hook.exc_value, RecursionError):
            return  # near the limit a destructor of the host's fails as well
        if hook.exc_value is None or not hostile_objects.is_hosts(hook.exc_value):
            noticed.append(f"unraisable {hook.exc_type.__name__}: {hook.err_msg} {hook.object!r:.100}")

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        noticed.append(f"thread ended by {arguments.exc_type.__name__}")

    def warned(message: Warning | str, category: type[Warning], *_args: object, **_kwargs: object) -> None:
        # others are the objects' own, and so is what a mock's method leaves that must be awaited
        if issubclass(category, (RuntimeWarning, ResourceWarning)) and "AsyncMock" not in str(message):
            noticed.append(f"{category.__name__}: {message}")

    def counted(site: str, message: str, *arguments: object) -> None:
        if site == THREAD_SITE:
            noticed.append(f"{message % arguments}: {traceback.format_exc()}")
        problem(site, message, *arguments)

    problem = _guard.problem
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it says that tasks were interrupted, as they are
    former = sys.unraisablehook, threading.excepthook, warnings.showwarning
    logger = logging.getLogger("modeltally")
    check = LogCheck()
    logger.addHandler(check)
    logger.propagate = False
    sys.unraisablehook, threading.excepthook = unraisable, in_thread
    with warnings.catch_warnings(), faults.replaced(_guard, "problem", counted):
        warnings.simplefilter("always")
        warnings.showwarning = warned
        try:
            yield
        finally:
            sys.unraisablehook, threading.excepthook, warnings.showwarning = former
            logger.removeHandler(check)
            logger.propagate = True


def run(calls: int, seed: int) -> Result:
    """Run so many cases; of the last tenth those in many threads that do not configure the whole process."""
    os.environ["MODELTALLY_OTLP_ENDPOINT"] = "http://127.0.0.1:9"  # nobody listens there
    work = Run(seed)
    hostile.FAMILIES["huge"](random.Random(seed))
    with watched(), collected_between():
        work.configure()
        first_in_threads = calls - calls // 10
        together = [number for number in range(first_in_threads, calls) if not _is_configure(number)]
        alone = [*range(first_in_threads), *filter(_is_configure, range(first_in_threads, calls))]
        started = time.monotonic()
        for done, number in enumerate(alone):
            if done and done % CALLS_PER_REPORT == 0:
                sys.stderr.write(f"{done} of {calls} calls, {done / (time.monotonic() - started):.0f} a second\n")
            if done % CALLS_PER_MODE == 0:
                faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
                work.exporter.switch(ModeExporter.MODES[done // CALLS_PER_MODE % len(ModeExporter.MODES)])
                _guard._logged_at.clear()
            if not work.is_configured:
                work.configure()
            work.one(number)
        work.exporter.switch("good")
        faulthandler.dump_traceback_later(HANG_SECONDS + len(together) / 10, exit=True)
        work.many(together)
        faulthandler.cancel_dump_traceback_later()
        return work.finish()


@contextlib.contextmanager
def collected_between() -> Iterator[None]:
    """Collect garbage between cases only.

    In Python 3.11 a collection may begin inside of ``ContextVar.set``, and a destructor that sets a context variable
    then, ours or anybody's, crashes the interpreter.
    """
    gc.collect()
    gc.freeze()  # what is shared by all cases
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _is_configure(number: int) -> bool:
    return CELLS[number * STRIDE % len(CELLS)][1] == "configure"


def print_result(result: Result) -> None:
    """Print the tables and the verdict."""
    write = sys.stdout.write
    families = list(hostile.FAMILIES)
    width = max(map(len, ENTRIES)) + 1
    write(f"objects (columns): {', '.join(f'{index} {name}' for index, name in enumerate(families, 1))}\n\n")
    write(" " * width + "".join(f"{index:6}" for index in range(1, len(families) + 1)) + "\n")
    for entry in ENTRIES:
        hits = "".join(f"{result.cells[family, entry]:6}" for family in families)
        write(f"{entry:{width}}{hits}\n")
    write("\nfaults: " + ", ".join(f"{name} {count}" for name, count in result.faults.items()) + "\n")
    write("exporter asked while it: " + ", ".join(f"{mode} {n}" for mode, n in result.exporter.items()) + "\n")
    if MISSING:
        write(f"not there, so not called: {', '.join(MISSING)}\n")
    for seconds, name in reversed(result.slowest):
        write(f"slow: {seconds:.3f} s case {name}\n")
    by_kind: dict[str, list[tuple[int, str, str, str, str]]] = {}
    for failure in result.failures:
        by_kind.setdefault(re.sub(r"0x[0-9a-f]+|'[^']*'", "", failure[4]).partition(" past ")[0], []).append(failure)
    for failures in sorted(by_kind.values(), key=len, reverse=True)[:SHOWN]:
        number, family, entry, fault, problem = failures[0]
        write(f"FAILED {len(failures)} like case {number} ({family} / {entry} / {fault}): {problem}\n")
        write(f"  repeat: python tests/chaos/instrument --seed {result.seed} --only {number}\n")
    for counters in result.unbalanced[:SHOWN]:
        write(f"UNBALANCED {counters}\n")
    write(
        f"seed {result.seed}: {result.calls} calls, fewest in a cell {min(result.cells.values(), default=0)};"
        f" {len(result.failures)} failures (target 0);"
        f" operations started {result.started}, exported {result.exported}, taken by the exporter {result.accepted},"
        f" left in flight {result.in_flight}; pipelines whose counts do not add up {len(result.unbalanced)};"
        f" background thread ended by itself {result.threads_ended} times (target 0),"
        f" threads left {result.threads_left} (target 0)\n"
    )


def only(number: int, seed: int) -> Result:
    """Run one case alone."""
    work = Run(seed)
    with watched():
        work.configure()
        work.exporter.switch(ModeExporter.MODES[number // CALLS_PER_MODE % len(ModeExporter.MODES)])
        work.one(number)
        return work.finish()
