"""What every page's answer says to browsers, the cookie, and the link that gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, JSONResponse, Response

from modeltally.show.access import COOKIE, SESSION_SECONDS

if TYPE_CHECKING:
    from starlette.requests import Request

    from modeltally.show.access import Access

__all__ = ["HEADERS", "enter", "new_link"]

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    # not no-referrer, with which a form would not say where it comes from
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
# a page of ours moves on, not an answer that redirects: what another site leads to is sent without a strict cookie
_ENTERED: Final = (
    "<!doctype html><html lang=en><head><meta charset=utf-8><title>modeltally</title>"
    '<meta http-equiv=refresh content="0;url=/"></head><body><p><a href="/">Go on</a></p></body></html>'
)


def new_link(request: Request, access: Access) -> Response:
    """Give the path of a link that opens one session, to whoever shows the token."""
    if not access.may_act(request):
        return JSONResponse({"error": "the token is missing or wrong"}, status_code=401, headers=HEADERS)
    return JSONResponse({"path": f"/enter?link={access.new_link()}"}, headers=HEADERS)


def enter(request: Request, access: Access) -> Response | None:
    """Turn a link into a session.

    Returns:
        A page that sets the cookie and moves on; None where the link is used, too old, or none of ours.
    """
    if request.method == "HEAD":  # whoever only looks at a link must not use it up
        return Response(headers=HEADERS)
    session = access.redeem(request.query_params.get("link", ""))
    if session is None:
        return None
    response = HTMLResponse(_ENTERED, headers=HEADERS)
    response.set_cookie(
        COOKIE,
        session,
        max_age=int(SESSION_SECONDS),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response
