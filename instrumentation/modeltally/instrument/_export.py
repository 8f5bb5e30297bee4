"""Sending spans: our own small OTLP/HTTP sender around OpenTelemetry's encoder, or any span exporter.

The stock exporter counts redirects as success, does not read partial success, gives up within its timeout, draws its
jitter from Python's global random generator, and loses a batch for one span that cannot be encoded. So only its encoder
is used. This module is imported in the background thread: a service does not wait for it.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import requests
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from requests.utils import get_auth_from_url

from modeltally.instrument._guard import problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from modeltally.instrument._config import Destination

__all__ = ["Delivery", "ExporterSender", "OtlpSender", "Parcel", "Sender"]

RETRYABLE: Final = frozenset({429, 502, 503, 504})
TOO_LARGE: Final = 413
CONNECT_SECONDS: Final = 3.0
MAX_ANSWER_BYTES: Final = 64 * 1024  # who answers with more is no receiver


@dataclass(frozen=True, slots=True)
class Parcel:
    """Spans that travel together.

    Attributes:
        spans: The spans, each with whether it counts as an operation.
        body: Their encoded form, if the sender needs one.
    """

    spans: tuple[tuple[ReadableSpan, bool], ...]
    body: bytes = b""

    @property
    def counted(self) -> int:
        """How many operations it carries."""
        return sum(is_counted for _, is_counted in self.spans)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a parcel.

    Attributes:
        delivered: Spans the other side took.
        dropped_as: Reason under which the rest is lost; None when nothing is.
        retry_after_seconds: None when it is settled; else when to try again, 0.0 when the other side named no time.
        is_too_large: Whether two halves should be tried instead.
    """

    delivered: int = 0
    dropped_as: str | None = None
    retry_after_seconds: float | None = None
    is_too_large: bool = False


class Sender(Protocol):
    """Where parcels go."""

    def pack(self, spans: Sequence[tuple[ReadableSpan, bool]]) -> tuple[Parcel, int]:
        """Make a parcel; returns it and how many operations could not be encoded."""

    def send(self, parcel: Parcel, *, timeout_seconds: float) -> Delivery:
        """Try once."""

    def close(self) -> None:
        """Let go of connections."""


