"""Where spans and metrics are exported to: arguments, our variables, OpenTelemetry's variables."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from modeltally.instrument._checks import ConfigError, is_unreplaced
from modeltally.instrument._guard import problem

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter

__all__ = ["METRICS", "TRACES", "Destination", "Signal", "find_destination", "find_metrics"]

DEFAULT_ENDPOINT: Final = "http://127.0.0.1:4318"
DEFAULT_REASON: Final = "the default"
DEFAULT_TIMEOUT_SECONDS: Final = 10.0
MAX_TIMEOUT_SECONDS: Final = 86_400.0
MAX_SHOWN: Final = 200
# where clouds hand out credentials: whoever exports there was misled
METADATA_HOSTS: Final = frozenset({"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "metadata.google.internal"})


class Signal(NamedTuple):
    """A signal: its part of the standard variables' names, and its path in OTLP over HTTP."""

    name: str
    path: str


TRACES: Final = Signal("TRACES", "/v1/traces")
METRICS: Final = Signal("METRICS", "/v1/metrics")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where spans or metrics go, and which setting said so.

    Attributes:
        url: The address of the endpoint.
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


def find_destination(
    endpoint: str | None, headers: Mapping[str, str] | None, *, signal: Signal = TRACES
) -> Destination:
    """Find where to export: the argument, else our variables, else OpenTelemetry's, else this machine.

    Headers are taken from the family that named the endpoint: a vendor's key does not travel to another address.

    Args:
        endpoint: The ``endpoint`` argument, a base address or the full one of the traces endpoint.
        headers: The ``headers`` argument.
        signal: What is exported.

    Returns:
        The destination with its reason.

    Raises:
        ConfigError: The address is no http or https URL, a header cannot be sent, or a number is none.
    """
    variable = os.environ.get
    specific = f"OTEL_EXPORTER_OTLP_{signal.name}_ENDPOINT"
    if endpoint:
        url, reason = _with_path(endpoint, signal), "argument endpoint"
    elif value := variable("MODELTALLY_OTLP_ENDPOINT"):
        url, reason = _with_path(value, signal), "MODELTALLY_OTLP_ENDPOINT"
    elif value := variable(specific):
        url, reason = value, specific
    elif value := variable("OTEL_EXPORTER_OTLP_ENDPOINT"):
        url, reason = value.rstrip("/") + signal.path, "OTEL_EXPORTER_OTLP_ENDPOINT"
    else:
        url, reason = DEFAULT_ENDPOINT + signal.path, DEFAULT_REASON
    headers_variable = _named("HEADERS", signal) if reason.startswith("OTEL_") else "MODELTALLY_OTLP_HEADERS"
    _check_url(url, reason)
    if reason.startswith("OTEL_") and _standard("PROTOCOL", signal) == "grpc":
        raise ConfigError(
            f"{reason} is meant for gRPC (OTEL_EXPORTER_OTLP_PROTOCOL); set MODELTALLY_OTLP_ENDPOINT to an OTLP/HTTP"
            f" address such as {DEFAULT_ENDPOINT}"
        )
    certificate, key = _file("CLIENT_CERTIFICATE", signal), _file("CLIENT_KEY", signal)
    if (certificate is None) != (key is None):
        raise ConfigError("give both OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY, or none")
    return Destination(
        url=url,
        reason=reason,
        headers=_headers(headers_variable, headers),
        timeout_seconds=_timeout(signal),
        is_compressed=_standard("COMPRESSION", signal) == "gzip",
        certificate=_file("CERTIFICATE", signal),
        client_certificate=(certificate, key) if certificate and key else None,
    )


def find_metrics(
    endpoint: str | None, headers: Mapping[str, str] | None, *, exporter: MetricExporter | None
) -> Destination | MetricExporter | None:
    """Find where metrics are exported to.

    Args:
        endpoint: The ``endpoint`` argument.
        headers: The ``headers`` argument.
        exporter: The host's, if it has one for them.

    Returns:
        The destination or the host's exporter; None when the standard variable ``OTEL_METRICS_EXPORTER`` says ``none``,
        when a place is named for traces alone, and when a variable for metrics is not usable, which is logged:
        operations are recorded all the same.
    """
    if os.environ.get("OTEL_METRICS_EXPORTER", "").strip().lower() == "none":
        return None
    try:
        target = find_destination(endpoint, headers, signal=METRICS) if exporter is None else exporter
    except ConfigError as error:
        problem("metrics_configuration", "%s; metrics are off", str(error))
        return None
    is_named = not isinstance(target, Destination) or target.reason != DEFAULT_REASON
    if not is_named and find_destination(endpoint, headers).reason != DEFAULT_REASON:
        return None  # the host named a place for traces alone
    return target


