"""One request over HTTP, with what the environment says of certificates and proxies."""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from requests import Response
from requests.utils import get_auth_from_url, select_proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.instrument._destination import Destination

__all__ = ["UNREACHABLE", "Response", "UnusableSettingError", "close", "is_refused", "open_session", "post"]

UNREACHABLE: Final = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
CONNECT_SECONDS: Final = 3.0
MAX_ANSWER_BYTES: Final = 64 * 1024  # who answers with more is no receiver
MAX_SHOWN: Final = 200
BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class UnusableSettingError(Exception):
    """A file or a proxy that a variable names is of no use; the message says which. Never leaves the thread."""


def open_session(destination: Destination, version: str) -> requests.Session:
    """Prepare a session for requests to a destination."""
    session = requests.Session()
    named = get_auth_from_url(destination.url)
    session.auth = named if any(named) else _no_credentials
    session.headers.update(
        {
            **destination.headers,
            "Content-Type": "application/x-protobuf",
            "Accept-Encoding": "identity",
            "User-Agent": f"modeltally/{version}",
        }
    )
    if destination.is_compressed:
        session.headers["Content-Encoding"] = "gzip"
    if destination.certificate:
        session.verify = destination.certificate
    session.cert = destination.client_certificate
    return session


def close(session: requests.Session) -> None:
    """Close a session with its sockets, which its own method leaves to the garbage collector."""
    for adapter in session.adapters.values():
        pools: Any = getattr(getattr(adapter, "poolmanager", None), "pools", None)
        for key in [] if pools is None else pools.keys():
            pools[key].close()
    session.close()


def post(
    session: requests.Session, destination: Destination, body: bytes, *, timeout_seconds: float
) -> tuple[Response, bytes]:
    """Post once and read the beginning of the answer; raise one of UNREACHABLE when there is none.

    The request goes to the session's adapter, which follows no redirect. Sent by the session itself, it would appear
    in the traces of hosts that patch sessions and know nothing of OpenTelemetry's ways to look away.
    """
    seconds = min(timeout_seconds, destination.timeout_seconds)
    request = session.prepare_request(requests.Request("POST", destination.url, data=body))
    # left to the session, a certificate of OpenTelemetry's variables would give way to the machine's
    trusted = destination.certificate
    settings = session.merge_environment_settings(destination.url, {}, True, trusted, None)  # noqa: FBT003 - no names
    if _is_loopback(destination.url):
        settings["proxies"] = {}  # no proxy can reach this machine
    try:
        response = session.get_adapter(destination.url).send(
            request, timeout=(min(seconds, CONNECT_SECONDS), seconds), **settings
        )
    except UNREACHABLE:
        raise
    except (OSError, ValueError) as error:
        reason = _unusable(destination, settings)
        if reason is not None:
            raise UnusableSettingError(reason) from error
        if isinstance(error, requests.RequestException | ValueError):
            raise
        raise requests.ConnectionError(error) from error  # no descriptor is free, say
    with response:
        answer = next(response.iter_content(MAX_ANSWER_BYTES), b"")
    return response, answer


def is_refused(error: BaseException) -> bool:
    """Return whether a request failed because nobody listens at the address."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ConnectionRefusedError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def _is_loopback(url: str) -> bool:
    """Return whether an address is on this machine."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _unusable(destination: Destination, settings: Mapping[str, Any]) -> str | None:
    """Say which file or proxy, named by which variable, a request failed for; None when it was none of them."""
    named = [(settings["verify"], "OTEL_EXPORTER_OTLP_CERTIFICATE" if destination.certificate else _set(*BUNDLES))]
    named += [(path, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE or _KEY") for path in destination.client_certificate or ()]
    for path, name in named:
        if isinstance(path, str) and not os.access(path, os.R_OK):
            return f"{name} names {path[:MAX_SHOWN]!r}, which cannot be read"
    scheme = urlsplit(destination.url).scheme
    if select_proxy(destination.url, settings["proxies"]):
        # it may hold a password: it is not shown
        return f"{_set(f'{scheme}_proxy', f'{scheme}_proxy'.upper(), 'all_proxy', 'ALL_PROXY')} names no usable proxy"
    return None


def _set(*names: str) -> str:
    """Return which of some variables is set."""
    return next((name for name in names if os.environ.get(name)), names[0])


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add none: left alone, the client would replace the caller's own header by what a `.netrc` file says."""
    return request
