"""Errors as ``application/problem+json`` (RFC 9457): one shape, whoever found the error.

Beside the standard's fields a problem names the ``thing`` that is wrong, its ``value`` and what is ``allowed``, as
far as that is known. Nothing else is told: no trace, no path, no secret.
"""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from modeltally.analytics.plain import plain
from modeltally.errors import (
    InputError,
    ModelTallyError,
    ParameterError,
    ServerError,
    SettingError,
    StoreError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["PROBLEM_JSON", "Problem", "ProblemError", "as_problem", "documented", "handle_problems"]

_LOGGER: Final = logging.getLogger(__name__)

PROBLEM_JSON: Final = "application/problem+json"
_SHOWN_CHARACTERS: Final = 200
_MOST_CHARACTERS: Final = 2000
_FLAG: Final = re.compile(r"--([a-z][a-z-]*)")
_STATUS_OF: Final[tuple[tuple[type[ModelTallyError], int], ...]] = (
    (UnknownNameError, HTTPStatus.NOT_FOUND),
    (InputError, HTTPStatus.BAD_REQUEST),
    (ParameterError, HTTPStatus.BAD_REQUEST),
    (SettingError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (ServerError, HTTPStatus.BAD_GATEWAY),
    (StoreError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


class Problem(BaseModel):
    """What went wrong."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(description="Which problem it is: urn:modeltally:problem: and its name.")
    title: str = Field(description="The same in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, and what to do.")
    thing: str | None = Field(default=None, description="What is wrong: a parameter, a header, a name.")
    value: Any = Field(default=None, description="Its value, cut when it is long.")
    allowed: list[str] | str | None = Field(default=None, description="What would be right.")
    errors: list[dict[str, Any]] | None = Field(
        default=None, description="Each of several, with thing, value, allowed and detail."
    )


class ProblemError(Exception):
    """A problem on its way to who asked."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        thing: str | None = None,
        value: object = None,
        allowed: Sequence[str] | str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, object]] | None = None,
    ) -> None:
        """Say what went wrong.

        Args:
            status: The HTTP status.
            detail: What happened, and what to do.
            thing: What is wrong.
            value: Its value.
            allowed: What would be right.
            headers: Headers of the answer.
            errors: Each of several.
        """
        super().__init__(detail)
        self.status = int(status)
        self.headers = dict(headers or {})
        self.content = {
            "thing": thing,
            "value": _cut(value),
            "allowed": list(allowed) if isinstance(allowed, list | tuple) else allowed,
            "errors": [dict(error) for error in errors] if errors else None,
        }

    def response(self) -> Response:
        """Give the answer."""
        status = HTTPStatus(self.status)
        name = re.sub(r"[^a-z]+", "-", status.phrase.lower())
        known = {key: value for key, value in self.content.items() if value is not None}
        content = {
            "type": f"urn:modeltally:problem:{name}",
            "title": status.phrase,
            "status": self.status,
            "detail": str(self),
            **known,
        }
        return JSONResponse(content, self.status, self.headers, media_type=PROBLEM_JSON)


def as_problem(error: ModelTallyError) -> ProblemError:
    """Say an error of ours in the words of the interface: flags of commands are parameters here."""
    status = next((status for kind, status in _STATUS_OF if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _LOGGER.warning("a question was not answered: %s", str(error)[:500])
    if isinstance(error, StoreError):  # the engine's words quote statements and files
        return ProblemError(status, "the store refused or failed; the server's log says why", thing="store")
    detail = _FLAG.sub(lambda found: found[1].replace("-", "_"), str(error))[:_MOST_CHARACTERS]
    if isinstance(error, UnknownNameError):
        return ProblemError(status, detail, thing=error.kind, value=error.name, allowed=error.known)
    named = _FLAG.search(str(error))
    return ProblemError(status, detail, thing=named[1].replace("-", "_") if named else None)


def handle_problems(app: FastAPI) -> None:
    """Have every error of an application answered as a problem."""

    async def of_ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, ModelTallyError)  # noqa: S101 - registered for these
        return as_problem(error).response()

    async def said(_: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)  # noqa: S101 - registered for these
        return error.response()

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
        status, detail = error.status_code, str(error.detail)
        if status == HTTPStatus.NOT_FOUND:
            return ProblemError(
                status, "there is no such path; /docs lists all there are", thing="path", value=request.url.path
            ).response()
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (error.headers or {}).get("Allow", "")
            detail = f"{request.method} is not possible here"
            return ProblemError(
                status, detail, thing="method", value=request.method, allowed=allowed, headers=error.headers
            ).response()
        return ProblemError(status, detail, headers=error.headers).response()

    async def of_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these
        return _invalid(error).response()

    async def unexpected(_: Request, error: Exception) -> Response:
        _LOGGER.error("a request failed", exc_info=error)
        return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed at this; its log says why").response()

    app.add_exception_handler(ModelTallyError, of_ours)
    app.add_exception_handler(ProblemError, said)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(Exception, unexpected)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe problems of an operation for OpenAPI.

    Args:
        *statuses: The HTTP statuses that it may answer with.
    """
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {PROBLEM_JSON: {"schema": schema}}}
        for status in statuses
    }


def _invalid(error: RequestValidationError) -> ProblemError:
    errors = [_named(one) for one in error.errors()]
    first = errors[0] if errors else {}
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "; ".join(str(one["detail"]) for one in errors[:5]),
        thing=first.get("thing"),
        value=first.get("value"),
        allowed=first.get("allowed"),
        errors=errors if len(errors) > 1 else None,
    )


def _named(error: Mapping[str, Any]) -> dict[str, Any]:
    place = [str(part) for part in error.get("loc", ())]
    thing = ".".join(place[1:]) or ".".join(place) or "request"
    context, message = error.get("ctx") or {}, str(error.get("msg", "is not right"))
    allowed = context.get("expected") or context.get("pattern")
    if allowed is None:
        bounds = [f"{sign} {context[name]}" for name, sign in _BOUNDS.items() if name in context]
        allowed = ", ".join(bounds) or None
    value = None if error.get("type") == "missing" else _cut(plain(error.get("input")))
    if error.get("type") == "extra_forbidden":
        message = "there is no such parameter here"
    named = {
        "thing": thing,
        "value": value,
        "allowed": allowed,
        "detail": f"{thing}: {message}"[: _SHOWN_CHARACTERS * 5],
    }
    return {key: one for key, one in named.items() if one is not None}


_BOUNDS: Final = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "max_length": "length <=", "min_length": "length >="}


def _cut(value: object) -> object:
    if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS:
        return f"{value[:_SHOWN_CHARACTERS]}..."
    if isinstance(value, dict | list):
        return _cut(str(value))
    return value
