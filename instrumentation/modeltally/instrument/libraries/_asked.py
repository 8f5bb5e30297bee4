"""Who asks over HTTP: the user that a request's header names, for whatever is asked of models while it is answered.

Off unless ``MODELTALLY_USER_HEADER`` names the header that the service, or what stands before it, sets. Its value is
hashed under the deployment's key at once, and nothing else of a request is read.
"""

from __future__ import annotations

import os
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _names as names
from modeltally.instrument import _runtime
from modeltally.instrument._guard import guarded
from modeltally.instrument._inbound import InboundContext, inbound
from modeltally.instrument._switch import is_disabled
from modeltally.instrument.carrier import hashed_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.instrument._scalars import Stored

__all__ = ["USER_HEADER", "answered_asgi", "answered_wsgi"]

USER_HEADER: Final = "MODELTALLY_USER_HEADER"
_MAX_USER: Final = 1024


def answered_asgi(function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
    """Call an ASGI application for who asks; what wrapt calls in its place."""
    scope = args[0] if args else kwargs.get("scope")
    context = _context(_in_scope(scope)) if _is_request(scope) else None
    return function(*args, **kwargs) if context is None else _answer(context, function, args, kwargs)


async def _answer(context: InboundContext, function: Any, args: Any, kwargs: Any) -> Any:
    with context:
        return await function(*args, **kwargs)


def answered_wsgi(function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
    """Call a WSGI application for who asks; a body that it makes while it is sent is made for them as well."""
    environ = args[0] if args else kwargs.get("environ")
    context = _context(_in_environ(environ))
    if context is None:
        return function(*args, **kwargs)
    with context:
        body = function(*args, **kwargs)
    return _Body(context, body) if _is_made_later(body, environ) else body


@guarded(default=False)
def _is_made_later(body: Any, environ: Any) -> bool:
    """Tell whether a body may still run code of the service; a file is sent by the server, in a way of its own."""
    wrapper = environ.get("wsgi.file_wrapper")
    is_file = isinstance(wrapper, type) and isinstance(body, wrapper)
    return not is_file and (type(body) is GeneratorType or hasattr(body, "close"))


class _Body:
    """The body of an answer, each piece of which is made for who asks."""

    def __init__(self, context: InboundContext, body: Any) -> None:
        self._context = context
        self._body = body
        self._pieces: Iterator[Any] | None = None

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> Any:
        with self._context:
            if self._pieces is None:
                self._pieces = iter(self._body)
            return next(self._pieces)

    def close(self) -> None:
        """Close it, as servers do at the end of each request."""
        with self._context:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


@guarded(None)
def _context(user: str | None) -> InboundContext | None:
    """Make the context of a request, with who asks if that is said; None where an outer application has done it."""
    if is_disabled() or inbound.get() is not None:
        return None
    values: dict[str, Stored] = {}
    pipeline = _runtime.current()
    hashed = hashed_user(user[:_MAX_USER], pipeline) if user and pipeline is not None else None
    if hashed is not None:
        values[names.USER_KEYWORD] = hashed
    return InboundContext(values, once={}, trace_id=0, span_id=0, sampled=True)


@guarded(default=False)
def _is_request(scope: Any) -> bool:
    return scope.get("type") in ("http", "websocket")


@guarded(None)
def _in_scope(scope: Any) -> str | None:
    named = os.environ.get(USER_HEADER, "").strip().lower().encode()
    if not named:
        return None
    return next((value.decode("latin-1") for name, value in scope.get("headers", ()) if name.lower() == named), None)


@guarded(None)
def _in_environ(environ: Any) -> str | None:
    named = os.environ.get(USER_HEADER, "").strip()
    return environ.get(f"HTTP_{named.upper().replace('-', '_')}") if named else None
