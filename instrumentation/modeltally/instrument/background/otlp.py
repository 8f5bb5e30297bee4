"""Sending spans and metrics over OTLP/HTTP.

The stock exporter counts redirects as success, does not read partial success, gives up within its timeout, draws its
jitter from Python's global random generator, and loses a batch for one span that cannot be encoded. This module is
imported in the background thread: a service does not wait for it.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from modeltally.instrument._guard import problem
from modeltally.instrument.background.http import (
    UNREACHABLE,
    Response,
    UnusableSettingError,
    close,
    is_refused,
    open_session,
    post,
)
from modeltally.instrument.background.wire import Encoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.metrics.export import MetricsData

    from modeltally.instrument._destination import Destination
    from modeltally.instrument._scalars import Scalar
    from modeltally.instrument.background.convert import Span

__all__ = ["REFUSED_SECONDS", "Batch", "ExportResult", "MetricSender", "OtlpMetricSender", "OtlpSender", "Sender"]

RETRYABLE: Final = frozenset({429, 502, 503, 504})
TOO_LARGE: Final = 413
REFUSED_SECONDS: Final = 600.0  # before metrics are offered again to who does not take them


@dataclass(frozen=True, slots=True)
class Batch:
    """Spans that travel together.

    Attributes:
        spans: The spans in their sender's form, each with whether it counts as an operation.
        body: All of them together, if the sender needs that.
    """

    spans: Sequence[tuple[Any, bool]]
    body: bytes = b""

    @property
    def counted(self) -> int:
        """How many operations it carries."""
        return sum(is_counted for _, is_counted in self.spans)


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The result of sending a batch.

    Attributes:
        delivered: Spans that the receiver accepted.
        dropped_as: Reason under which the rest is lost; None when nothing is.
        retry_after_seconds: None when it is final; else the delay before another try, 0.0 when the receiver named none.
        is_too_large: Whether two halves should be tried instead.
        is_refused: Whether nobody listens there, which costs nothing to find out again.
    """

    delivered: int = 0
    dropped_as: str | None = None
    retry_after_seconds: float | None = None
    is_too_large: bool = False
    is_refused: bool = False


class Sender(Protocol):
    """Where batches go."""

    def encode(self, span: Span) -> Any:
        """Encode a span; may raise anything when that is impossible."""

    def pack(self, spans: Sequence[tuple[Any, bool]]) -> Batch:
        """Put encoded spans into a batch."""

    def send(self, batch: Batch, *, timeout_seconds: float) -> ExportResult:
        """Try once."""

    def close(self) -> None:
        """Close connections."""


class MetricSender(Protocol):
    """Where metrics go."""

    def send(self, data: MetricsData, *, timeout_seconds: float) -> float:
        """Try once; return for how many seconds the receiver asks for a pause, 0.0 for none."""

    def close(self) -> None:
        """Close connections."""


