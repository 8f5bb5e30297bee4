"""The pipeline of this process: configured, replaced, renewed in a forked child, ended at exit."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Final

from modeltally.instrument import _guard, _ids
from modeltally.instrument import _names as names
from modeltally.instrument._checks import check_exporters, check_function, check_numbers, check_switches, plain_text
from modeltally.instrument._config import Config, ConfigError, Destination, find_destination, find_metrics
from modeltally.instrument._counters import Counters
from modeltally.instrument._guard import guarded, problem, say
from modeltally.instrument._pipeline import Pipeline
from modeltally.instrument.process import ends

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

    from modeltally.instrument._live import LiveFigures
    from modeltally.instrument._redaction import Redact

__all__ = ["active", "configure", "counters", "current", "flush", "live", "shutdown"]

EXIT_SECONDS: Final = 1.7  # an end takes two seconds longer at most, and Python has things to do after us
FORK_WAIT_SECONDS: Final = 5.0


_RESOURCE_NAMES: Final = {
    "service_name": "service.name",
    "service_version": "service.version",
    "environment": "deployment.environment.name",
}


class _State:
    """What this process has; one object, so that a forked child renews it in one place."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.pipeline: Pipeline | None = None
        self.without_pipeline: dict[str, int] = {}
        # held while the thread imports: a process that forks meanwhile would leave its child half a module and its lock
        self.imports = threading.Lock()
        self.holds_imports = False  # between the two sides of a fork


_state = _State()


@guarded(None)
def configure(  # noqa: PLR0913 - one keyword for each setting, all optional
    *,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    service_name: str | None = None,
    service_version: str | None = None,
    environment: str | None = None,
    user_key: str | None = None,
    exporter: SpanExporter | None = None,
    export_interval_seconds: float = 1.0,
    unfinished_after_seconds: float = 5.0,
    heartbeat_interval_seconds: float = 30.0,
    max_queue_items: int = 65_536,
    max_queue_bytes: int = 48 * 1024 * 1024,
    metrics: bool = True,
    metric_exporter: MetricExporter | None = None,
    metrics_interval_seconds: float = 30.0,
    redact: Redact | None = None,
    record_error_messages: bool = False,
    mirror: bool = False,
    handle_sigterm: bool = True,
) -> None:
    """Switch telemetry on in this process. Called again, it ends what was there (two seconds at most) and begins anew.

    It never raises: a value that is not usable is logged, with what is allowed, and telemetry stays off.

    Args:
        endpoint: Base address of an OTLP/HTTP receiver. Else ``MODELTALLY_OTLP_ENDPOINT``, else the standard
            ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` or ``OTEL_EXPORTER_OTLP_ENDPOINT``, else ``http://127.0.0.1:4318``.
        headers: Sent with each request, added to those in the environment.
        service_name: Else ``OTEL_SERVICE_NAME`` or what ``OTEL_RESOURCE_ATTRIBUTES`` says.
        service_version: The service's version.
        environment: Where it is deployed, for example ``production``.
        user_key: The deployment's key for hashing users and prompts. Else ``MODELTALLY_USER_KEY``, else the file
            ``user.key`` in the data directory. Without one no user is recorded.
        exporter: Any OpenTelemetry span exporter, instead of OTLP over HTTP.
        export_interval_seconds: How long a finished operation waits at most before it is sent.
        unfinished_after_seconds: An operation running longer than this leaves an unfinished copy of itself.
        heartbeat_interval_seconds: How often the process says how many operations it saw.
        max_queue_items: Most operations waiting to be sent; further ones are dropped and counted.
        max_queue_bytes: Most bytes, about, that they may take.
        metrics: Whether totals of the operations are exported as OpenTelemetry metrics as well, to the same endpoint
            (``MODELTALLY_OTLP_ENDPOINT``, else ``OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`` and so on).
            ``OTEL_METRICS_EXPORTER=none`` switches them off too, and so does an ``exporter`` without a
            ``metric_exporter``.
        metric_exporter: Any OpenTelemetry metric exporter, instead of OTLP over HTTP. It gets cumulative values.
        metrics_interval_seconds: How often they are exported, and once more at the end.
        redact: Asked in the call before an operation is queued: ``redact(operation, values)`` returns the values that
            may leave, changed as you like. When it raises, every text of that operation is left out.
        record_error_messages: Whether the message of an exception is recorded, up to 512 characters. Messages may
            quote prompts and names, so it is off: what is always recorded is the class and the place.
        mirror: Whether each operation that ended also becomes a span in the host's own traces, under the span that
            was current when it began, as the host's sampler decides. Its ids are drawn by the host's provider, which
            by default takes them from Python's global random generator.
        handle_sigterm: Whether SIGTERM delivers what is waiting, two seconds at most, before it ends the process as it
            does without us. Only where the host leaves SIGTERM to the system: its own handlers are never replaced.
    """
    given = {"service_name": service_name, "service_version": service_version, "environment": environment}
    try:
        check_exporters(exporter=exporter, metric_exporter=metric_exporter)
        check_function(redact=redact)
        check_switches(
            metrics=metrics,
            record_error_messages=record_error_messages,
            mirror=mirror,
            handle_sigterm=handle_sigterm,
        )
        endpoint, user_key = plain_text("endpoint", endpoint), plain_text("user_key", user_key)
        texts = {_RESOURCE_NAMES[key]: plain_text(key, value) for key, value in given.items()}
        check_numbers(
            export_interval_seconds=export_interval_seconds,
            unfinished_after_seconds=unfinished_after_seconds,
            heartbeat_interval_seconds=heartbeat_interval_seconds,
            max_queue_items=max_queue_items,
            max_queue_bytes=max_queue_bytes,
            metrics_interval_seconds=metrics_interval_seconds,
        )
        config = Config(
            destination=find_destination(endpoint, headers),
            metrics=find_metrics(endpoint, headers, exporter=metric_exporter, interval_seconds=metrics_interval_seconds)
            if metrics and (exporter is None or metric_exporter is not None)
            else None,
            exporter=exporter,
            user_key=user_key,
            resource={name: text for name, text in texts.items() if text is not None},
            export_interval_seconds=export_interval_seconds,
            unfinished_after_seconds=unfinished_after_seconds,
            heartbeat_interval_seconds=heartbeat_interval_seconds,
            max_queue_items=max_queue_items,
            max_queue_bytes=max_queue_bytes,
            redact=redact,
            record_error_messages=record_error_messages,
            mirror=mirror,
        )
    except ConfigError as error:
        problem("configuration", "%s; telemetry is off", str(error))
        _replace(None)
        ends.ended()
        return
    if exporter is None:
        say("exporting to %s (from %s)", config.destination.shown, config.destination.reason)
    else:
        say("exporting through %s", type(exporter).__qualname__)
    _log_metrics(config)
    _replace(Pipeline(config, _work))
    ends.configured(handle_sigterm=handle_sigterm)


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
    with _state.lock:
        pipeline, dropped = _state.pipeline, dict(_state.without_pipeline)
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