class OtlpSender:
    """OTLP over HTTP with protobuf bodies."""

    def __init__(self, destination: Destination, *, version: str) -> None:
        """Prepare a session.

        Args:
            destination: Where to.
            version: Ours, for the user agent.
        """
        self._destination = destination
        self._session = requests.Session()
        named = get_auth_from_url(destination.url)
        self._session.auth = named if any(named) else _no_credentials
        self._session.headers.update(
            {
                **destination.headers,
                "Content-Type": "application/x-protobuf",
                "Accept-Encoding": "identity",
                "User-Agent": f"modeltally/{version}",
            }
        )
        if destination.is_compressed:
            self._session.headers["Content-Encoding"] = "gzip"
        if destination.certificate:
            self._session.verify = destination.certificate
        self._session.cert = destination.client_certificate

    def pack(self, spans: Sequence[tuple[ReadableSpan, bool]]) -> tuple[Parcel, int]:
        """Encode; a span that cannot be encoded stays behind and takes no other with it."""
        try:
            return self._packed(spans), 0
        except Exception:  # noqa: BLE001 - whatever the encoder raises, some span is the cause: find it
            good = [item for item in spans if _is_encodable(item[0])]
            lost = sum(is_counted for _, is_counted in spans) - sum(is_counted for _, is_counted in good)
            problem("unencodable", "%d spans cannot be encoded; the others are sent", len(spans) - len(good))
            return self._packed(good), lost

    def send(self, parcel: Parcel, *, timeout_seconds: float) -> Delivery:
        """Post once; redirects are not followed, and only 2xx is success."""
        if not parcel.spans:
            return Delivery()
        seconds = min(timeout_seconds, self._destination.timeout_seconds)
        try:
            response = self._session.post(
                self._destination.url,
                data=parcel.body,
                timeout=(min(seconds, CONNECT_SECONDS), seconds),
                allow_redirects=False,
                stream=True,
            )
            with response:
                answer = next(response.iter_content(MAX_ANSWER_BYTES), b"")
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            problem(
                "unreachable", "%s cannot be reached (%s); trying again", self._destination.shown, type(error).__name__
            )
            return Delivery(retry_after_seconds=0.0)
        return self._judge(response, answer, parcel)

    def close(self) -> None:
        """Close the session's connections."""
        self._session.close()

    def _judge(self, response: requests.Response, answer: bytes, parcel: Parcel) -> Delivery:
        status = response.status_code
        if 200 <= status < 300:  # noqa: PLR2004 - the success class of HTTP
            rejected = min(_rejected(answer), parcel.counted)
            if rejected:
                problem("rejected", "%s rejected %d spans", self._destination.shown, rejected)
            return Delivery(delivered=parcel.counted - rejected, dropped_as="rejected" if rejected else None)
        if status in RETRYABLE:
            return Delivery(retry_after_seconds=_retry_after(response.headers.get("Retry-After")))
        if status == TOO_LARGE and len(parcel.spans) > 1:
            return Delivery(is_too_large=True)
        problem(
            "refused",
            "%s answered %d; %d operations are lost (endpoint from %s)",
            self._destination.shown,
            status,
            parcel.counted,
            self._destination.reason,
        )
        is_client_error = 400 <= status < 500  # noqa: PLR2004 - the client error class of HTTP
        return Delivery(dropped_as="rejected" if is_client_error else "export_failed")

    def _packed(self, spans: Sequence[tuple[ReadableSpan, bool]]) -> Parcel:
        body = encode_spans([span for span, _ in spans]).SerializeToString()
        return Parcel(tuple(spans), gzip.compress(body, 1) if self._destination.is_compressed else body)


class ExporterSender:
    """Any OpenTelemetry span exporter, for tests and for hosts with one of their own."""

    def __init__(self, exporter: SpanExporter) -> None:
        """Take the exporter; it stays the caller's to shut down."""
        self._exporter = exporter

    def pack(self, spans: Sequence[tuple[ReadableSpan, bool]]) -> tuple[Parcel, int]:
        """Nothing needs encoding."""
        return Parcel(tuple(spans)), 0

    def send(self, parcel: Parcel, *, timeout_seconds: float) -> Delivery:  # noqa: ARG002 - exporters take no timeout
        """Export; a failure is final, since an exporter retries by itself."""
        try:
            result = self._exporter.export([span for span, _ in parcel.spans])
        except Exception as error:  # noqa: BLE001 - somebody else's code
            problem("exporter", "the exporter raised %s; its batch is lost", type(error).__qualname__)
            return Delivery(dropped_as="export_failed")
        if result is SpanExportResult.SUCCESS:
            return Delivery(delivered=parcel.counted)
        return Delivery(dropped_as="export_failed")

    def close(self) -> None:
        """Do nothing: the exporter is the caller's."""


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add none: left alone, the client would replace the caller's own header by what a `.netrc` file says."""
    return request


def _is_encodable(span: ReadableSpan) -> bool:
    try:
        encode_spans([span]).SerializeToString()
    except Exception:  # noqa: BLE001 - whatever the encoder raises, the answer is no
        return False
    return True


def _rejected(body: bytes) -> int:
    """Read how many spans the other side did not take; an answer that is no protobuf rejects none."""
    try:
        return int(ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans)
    except Exception:  # noqa: BLE001 - proxies answer 200 with pages of their own
        return 0


def _retry_after(text: str | None) -> float:
    """Read a number of seconds; a date or nonsense counts as none named."""
    try:
        seconds = float(text or 0)
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < float("inf") else 0.0
