"""The settings of a service: each is one field with its meaning and default; its type selects its check."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final

from modeltally.instrument._checks import CHECKS
from modeltally.instrument._destination import Destination, find_destination, find_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

    from modeltally.instrument._redaction import Redact

__all__ = ["Config"]

_RESOURCE_NAMES: Final = {
    "service_name": "service.name",
    "service_version": "service.version",
    "environment": "deployment.environment.name",
}
_COMPARED: Final = (str, int, float, bool, dict, Destination)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Config:
    """The settings of one pipeline, kept for the pipelines of forked children.

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
        gpu_metrics: Whether the GPUs' memory and work are among the metrics (``hw.gpu.*``, of the whole machine); else
            ``MODELTALLY_GPU_METRICS=true``. It needs NVIDIA's ``nvidia-ml-py`` in the service.
        redact: Asked in the call before an operation is queued: ``redact(operation, values)`` returns the values that
            may leave, changed as you like. When it raises, every text of that operation is left out.
        record_error_messages: Whether the message of an exception is recorded, up to 512 characters. Messages may
            quote prompts and names, so it is off: what is always recorded is the class and the place.
        mirror: Whether each operation that ended also becomes a span in the host's own traces, under the span that
            was current when it began, as the host's sampler decides. Its ids are drawn by the host's provider, which
            by default takes them from Python's global random generator.
        handle_sigterm: Whether SIGTERM delivers what is waiting, two seconds at most, before it ends the process as it
            does without us. Only where the host leaves SIGTERM to the system: its own handlers are never replaced.

    Raises:
        ConfigError: A value is not usable.
    """

    endpoint: str | None = None
    headers: Mapping[str, str] | None = None
    service_name: str | None = None
    service_version: str | None = None
    environment: str | None = None
    user_key: str | None = None
    exporter: SpanExporter | None = None
    export_interval_seconds: float = 1.0
    unfinished_after_seconds: float = 5.0
    heartbeat_interval_seconds: float = 30.0
    max_queue_items: int = 65_536
    max_queue_bytes: int = 48 * 1024 * 1024
    metrics: bool = True
    metric_exporter: MetricExporter | None = None
    metrics_interval_seconds: float = 30.0
    gpu_metrics: bool = False
    redact: Redact | None = None
    record_error_messages: bool = False
    mirror: bool = False
    handle_sigterm: bool = True
    # derived
    destination: Destination = field(init=False)
    metric_target: Destination | MetricExporter | None = field(init=False)  # None: no metrics are exported

    def __post_init__(self) -> None:
        """Check every setting and resolve the destinations."""
        for setting in fields(self):
            if setting.init:
                value = CHECKS[str(setting.type)](setting.name, getattr(self, setting.name))
                object.__setattr__(self, setting.name, value)
        object.__setattr__(self, "destination", find_destination(self.endpoint, self.headers))
        target = None
        if self.metrics and (self.exporter is None or self.metric_exporter is not None):
            target = find_metrics(self.endpoint, self.headers, exporter=self.metric_exporter)
        object.__setattr__(self, "metric_target", target)

    def is_like(self, other: Config) -> bool:
        """Return whether another configuration says the same; objects of the host's are the same if they are one."""
        for setting in fields(self):
            mine, theirs = getattr(self, setting.name), getattr(other, setting.name)
            is_plain = type(mine) is type(theirs) and type(mine) in _COMPARED
            if mine is not theirs and not (is_plain and mine == theirs):
                return False
        return True

    @property
    def resource(self) -> dict[str, str]:
        """Resource attributes that describe the service."""
        told = {attribute: getattr(self, name) for name, attribute in _RESOURCE_NAMES.items()}
        return {attribute: text for attribute, text in told.items() if text is not None}
