"""The pipeline of this process: configured, replaced, renewed in a forked child, ended at exit."""

from __future__ import annotations

import contextvars
import functools
import threading
from itertools import starmap
from typing import TYPE_CHECKING, Final, ParamSpec

from modeltally.instrument import _guard, _ids, _late
from modeltally.instrument import _names as names
from modeltally.instrument._checks import ConfigError
from modeltally.instrument._config import Config
from modeltally.instrument._counters import Counters
from modeltally.instrument._destination import Destination
from modeltally.instrument._guard import guarded, internal_error, log_info, problem
from modeltally.instrument._lock import Lock
from modeltally.instrument._pipeline import Pipeline
from modeltally.instrument.process import ends

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.instrument._live import LiveFigures
    from modeltally.instrument.background.worker import Worker

__all__ = ["active", "configure", "counters", "current", "flush", "live", "shutdown"]

EXIT_SECONDS: Final = 1.7  # an end takes two seconds longer at most, and Python has things to do after us
FORK_WAIT_SECONDS: Final = 5.0
RESTART_SECONDS: Final = 1.0

Settings = ParamSpec("Settings")


class _State:
    """The state of this process; one object, so that a forked child resets it in one place."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.pipeline: Pipeline | None = None
        self.without_pipeline: dict[str, int] = {}
        # held while the thread imports: a process that forks meanwhile would leave its child half a module and its lock
        self.imports = threading.Lock()
        self.holds_imports = False  # between the two sides of a fork


_state = _State()


def _takes_settings(
    settings: Callable[Settings, Config],
) -> Callable[[Callable[[Config], None]], Callable[Settings, None]]:
    """Give a function that takes a configuration the signature and documentation of its settings."""

    def decorate(function: Callable[[Config], None]) -> Callable[Settings, None]:
        @functools.wraps(function)
        def take(*args: Settings.args, **kwargs: Settings.kwargs) -> None:
            try:
                config = settings(*args, **kwargs)
            except ConfigError as error:
                problem("configuration", "%s; telemetry is off", str(error))
                _replace(None)
                ends.ended()
            else:
                function(config)

        take.__dict__["__wrapped__"] = settings  # where `inspect.signature` looks
        if function.__doc__ and settings.__doc__:  # interpreters leave them out when told to
            before, _, after = settings.__doc__.partition("Args:")
            indent = before.rpartition("\n")[2]  # from 3.13 on Python takes it away
            arguments = after.partition("Raises:")[0].rstrip()
            take.__doc__ = f"{function.__doc__.rstrip()}\n\n{indent}Args:{arguments}\n{indent}"
        return take

    return decorate


@guarded(None)
@_takes_settings(Config)
def configure(config: Config) -> None:
    """Switch telemetry on in this process.

    Called again with equal settings it changes nothing; with others it ends what was there (two seconds at most) and
    begins anew. It never raises: a value that is not usable is logged, with what is allowed, and telemetry stays off.
    """
    former = _state.pipeline
    if former is not None and former.closes_at is None and former.config.is_like(config):
        ends.configured(handle_sigterm=config.handle_sigterm)
        return  # each task of a pool says so, perhaps: what is running goes on
    if config.exporter is None:
        log_info("exporting to %s (from %s)", config.destination.shown, config.destination.reason)
    else:
        log_info("exporting through %s", type(config.exporter).__qualname__)
    _log_metrics(config)
    _replace(Pipeline(config, _work))
    ends.configured(handle_sigterm=config.handle_sigterm)


@guarded(default=False)
def flush(timeout_seconds: float = 10.0) -> bool:
    """Wait until everything recorded so far has been delivered.

    Args:
        timeout_seconds: How long to wait at most.

    Returns:
        Whether all of it was, and nothing has been lost since the last call; True when telemetry is off.
    """
    pipeline = _state.pipeline
    return True if pipeline is None else pipeline.flush(timeout_seconds)


@guarded(default=False)
def shutdown(timeout_seconds: float = 2.0) -> bool:
    """Deliver what is waiting and say goodbye; later operations are dropped until :func:`configure` is called again.

    Args:
        timeout_seconds: How long to wait at most; what is left by then is counted as lost.

    Returns:
        Whether everything recorded was delivered; True when telemetry was off.
    """
    pipeline = _state.pipeline
    is_complete = True if pipeline is None else pipeline.shut_down(timeout_seconds)
    ends.ended()
    return is_complete


@guarded(default=Counters())
def counters() -> Counters:
    """Return what happened to the operations of this process since :func:`configure`."""
    for _ in _state.lock.taken:
        try:
            pipeline, dropped = _state.pipeline, dict(_state.without_pipeline)
        finally:
            _state.lock.release()
        break
    if pipeline is not None:
        return pipeline.counters()
    lost = sum(dropped.values())
    return Counters(started=lost, finished=lost, dropped=dropped, problems=_guard.problems())


def live(operation: str = names.MODEL_REQUEST) -> dict[str, LiveFigures]:
    """Return the last hour of this process, by model or pattern: counts, success rate, durations, what is running.

    Kept in memory, so it answers without a store and at once. The figures are those of this process since it started
    or was forked; nested operations are in none of them.

    Args:
        operation: Its kind; requests where none is named.

    Returns:
        The figures by model, for runs by pattern; empty when telemetry is off.
    """
    return _live(operation) or {}


@guarded(None)
def _live(operation: str) -> dict[str, LiveFigures] | None:
    pipeline = _state.pipeline
    if pipeline is None:
        return None
    running = [(item.operation, item.subject) for item in pipeline.running() if not item.nested]
    return pipeline.live.figures(operation, running)


def current() -> Pipeline | None:
    """Return the pipeline, if there is one."""
    return _state.pipeline


def reset() -> None:
    """Forget the pipeline and what was lost without one."""
    for _ in _state.lock.taken:
        try:
            _state.pipeline = None
            _state.without_pipeline.clear()
        finally:
            _state.lock.release()
        break


def active() -> Pipeline | None:
    """Return the pipeline; without one, count the operation that asked for it as lost."""
    pipeline = _state.pipeline
    if pipeline is None:
        for _ in _state.lock.taken:
            try:
                _state.without_pipeline["not_configured"] = _state.without_pipeline.get("not_configured", 0) + 1
            finally:
                _state.lock.release()
            break
        problem("not_configured", "operations are not recorded: call modeltally.configure() first")
    return pipeline


def _replace(pipeline: Pipeline | None) -> None:
    for _ in _state.lock.taken:
        try:
            former, _state.pipeline = _state.pipeline, pipeline
            losses, _state.without_pipeline = _state.without_pipeline, {}
        finally:
            _state.lock.release()
        break
    if pipeline is not None:
        pipeline.inherit(losses)
    if former is not None:
        try:
            former.shut_down(EXIT_SECONDS)
        finally:
            if former.closes_at is None:  # a clock failed, say: nobody else can end its thread any more
                former.closes_at = 0.0
                former.closing.set()
                former.wake.set()
        if pipeline is not None:
            pipeline.inherit(former.untold())


@guarded(None)
def _deliver(*, is_end: bool, timeout_seconds: float | None = None) -> None:
    """Deliver what is waiting because the process ends or may end."""
    timeout_seconds = EXIT_SECONDS if timeout_seconds is None else timeout_seconds
    pipeline = _state.pipeline
    if pipeline is None or (pipeline.closes_at is not None and not is_end):
        return
    pipeline.interrupt_waits(is_on=False)
    if is_end:
        pipeline.shut_down(timeout_seconds)
    elif pipeline.counters().in_flight:
        pipeline.flush(timeout_seconds)
    else:
        # what runs after all is recorded by a new one; this one says goodbye
        _replace(Pipeline(pipeline.config, _work))


@guarded(None)
def _interrupt_waits() -> None:
    pipeline = _state.pipeline
    if pipeline is not None:
        pipeline.interrupt_waits(is_on=True)


def _work(pipeline: Pipeline) -> None:
    """Run the background work of a pipeline; what fails as it begins, for want of descriptors say, is tried again."""
    worker = None
    while worker is None:
        try:
            worker = _worker(pipeline)
        except Exception as error:
            if pipeline.closes_at is not None:
                raise
            internal_error("background start", error)
            pipeline.closing.wait(RESTART_SECONDS)
    contextvars.copy_context().run(worker.run)  # at exit this is the host's thread: its context stays


def _worker(pipeline: Pipeline) -> Worker:
    """Make the background worker of a pipeline; the SDK is imported in its thread."""
    for _ in starmap(_state.imports.acquire, ((),)):  # see `_lock`: at exit this is the main thread
        try:
            from modeltally.instrument.background.worker import Worker  # noqa: PLC0415 - named above

            worker = Worker(pipeline)
        finally:
            _state.imports.release()
        break
    return worker


def _import_background() -> None:
    """Import now what the background thread will need, with metrics."""
    from modeltally.instrument.background import reporter, worker  # noqa: F401, PLC0415 - named above


def _log_metrics(config: Config) -> None:
    """Log where metrics go if that differs from where spans go."""
    target = config.metric_target
    if isinstance(target, Destination) and target.reason != config.destination.reason:
        log_info("exporting metrics to %s (from %s)", target.shown, target.reason)
    elif target is not None and not isinstance(target, Destination):
        log_info("exporting metrics through %s", type(target).__qualname__)


def _before_fork() -> None:
    """Wait for an import in the background thread to finish."""
    for holds_imports in starmap(_state.imports.acquire, ((True, FORK_WAIT_SECONDS),)):  # see `_lock`
        _state.holds_imports = holds_imports


def _after_fork_in_parent() -> None:
    if _state.holds_imports:
        _state.imports.release()


def _after_fork_in_child() -> None:
    """Start afresh: what is queued and running belongs to the parent."""
    _guard.after_fork()
    _ids.after_fork()
    _late.forget()
    _state.imports = threading.Lock()
    former = _state.pipeline
    _state.lock = Lock()
    _state.without_pipeline = {}
    _state.pipeline = Pipeline(former.config, _work) if former is not None and former.closes_at is None else None
    if former is not None:
        former.reset_after_fork()


ends.at_end(deliver=_deliver, interrupt_waits=_interrupt_waits, import_background=_import_background)
ends.at_fork(
    before=guarded(None)(_before_fork),
    in_parent=guarded(None)(_after_fork_in_parent),
    in_child=guarded(None)(_after_fork_in_child),
)
