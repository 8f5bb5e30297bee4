"""Who may read and who may act: the token, the cookie that a one-time link gives, and where a request comes from.

Reading is open to this machine. Acting needs the token: a program shows it as ``Authorization: Bearer``, a browser has
a cookie in its place, which counts only for requests that the page itself makes.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import HTTPConnection

__all__ = ["COOKIE", "SESSION_SECONDS", "Access"]

COOKIE: Final = "modeltally_session"
LINK_SECONDS: Final = 600.0
SESSION_SECONDS: Final = 30 * 86_400.0
_MOST: Final = 100


class Access:
    """Knows the token, the links that were given out and the sessions that came of them; safe from several threads."""

    def __init__(self, token: str, *, is_open: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without links and sessions.

        Args:
            token: What programs show.
            is_open: Whether anybody who reaches the server may read: on the loopback address.
            clock: Counts seconds.
        """
        self._token = token.encode()
        self._is_open = is_open
        self._clock = clock
        self._lock = threading.Lock()
        self._links: dict[str, float] = {}
        self._sessions: dict[str, float] = {}

    def may_read(self, request: HTTPConnection) -> bool:
        """Tell whether a request may see figures."""
        return self._is_open or self.shows_token(request) or self._has_session(request)

    def may_act(self, request: HTTPConnection) -> bool:
        """Tell whether a request may change anything."""
        return self.shows_token(request) or (self._has_session(request) and _is_same_origin(request))

    def shows_token(self, request: HTTPConnection) -> bool:
        """Tell whether a program shows the token."""
        shown = request.headers.get("authorization", "").encode("latin-1", "replace")
        return hmac.compare_digest(shown, b"Bearer " + self._token)

    def is_foreign(self, request: HTTPConnection) -> bool:
        """Tell whether a browser says that a page of another server sends a request."""
        return request.headers.get("origin") is not None and not _is_same_origin(request)

    def new_link(self) -> str:
        """Make the secret of a link that opens one session, for ten minutes."""
        return self._add(self._links, LINK_SECONDS)

    def redeem(self, secret: str) -> str | None:
        """Turn the secret of a link into the value of a cookie; None when it is used, too old or none of ours."""
        with self._lock:
            expires_at = self._links.pop(secret, None)
        if expires_at is None or expires_at < self._clock():
            return None
        return self._add(self._sessions, SESSION_SECONDS)

    def _add(self, place: dict[str, float], seconds: float) -> str:
        secret = secrets.token_urlsafe(32)
        with self._lock:
            place[secret] = self._clock() + seconds
            while len(place) > _MOST:  # the oldest goes first
                del place[next(iter(place))]
        return secret

    def _has_session(self, request: HTTPConnection) -> bool:
        with self._lock:
            expires_at = self._sessions.get(request.cookies.get(COOKIE, ""))
        return expires_at is not None and expires_at >= self._clock()


def _is_same_origin(request: HTTPConnection) -> bool:
    """Tell whether a browser says that the request comes from a page of this server."""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site") == "same-origin"
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and parts.netloc == request.headers.get("host", "")
