"""Handing something to a webhook: one POST, signed, tried again a few times, never led elsewhere.

Who receives it can tell that it comes from here by the header ``Modeltally-Signature``: ``sha256=`` and the hex digits
of the HMAC-SHA256 of ``<Modeltally-Id>.<Modeltally-Timestamp>.<body>`` with the shared secret. Each attempt has a
timestamp of its own and the same id, which ``Idempotency-Key`` repeats.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from modeltally.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

__all__ = ["check_url", "deliver", "place_of", "signature_of"]

TIMEOUT_SECONDS: Final = 15.0
LONGEST_PAUSE_SECONDS: Final = 30.0
_SOCKET_SECONDS: Final = 10.0
_WORTH_ANOTHER_TRY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_ACCEPTED: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_ID: Final = re.compile(r"[!-~]{1,200}")


class _AgainError(Exception):
    """An attempt failed in a way that another one may not."""

    def __init__(self, message: str, *, pause_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.pause_seconds = pause_seconds


def deliver(
    url: str,
    body: bytes,
    *,
    content_type: str,
    secret: str | None,
    event_id: str,
    attempts: int = 5,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Post something, and return once it was accepted.

    Args:
        url: Where to: http or https.
        body: What.
        content_type: Its media type.
        secret: What it is signed with; None or empty: it is not signed.
        event_id: What it is known by, the same however often it is sent: visible ASCII, at most 200 characters.
        attempts: How often it is tried, at least once; between two are 1, 2, 4... seconds, or what the other side asks.
        clock: The time in seconds since 1970.
        sleep: Waits for seconds.

    Raises:
        DeliveryError: It was not accepted, or the address cannot be used. The message names the host alone: paths and
            queries of webhooks are secrets.
    """
    check_url(url)
    if not _ID.fullmatch(event_id):
        raise DeliveryError(f"the id of a delivery is visible ASCII, at most 200 characters; this is {event_id[:80]!r}")
    for attempt in range(1, max(attempts, 1) + 1):
        try:
            _post_in_time(url, body, _headers(body, content_type, secret, event_id, at=int(clock())))
        except _AgainError as problem:
            if attempt >= attempts:
                tries = "once" if attempt == 1 else f"{attempt} times"
                raise DeliveryError(f"the webhook at {place_of(url)} {problem}; tried {tries}") from None
            sleep(min(max(2.0 ** (attempt - 1), problem.pause_seconds), LONGEST_PAUSE_SECONDS))
        else:
            return


def check_url(url: str) -> None:
    """See that something can be posted to an address.

    Raises:
        DeliveryError: It is no address of http or https.
    """
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not url.isprintable() or " " in url:
        raise DeliveryError("the address of a webhook is http:// or https:// and a host; this one is not")


def place_of(url: str) -> str:
    """Name the host of an address, without what in it may be a secret."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "")


def signature_of(body: bytes, *, secret: str, event_id: str, at: int) -> str:
    """Sign a delivery, or see what its signature has to be.

    Args:
        body: What is delivered.
        secret: What both sides know.
        event_id: The header ``Modeltally-Id``.
        at: The header ``Modeltally-Timestamp``: seconds since 1970.

    Returns:
        The header ``Modeltally-Signature``.
    """
    signed = f"{event_id}.{at}.".encode() + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _headers(body: bytes, content_type: str, secret: str | None, event_id: str, *, at: int) -> dict[str, str]:
    headers = {
        "Content-Type": content_type,
        "User-Agent": "modeltally",
        "Idempotency-Key": event_id,
        "Modeltally-Id": event_id,
        "Modeltally-Timestamp": str(at),
    }
    if secret:
        headers["Modeltally-Signature"] = signature_of(body, secret=secret, event_id=event_id, at=at)
    return headers


def _post_in_time(url: str, body: bytes, headers: dict[str, str]) -> None:
    """Post within a time that neither a name server nor a byte now and then can stretch."""
    problems: list[Exception] = []

    def post() -> None:
        try:
            _post(url, body, headers)
        except Exception as problem:  # noqa: BLE001 - told to the thread that waits
            problems.append(problem)

    thread = threading.Thread(target=post, name="webhook", daemon=True)
    thread.start()
    thread.join(TIMEOUT_SECONDS)
    if thread.is_alive():
        raise _AgainError(f"did not answer within {TIMEOUT_SECONDS:.0f} s")
    if problems:
        raise problems[0]


def _post(url: str, body: bytes, headers: dict[str, str]) -> None:
    import requests  # noqa: PLC0415 - slow to import, and only a delivery needs it

    parts = urlsplit(url)

    def credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Send what the address holds, and nothing that a .netrc knows of its host."""
        if parts.username is not None:
            login = (unquote(parts.username), unquote(parts.password or ""))
            request = requests.auth.HTTPBasicAuth(*login)(request)
        return request

    try:
        with requests.Session() as session:
            answer = session.post(
                url,
                data=body,
                headers=headers,
                auth=credentials,
                timeout=_SOCKET_SECONDS,
                allow_redirects=False,
                stream=True,  # what it says is not read
            )
            answer.close()
    except (requests.ConnectionError, requests.Timeout) as error:
        # their messages hold the address
        raise _AgainError(f"cannot be reached: {type(error).__name__}") from None
    except (requests.RequestException, ValueError) as error:
        raise DeliveryError(f"the webhook at {place_of(url)} cannot be used: {type(error).__name__}") from None
    status = answer.status_code
    if status in _ACCEPTED:
        return
    if status in _WORTH_ANOTHER_TRY:
        asked = answer.headers.get("Retry-After", "")
        raise _AgainError(f"answered {status}", pause_seconds=float(asked) if re.fullmatch(r"[0-9]{1,6}", asked) else 0)
    why = "which leads elsewhere, and is not followed" if status in _REDIRECTS else "which another try will not change"
    raise DeliveryError(f"the webhook at {place_of(url)} answered {status}, {why}")
