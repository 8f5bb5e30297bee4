"""The pipeline of this process: configured, replaced, renewed in a forked child, ended at exit."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final

from modeltally.instrument import _guard, _ids, _pipeline, _process
from modeltally.instrument._config import Config, ConfigError, find_destination
from modeltally.instrument._counters import Counters
from modeltally.instrument._guard import guarded, log, problem
from modeltally.instrument._pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["active", "configure", "counters", "flush", "shutdown"]

EXIT_SECONDS: Final = 2.0
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
    """
    given = {"service_name": service_name, "service_version": service_version, "environment": environment}
    try:
        _check_exporter(exporter)
        _check_texts(endpoint=endpoint, user_key=user_key, **given)
        _check_numbers(
            export_interval_seconds=export_interval_seconds,
            unfinished_after_seconds=unfinished_after_seconds,
            heartbeat_interval_seconds=heartbeat_interval_seconds,
            max_queue_items=max_queue_items,
            max_queue_bytes=max_queue_bytes,
        )
        config = Config(
            destination=find_destination(endpoint, headers),
            exporter=exporter,
            user_key=user_key,
            resource={_RESOURCE_NAMES[key]: value for key, value in given.items() if value is not None},
            export_interval_seconds=export_interval_seconds,
            unfinished_after_seconds=unfinished_after_seconds,
            heartbeat_interval_seconds=heartbeat_interval_seconds,
            max_queue_items=max_queue_items,
            max_queue_bytes=max_queue_bytes,
        )
    except ConfigError as error:
        problem("configuration", "%s; telemetry is off", str(error))
        _replace(None)
        return
    if exporter is None:
        log.info("exporting to %s (from %s)", config.destination.shown, config.destination.reason)
    else:
        log.info("exporting through %s", type(exporter).__qualname__)
    _replace(Pipeline(config))
    _process.configured()


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
    return True if pipeline is None else pipeline.shut_down(timeout_seconds)


@guarded(default=Counters())
def counters() -> Counters:
    """Return what happened to the operations of this process since :func:`configure`."""
    with _state.lock:
        pipeline, dropped = _state.pipeline, dict(_state.without_pipeline)
    if pipeline is not None:
        return pipeline.counters()
    lost = sum(dropped.values())
    return Counters(started=lost, finished=lost, dropped=dropped, problems=_guard.problems())


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
        former.shut_down(EXIT_SECONDS)


def _check_numbers(**numbers: float) -> None:
    for key, value in numbers.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 < value < math.inf:
            raise ConfigError(f"configure({key}=...) is {value!r}; give a number above 0")


def _check_exporter(exporter: object) -> None:
    if exporter is not None and not callable(getattr(exporter, "export", None)):
        raise ConfigError(f"configure(exporter=...) is of type {type(exporter).__qualname__}; give a span exporter")


def _check_texts(**texts: object) -> None:
    for key, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"configure({key}=...) is of type {type(value).__qualname__}; give text")


def _before_fork() -> None:
    """Let an import in the background thread come to its end."""
    _state.holds_imports = _pipeline.imports.acquire(timeout=FORK_WAIT_SECONDS)


def _after_fork_in_parent() -> None:
    if _state.holds_imports:
        _pipeline.imports.release()


def _after_fork_in_child() -> None:
    """Begin anew: what the parent had queued and running is the parent's."""
    _guard.after_fork()
    _ids.after_fork()
    _pipeline.imports = threading.Lock()
    former = _state.pipeline
    _state.lock = threading.RLock()
    _state.without_pipeline = {}
    _state.pipeline = Pipeline(former.config) if former is not None and former.closes_at is None else None
    if former is not None:
        former.leave_to_parent()


_process.at_exit(lambda: shutdown(EXIT_SECONDS))
_process.at_fork(
    before=guarded(None)(_before_fork),
    in_parent=guarded(None)(_after_fork_in_parent),
    in_child=guarded(None)(_after_fork_in_child),
)