def _named(name: str, signal: Signal) -> str:
    """Return the exporter variable of OpenTelemetry that applies: the one for this signal if it is set."""
    specific = f"OTEL_EXPORTER_OTLP_{signal.name}_{name}"
    return specific if os.environ.get(specific) else f"OTEL_EXPORTER_OTLP_{name}"


def _standard(name: str, signal: Signal) -> str | None:
    """Read one of OpenTelemetry's exporter variables."""
    return os.environ.get(_named(name, signal)) or None


def _file(name: str, signal: Signal) -> str | None:
    """Read a variable that names a file of certificates or keys."""
    path = _standard(name, signal)
    if path is not None and not (os.path.isfile(path) and os.access(path, os.R_OK)):  # noqa: PTH113 - as it is given
        raise ConfigError(f"{_named(name, signal)} is {path[:MAX_SHOWN]!r}; give a file that can be read")
    return path


def _with_path(endpoint: str, signal: Signal) -> str:
    trimmed = endpoint.strip().rstrip("/")
    return trimmed.removesuffix(TRACES.path) + signal.path


def _check_url(url: str, reason: str) -> None:
    shown = url.rpartition("@")[2][:MAX_SHOWN]  # what stands before may be a password
    host = ""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_usable = parts.scheme in {"http", "https"} and bool(host) and parts.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        is_usable = False
    if not is_usable or is_unreplaced(url) or " " in url or not url.isprintable():
        raise ConfigError(f"{reason} is {shown!r}; give an address such as {DEFAULT_ENDPOINT}")
    if _is_metadata(host):
        raise ConfigError(
            f"{reason} is {shown!r}, where clouds hand out credentials; give an address such as {DEFAULT_ENDPOINT}"
        )


def _is_metadata(host: str) -> bool:
    """Return whether a host is a metadata address, however that address is written."""
    name = host.rstrip(".").lower()
    if name[:1].isdigit():  # 2852039166 and 0xa9.254.43518 are addresses too
        from socket import inet_aton, inet_ntoa  # noqa: PLC0415 - only this needs it

        with contextlib.suppress(OSError):
            name = inet_ntoa(inet_aton(name))
    elif ":" in name:
        from ipaddress import IPv6Address  # noqa: PLC0415 - only this needs it

        with contextlib.suppress(ValueError):
            address = IPv6Address(name)
            name = str(address.ipv4_mapped or address)
    return name in METADATA_HOSTS


def _timeout(signal: Signal) -> float:
    text = _standard("TIMEOUT", signal)
    if not text:
        return DEFAULT_TIMEOUT_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT_SECONDS:
        raise ConfigError(
            f"{_named('TIMEOUT', signal)} is {text[:MAX_SHOWN]!r}; give seconds above 0, at most"
            f" {MAX_TIMEOUT_SECONDS:.0f}"
        )
    return seconds


def _headers(variable: str, given: Mapping[str, str] | None) -> dict[str, str]:
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(f"configure(headers=...) is of type {type(given).__qualname__}; give a dictionary of texts")
    headers = {**_parse_headers(variable), **(given or {})}
    for key, value in headers.items():
        # the value may be a password: it is not shown
        if not isinstance(key, str) or not key.isascii() or not key.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(f"a header is named {key!r:.64}; give letters, digits and dashes")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or value != value.strip():
            raise ConfigError(f"header {key!r:.64} has a value that is no line of ASCII text; give one")
        if is_unreplaced(value):
            raise ConfigError(
                f"header {key!r:.64} has a value in which nobody replaced ${{...}}; give the value itself"
            )
    return headers


def _parse_headers(variable: str) -> dict[str, str]:
    """Read ``key=value,key=value`` with URL-encoded values from a variable."""
    headers = {}
    for number, item in enumerate(os.environ.get(variable, "").split(","), 1):
        key, separator, value = item.partition("=")
        if separator and key.strip():
            headers[unquote(key.strip())] = unquote(value.strip())
        elif item.strip():  # may be a password: it is not shown
            raise ConfigError(f"entry {number} of {variable} is no pair; give key=value,key=value")
    return headers
