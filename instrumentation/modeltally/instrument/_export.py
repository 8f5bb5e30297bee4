"""Sending spans over OTLP/HTTP.

The stock exporter counts redirects as success, does not read partial success, gives up within its timeout, draws its
jitter from Python's global random generator, and loses a batch for one span that cannot be encoded. This module is
imported in the background thread: a service does not wait for it.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from requests.utils import get_auth_from_url

from modeltally.instrument._guard import problem
from modeltally.instrument._wire import Encoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.instrument._config import Destination
    from modeltally.instrument._convert import Span
    from modeltally.instrument._values import Scalar

__all__ = ["Delivery", "OtlpSender", "Parcel", "Sender"]

RETRYABLE: Final = frozenset({429, 502, 503, 504})
TOO_LARGE: Final = 413
CONNECT_SECONDS: Final = 3.0
MAX_ANSWER_BYTES: Final = 64 * 1024  # who answers with more is no receiver


@dataclass(frozen=True, slots=True)
class Parcel:
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

    def encode(self, span: Span) -> Any:
        """Bring a span into the form it is sent in; raises whatever it likes when that cannot be."""

    def pack(self, spans: Sequence[tuple[Any, bool]]) -> Parcel:
        """Make a parcel of encoded spans."""

    def send(self, parcel: Parcel, *, timeout_seconds: float) -> Delivery:
        """Try once."""

    def close(self) -> None:
        """Let go of connections."""


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

    def encode(self, span: Span) -> bytes:
        """Write a span as it travels."""
        return self._encoder.span(span)

    def pack(self, spans: Sequence[tuple[bytes, bool]]) -> Parcel:
        """Write a request."""
        body = self._encoder.request([span for span, _ in spans])
        return Parcel(spans, gzip.compress(body, 1) if self._destination.is_compressed else body)

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


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add none: left alone, the client would replace the caller's own header by what a `.netrc` file says."""
    return request


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
