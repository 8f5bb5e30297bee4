"""Where a service started here would export, and whether anybody takes it there."""

from __future__ import annotations

import datetime as dt
import os
import socket
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from modeltally.doctor.findings import Finding, Level, fail, ok, warn
from modeltally.instrument._checks import ConfigError
from modeltally.instrument._destination import METRICS, TRACES, Destination, find_destination

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from modeltally.instrument._destination import Signal

__all__ = ["examine_exports", "shown_url"]

PROBE_SECONDS: Final = 3.0
MAX_CLOCK_SECONDS: Final = 5.0
_MAX_ANSWER_BYTES: Final = 64 * 1024
_OTLP_TYPES: Final = ("application/x-protobuf", "application/json")
_GRPC_PORT: Final = 4317
_UNAUTHORIZED: Final = (401, 403)
_NOT_FOUND: Final = (404, 405)
_BUSY: Final = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: Of HTTP; 0 when nobody answered.
        content_type: Without its parameters.
        location: Where a redirect leads.
        seconds: How long it took.
        clock_seconds: How far the other side's clock is ahead of ours; None when it does not say.
        error: Why nobody answered.
    """

    status: int = 0
    content_type: str = ""
    location: str = ""
    seconds: float = 0.0
    clock_seconds: float | None = None
    error: str = ""


def examine_exports() -> Iterator[Finding]:
    """Look at the way of traces and metrics: the address, who answers there, and their clock."""
    answer = yield from _examine(TRACES)
    if answer is not None and answer.clock_seconds is not None:
        yield _clock(answer.clock_seconds)
    if os.environ.get("OTEL_METRICS_EXPORTER", "").strip().lower() == "none":
        yield ok("metrics", "switched off by OTEL_METRICS_EXPORTER=none; statistics do not need them")
    else:
        yield from _examine(METRICS)


def shown_url(url: str) -> str:
    """Write an address without what may be a secret in it: user, password, query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _examine(signal: Signal) -> Generator[Finding, None, Answer | None]:
    """Yield what is found of one signal; returns the answer, None when there is no address to ask."""
    area = signal.name.lower()
    try:
        destination = find_destination(None, None, signal=signal)
    except ConfigError as error:
        yield _without_statistics(signal, fail(area, f"{error}; no {area} are exported", "correct the variable"))
        return None
    named = ", ".join(destination.headers) or "none"
    yield ok(area, f"go to {shown_url(destination.url)} (from {destination.reason}; headers: {named})")
    if urlsplit(destination.url).port == _GRPC_PORT:
        yield warn(area, f"port {_GRPC_PORT} is usual for gRPC, and OTLP over HTTP is sent", "try port 4318")
    answer = _post(destination)
    yield _without_statistics(signal, _judge(answer, destination, area))
    return answer


def _without_statistics(signal: Signal, finding: Finding) -> Finding:
    """Statistics are made of traces: metrics that do not arrive are a pity, not a failure."""
    if signal is TRACES or finding.level is not Level.FAIL:
        return finding
    return warn(finding.area, finding.what, "statistics do not need metrics; OTEL_METRICS_EXPORTER=none sends none")


def _post(destination: Destination) -> Answer:
    """Send an empty request the way the exporter does: no redirects, no credentials of a `.netrc` file."""
    import requests  # noqa: PLC0415 - slow to import, and only this command needs it
    from requests.utils import get_auth_from_url  # noqa: PLC0415

    session = requests.Session()
    user = get_auth_from_url(destination.url)
    session.auth = user if any(user) else lambda request: request
    session.headers.update({**destination.headers, "Content-Type": "application/x-protobuf"})
    session.verify = destination.certificate or True
    session.cert = destination.client_certificate
    began_at, began = dt.datetime.now(dt.UTC), time.monotonic()
    seconds = min(PROBE_SECONDS, destination.timeout_seconds)
    try:
        with (
            session,
            session.post(destination.url, data=b"", timeout=seconds, allow_redirects=False, stream=True) as response,
        ):
            next(response.iter_content(_MAX_ANSWER_BYTES), b"")
    # what a client library or a file of certificates raises: all of it means that nothing can be sent
    except (requests.RequestException, OSError, ValueError) as error:
        return Answer(error=_reason(error), seconds=time.monotonic() - began)
    took = time.monotonic() - began
    return Answer(
        status=response.status_code,
        content_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        location=response.headers.get("Location", ""),
        seconds=took,
        clock_seconds=_ahead(response.headers.get("Date"), began_at + dt.timedelta(seconds=took / 2)),
    )