class OtlpSender:
    """OTLP over HTTP with protobuf bodies."""

    def __init__(self, destination: Destination, *, resource: Mapping[str, Scalar], version: str) -> None:
        """Prepare a session.

        Args:
            destination: Where to.
            resource: The process's attributes.
            version: Ours.
        """
        self._destination = destination
        self._encoder = Encoder(resource, version=version)
        self._session = open_session(destination, version)

    def encode(self, span: Span) -> bytes:
        """Write a span as it travels."""
        return self._encoder.span(span)

    def pack(self, spans: Sequence[tuple[bytes, bool]]) -> Batch:
        """Write a request."""
        body = self._encoder.request([span for span, _ in spans])
        return Batch(spans, gzip.compress(body, 1) if self._destination.is_compressed else body)

    def send(self, batch: Batch, *, timeout_seconds: float) -> ExportResult:
        """Post once; redirects are not followed, and only 2xx is success."""
        if not batch.spans:
            return ExportResult()
        try:
            response, answer = post(self._session, self._destination, batch.body, timeout_seconds=timeout_seconds)
        except UNREACHABLE as error:
            problem(
                "unreachable", "%s cannot be reached (%s); trying again", self._destination.shown, type(error).__name__
            )
            return ExportResult(retry_after_seconds=0.0, is_refused=is_refused(error))
        except UnusableSettingError as error:
            problem("unusable_setting", "%s; what is recorded is kept, trying again", str(error))
            return ExportResult(retry_after_seconds=0.0)
        return self._judge(response, answer, batch)

    def close(self) -> None:
        """Close the session's connections."""
        close(self._session)

    def _judge(self, response: Response, answer: bytes, batch: Batch) -> ExportResult:
        status = response.status_code
        if 200 <= status < 300:  # noqa: PLR2004 - the success class of HTTP
            rejected = min(_rejected(answer), batch.counted)
            if rejected:
                problem("rejected", "%s rejected %d spans", self._destination.shown, rejected)
            return ExportResult(delivered=batch.counted - rejected, dropped_as="rejected" if rejected else None)
        if status in RETRYABLE:
            return ExportResult(retry_after_seconds=_retry_after(response.headers.get("Retry-After")))
        if status == TOO_LARGE and len(batch.spans) > 1:
            return ExportResult(is_too_large=True)
        problem(
            "refused",
            "%s answered %d; %d operations are lost (endpoint from %s)",
            self._destination.shown,
            status,
            batch.counted,
            self._destination.reason,
        )
        is_client_error = 400 <= status < 500  # noqa: PLR2004 - the client error class of HTTP
        return ExportResult(dropped_as="rejected" if is_client_error else "export_failed")


class OtlpMetricSender:
    """The same for metrics, which are totals: what one attempt does not deliver, the next one brings."""

    def __init__(self, destination: Destination, *, version: str) -> None:
        """Prepare a session.

        Args:
            destination: Where to.
            version: Ours.
        """
        # a service without metrics does not wait for these
        from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics  # noqa: PLC0415 - see above
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (  # noqa: PLC0415 - see above
            ExportMetricsServiceResponse,
        )

        self._destination = destination
        self._encode = encode_metrics
        self._response = ExportMetricsServiceResponse
        self._session = open_session(destination, version)

    def send(self, data: MetricsData, *, timeout_seconds: float) -> float:
        """Post once; redirects are not followed, and only 2xx is success."""
        body = self._encode(data).SerializeToString()
        if self._destination.is_compressed:
            body = gzip.compress(body, 1)
        shown = self._destination.shown
        try:
            response, answer = post(self._session, self._destination, body, timeout_seconds=timeout_seconds)
        except UNREACHABLE as error:
            problem("metrics_unreachable", "%s cannot be reached (%s); metrics come later", shown, type(error).__name__)
            return 0.0
        except UnusableSettingError as error:
            problem("metrics_unusable_setting", "%s; metrics come later", str(error))
            return 0.0
        status = response.status_code
        if 200 <= status < 300:  # noqa: PLR2004 - the success class of HTTP
            rejected = self._rejected(answer)
            if rejected:
                problem("metrics_rejected", "%s rejected %d points of metrics", shown, rejected)
            return 0.0
        if status in RETRYABLE:
            problem("metrics_unreachable", "%s answered %d; metrics come later", shown, status)
            return min(_retry_after(response.headers.get("Retry-After")), REFUSED_SECONDS)
        problem(
            "metrics_refused",
            "%s answered %d and takes no metrics (endpoint from %s); they are offered again in ten minutes, and"
            " configure(metrics=False) switches them off",
            shown,
            status,
            self._destination.reason,
        )
        return REFUSED_SECONDS

    def close(self) -> None:
        """Close the session's connections."""
        close(self._session)

    def _rejected(self, body: bytes) -> int:
        """Read how many points were rejected; an answer that is not protobuf rejects none."""
        try:
            return int(self._response.FromString(body).partial_success.rejected_data_points)
        except Exception:  # noqa: BLE001 - proxies answer 200 with pages of their own
            return 0


def _rejected(body: bytes) -> int:
    """Read how many spans were rejected; an answer that is not protobuf rejects none."""
    try:
        return int(ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans)
    except Exception:  # noqa: BLE001 - proxies answer 200 with pages of their own
        return 0


def _retry_after(text: str | None) -> float:
    """Read a number of seconds; a date or garbage counts as none."""
    try:
        seconds = float(text or 0)
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < float("inf") else 0.0