def active() -> Pipeline | None:
    """Return the pipeline; without one, count the operation that asked for it as lost."""
    pipeline = _state.pipeline
    if pipeline is None:
        with _state.lock:
            _state.without_pipeline["not_configured"] = _state.without_pipeline.get("not_configured", 0) + 1
        problem("not_configured", "operations are not recorded: call modeltally.configure() first")
    return pipeline


def _replace(pipeline: Pipeline | None) -> None:
    with _state.lock:
        former, _state.pipeline = _state.pipeline, pipeline
        _state.without_pipeline.clear()
    if former is not None:
        try:
            former.shut_down(EXIT_SECONDS)
        finally:
            if former.closes_at is None:  # a clock failed, say: nobody else can end its thread any more
                former.closes_at = 0.0
                former.closing.set()
                former.wake.set()


@guarded(None)
def _deliver(*, is_end: bool, timeout_seconds: float = EXIT_SECONDS) -> None:
    """Deliver what is waiting, because the process ends or may end."""
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
    """Do what a pipeline's background thread does; the SDK is imported in that thread."""
    with _state.imports:
        from modeltally.instrument.background.worker import Worker  # noqa: PLC0415 - named above

        worker = Worker(pipeline)
    contextvars.copy_context().run(worker.run)  # at exit this is the host's thread: its context stays


def _import_background() -> None:
    """Import now what the background thread will need, with metrics."""
    from modeltally.instrument.background import reporter, worker  # noqa: F401, PLC0415 - named above


def _log_metrics(config: Config) -> None:
    """Say where metrics go when that is not where the spans go."""
    target = config.metrics.target if config.metrics is not None else None
    if isinstance(target, Destination) and target.reason != config.destination.reason:
        say("exporting metrics to %s (from %s)", target.shown, target.reason)
    elif target is not None and not isinstance(target, Destination):
        say("exporting metrics through %s", type(target).__qualname__)


def _before_fork() -> None:
    """Let an import in the background thread come to its end."""
    _state.holds_imports = _state.imports.acquire(timeout=FORK_WAIT_SECONDS)


def _after_fork_in_parent() -> None:
    if _state.holds_imports:
        _state.imports.release()


def _after_fork_in_child() -> None:
    """Begin anew: what the parent had queued and running is the parent's."""
    _guard.after_fork()
    _ids.after_fork()
    _state.imports = threading.Lock()
    former = _state.pipeline
    _state.lock = threading.RLock()
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
