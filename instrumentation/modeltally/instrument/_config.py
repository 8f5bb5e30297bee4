"""What a pipeline is told, and where it exports to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["Config", "ConfigError", "Destination", "find_destination"]

DEFAULT_ENDPOINT: Final = "http://127.0.0.1:4318"
TRACES_PATH: Final = "/v1/traces"
DEFAULT_TIMEOUT_SECONDS: Final = 10.0


class ConfigError(ValueError):
    """A setting is not usable; the message names key, value and what is allowed. Never leaves ``configure``."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where spans go, and why there.

    Attributes:
        url: The address of the traces endpoint.
        reason: The argument or variable that named it, for the log.
        headers: Sent with each request.
        timeout_seconds: For one request.
        is_compressed: Whether bodies are gzipped.
        certificate: A file of certificates to trust, None for the machine's.
        client_certificate: Files of our own certificate and key, None for none.
    """

    url: str
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    is_compressed: bool = False
    certificate: str | None = None
    client_certificate: tuple[str, str] | None = None

    @property
    def shown(self) -> str:
        """The address without a user name or password in it."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


@dataclass(frozen=True, slots=True)
class Config:
    """Everything one pipeline is told; kept for the pipelines of forked children."""

    destination: Destination
    exporter: SpanExporter | None
    user_key: str | None = field(repr=False)
    resource: Mapping[str, str]
    export_interval_seconds: float
    unfinished_after_seconds: float
    heartbeat_interval_seconds: float
    max_queue_items: int
    max_queue_bytes: int


def find_destination(endpoint: str | None, headers: Mapping[str, str] | None) -> Destination:
    """Find where to export: the argument, else our variables, else OpenTelemetry's, else this machine.

    Headers are taken from the family that named the endpoint: a vendor's key does not travel to another address.

    Args:
        endpoint: The ``endpoint`` argument, a base address or the full one of the traces endpoint.
        headers: The ``headers`` argument.

    Returns:
        The destination with its reason.

    Raises:
        ConfigError: The address is no http or https URL, a header cannot be sent, or a number is none.
    """
    variable = os.environ.get
    if endpoint:
        url, reason, own = _with_path(endpoint), "argument endpoint", variable("MODELTALLY_OTLP_HEADERS")
    elif value := variable("MODELTALLY_OTLP_ENDPOINT"):
        url, reason, own = _with_path(value), "MODELTALLY_OTLP_ENDPOINT", variable("MODELTALLY_OTLP_HEADERS")
    elif value := variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        url, reason, own = value, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", _standard("HEADERS")
    elif value := variable("OTEL_EXPORTER_OTLP_ENDPOINT"):
        url, reason, own = value.rstrip("/") + TRACES_PATH, "OTEL_EXPORTER_OTLP_ENDPOINT", _standard("HEADERS")
    else:
        url, reason, own = DEFAULT_ENDPOINT + TRACES_PATH, "the default", variable("MODELTALLY_OTLP_HEADERS")
    _check_url(url, reason)
    if reason.startswith("OTEL_") and _standard("PROTOCOL") == "grpc":
        raise ConfigError(
            f"{reason} is meant for gRPC (OTEL_EXPORTER_OTLP_PROTOCOL); set MODELTALLY_OTLP_ENDPOINT to an OTLP/HTTP"
            f" address such as {DEFAULT_ENDPOINT}"
        )
    certificate, key = _standard("CLIENT_CERTIFICATE"), _standard("CLIENT_KEY")
    return Destination(
        url=url,
        reason=reason,
        headers=_headers(own, headers),
        timeout_seconds=_timeout(),
        is_compressed=_standard("COMPRESSION") == "gzip",
        certificate=_standard("CERTIFICATE"),
        client_certificate=(certificate, key) if certificate and key else None,
    )


def _standard(name: str) -> str | None:
    """Read one of OpenTelemetry's exporter variables, the one for traces first."""
    return os.environ.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or os.environ.get(f"OTEL_EXPORTER_OTLP_{name}")


def _with_path(endpoint: str) -> str:
    trimmed = endpoint.strip().rstrip("/")
    return trimmed if trimmed.endswith(TRACES_PATH) else trimmed + TRACES_PATH


def _check_url(url: str, reason: str) -> None:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        is_usable = False
    if not is_usable:
        shown = url.rpartition("@")[2]  # what stands before may be a password
        raise ConfigError(f"{reason} is {shown!r}; give an address such as {DEFAULT_ENDPOINT}")


def _timeout() -> float:
    text = _standard("TIMEOUT")
    if not text:
        return DEFAULT_TIMEOUT_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"OTEL_EXPORTER_OTLP_TIMEOUT is {text!r}; give seconds above 0")
    return seconds


def _headers(own: str | None, given: Mapping[str, str] | None) -> dict[str, str]:
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(f"configure(headers=...) is of type {type(given).__qualname__}; give a dictionary of texts")
    headers = {**_parse_headers(own), **(given or {})}
    for key, value in headers.items():
        # the value may be a password: it is not shown
        if not isinstance(key, str) or not key.isascii() or not key.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(f"a header is named {key!r:.64}; give letters, digits and dashes")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or value != value.strip():
            raise ConfigError(f"header {key!r:.64} has a value that is no line of ASCII text; give one")
    return headers


def _parse_headers(text: str | None) -> dict[str, str]:
    """Read ``key=value,key=value`` with URL-encoded values; what is not a pair is skipped."""
    pairs = (item.partition("=") for item in (text or "").split(","))
    return {
        unquote(key.strip()): unquote(value.strip()) for key, separator, value in pairs if separator and key.strip()
    }
