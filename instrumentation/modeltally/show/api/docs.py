"""The description of the interface for people: to try out at ``/docs``, to read at ``/redoc``, both without network."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from modeltally.show.api.app import description
from modeltally.show.api.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from modeltally.show.access import Access

__all__ = ["STATIC", "docs_routes"]

STATIC: Final = Path(__file__).parents[1] / "static"
# The pictures of Swagger UI are in its style sheet.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DOCS: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>modeltally: the interface for programs</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<noscript><p>This page needs JavaScript; <a href="/redoc">/redoc</a> tells the same without.</p></noscript>
<script src="/static/swagger-ui-bundle.js"></script>
<script src="/static/docs.js"></script>
</body>
</html>
"""


def docs_routes(app: FastAPI, access: Access) -> list[BaseRoute]:
    """Build the routes.

    Args:
        app: What is described.
        access: Who may read.
    """

    def guarded(answer: Callable[[], Response]) -> Callable[[Request], Awaitable[Response]]:
        # to describe it takes a second, in which spans come on other ports of this thread
        async def handle(request: Request) -> Response:
            if not access.may_read(request):
                error = ProblemError(401, "reading from elsewhere needs the token", thing="Authorization")
                return error.response()
            return await run_in_threadpool(answer)

        return handle

    return [
        Route("/openapi.json", guarded(lambda: description(app)), name="openapi"),
        Route("/docs", guarded(lambda: _page(_DOCS)), name="docs"),
        Route("/redoc", guarded(lambda: _page(_reference(app))), name="redoc"),
        Mount("/static", app=StaticFiles(directory=STATIC), name="static"),
    ]


def _page(text: str) -> Response:
    headers = {
        "content-security-policy": _POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    return HTMLResponse(text, headers=headers)


@functools.cache
def _reference(app: FastAPI) -> str:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    schema = app.openapi()
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            tags.setdefault(operation.get("tags", ["other"])[0], []).append(_operation(path, method, operation, schema))
    information = schema["info"]
    return environment.get_template("reference.html").render(
        title=information["title"],
        version=information["version"],
        description=information.get("description", ""),
        tags=tags,
    )


def _operation(path: str, method: str, operation: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    name, columns = _columns(operation, schema)
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": f"/api{path}",
        "sentence": operation.get("description") or operation.get("summary", ""),
        "needs_token": bool(operation.get("security")),
        "parameters": [_parameter(one) for one in operation.get("parameters", [])],
        "columns": columns,
        "columns_of": f"Rows of {name}" if name else "",
    }


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    kind = _without_null(parameter.get("schema", {}))
    allowed = ", ".join(map(str, kind["enum"])) if "enum" in kind else kind.get("type", "")
    bounds = [f"{word} {kind[name]}" for name, word in (("minimum", "from"), ("maximum", "to")) if name in kind]
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "required": parameter.get("required", False),
        "what": parameter.get("description") or kind.get("description", ""),
        "allowed": " ".join([str(allowed), *bounds]),
    }


def _columns(operation: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Give what a row of the answer holds, or, where it has no rows, the answer itself."""
    schemas = schema["components"]["schemas"]
    answer = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = str(answer.get("$ref", "")).rpartition("/")[2]
    rows = schemas.get(name, {}).get("properties", {}).get("rows", {})
    of_row = str(rows.get("items", {}).get("$ref", "")).rpartition("/")[2]
    described = schemas.get(of_row or name, {}).get("properties", {})
    columns = [
        {"name": column, "type": _type(_without_null(kind)), "what": kind.get("description", "")}
        for column, kind in described.items()
    ]
    return of_row or name, columns


def _type(kind: Mapping[str, Any]) -> str:
    return str(kind.get("format") or kind.get("type") or str(kind.get("$ref", "")).rpartition("/")[2] or "any")


def _without_null(kind: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((one for one in kind.get("anyOf", []) if one.get("type") != "null"), kind)