def _reason(error: BaseException) -> str:
    """Name why nobody answered; never the message, which quotes the address with its password."""
    known = {
        socket.gaierror: "its host name is not known",
        ConnectionRefusedError: "nobody listens there",
        ConnectionResetError: "the connection was cut",
        TimeoutError: f"no answer within {PROBE_SECONDS:g} s",
    }
    seen: BaseException | None = error
    for _ in range(8):
        for kind, reason in known.items():
            if isinstance(seen, kind):
                return reason
        if seen is None:
            break
        inner = getattr(seen, "reason", None) or next(iter(seen.args), None)
        seen = inner if isinstance(inner, BaseException) else seen.__cause__ or seen.__context__
    if "Timeout" in type(error).__name__:
        return known[TimeoutError]
    return type(error).__name__


def _ahead(date: str | None, our_time: dt.datetime) -> float | None:
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    if theirs.tzinfo is None:
        return None
    # the header names whole seconds, cut off
    return (theirs - our_time).total_seconds() + 0.5


def _clock(ahead_seconds: float) -> Finding:
    if abs(ahead_seconds) <= MAX_CLOCK_SECONDS:
        return ok("clock", "agrees with the destination's, to a second or two")
    direction = "ahead of" if ahead_seconds > 0 else "behind"
    return warn(
        "clock",
        f"the destination's clock is {abs(ahead_seconds):,.0f} s {direction} this machine's",
        "set both by NTP: a span that begins a day ahead of its receipt is quarantined, and windows are read askew",
    )


def _judge(answer: Answer, destination: Destination, area: str) -> Finding:
    where = shown_url(destination.url)
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the success class of HTTP
        took = f"status {answer.status} in {answer.seconds * 1000:.0f} ms"
        if answer.content_type in _OTLP_TYPES:
            return ok(area, f"{where} took an empty request: {took}")
        return warn(
            area,
            f"{where} answered with {answer.content_type or 'nothing'} where OTLP answers protobuf: {took}",
            "make sure that a receiver is behind it, not a page that says yes to everything",
        )
    what, todo = _refusal(answer, destination, area)
    return fail(area, f"{where} {what}", todo, is_unreachable=True)


def _refusal(answer: Answer, destination: Destination, area: str) -> tuple[str, str]:
    """Say what an answer other than success means, and what to do about it."""
    status = answer.status
    path = (TRACES if area == TRACES.name.lower() else METRICS).path
    variable = "OTEL_EXPORTER_OTLP_HEADERS" if destination.reason.startswith("OTEL_") else "MODELTALLY_OTLP_HEADERS"
    if not status:
        todo = "start `modeltally up` there, or name another address in MODELTALLY_OTLP_ENDPOINT"
        return f"cannot be reached: {answer.error}", todo
    if 300 <= status < 400:  # noqa: PLR2004 - the redirect class of HTTP
        leads_to = shown_url(answer.location) or "nowhere"
        return f"redirects ({status}) to {leads_to}; redirects are not followed", "name the address it leads to"
    meanings = {
        _UNAUTHORIZED: ("refuses us", f"set what it wants to see in {variable}"),
        _NOT_FOUND: ("takes no OTLP", f"name a receiver's address; the path must end in {path}"),
        _BUSY: ("is there but takes nothing at the moment", "look at the receiver's own log"),
    }
    what, todo = next(
        (meaning for statuses, meaning in meanings.items() if status in statuses),
        ("does not take an OTLP request", "name a receiver's address"),
    )
    return f"{what}: status {status}", todo
