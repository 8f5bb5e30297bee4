"""Reports over HTTP: which there are, and each of them in each format."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from modeltally.analytics.window import parse_window
from modeltally.errors import InputError, ModelTallyError, ParameterError, ServerError, SettingError, UnknownNameError
from modeltally.show.report.formats import FORMATS, format_named
from modeltally.show.report.kinds import REPORTS, kind_named, make_report
from modeltally.show.report.parts import Asked

if TYPE_CHECKING:
    from modeltally.show.backend import Backend

__all__ = ["ReportLink", "ReportList", "reports_router"]

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
_SHOWN_BY_BROWSERS: Final = frozenset({"html", "json", "md"})
# each takes a thread for seconds, and other routes need some
_AT_ONCE: Final = 4
_ASKED_WRONGLY, _NOT_FOUND, _NOT_INSTALLED, _FAILED = 422, 404, 501, 503


class ReportLink(BaseModel):
    """One report there is."""

    name: str = Field(description="What it is called.")
    title: str = Field(description="What stands above it.")
    sentence: str = Field(description="What it tells.")
    paths: dict[str, str] = Field(description="Where it is on this server, by format.")


class ReportList(BaseModel):
    """Which reports there are."""

    reports: list[ReportLink]


def reports_router(backend: Backend) -> APIRouter:
    """Make the routes of reports.

    Args:
        backend: What answers.

    Returns:
        ``/v1/reports`` and ``/v1/reports/{report}.{format}``.
    """
    router = APIRouter(tags=["reports"])
    room = threading.BoundedSemaphore(_AT_ONCE)

    @router.get("/v1/reports", summary="Which reports there are")
    def list_reports(request: Request) -> ReportList:
        """List the reports, and where each is in each format."""
        _check_reader(backend, request)
        above = str(request.scope.get("root_path", ""))
        return ReportList(
            reports=[
                ReportLink(
                    name=kind.name,
                    title=kind.title,
                    sentence=kind.sentence,
                    paths={name: f"{above}/v1/reports/{kind.name}.{name}" for name in FORMATS},
                )
                for kind in REPORTS.values()
            ]
        )

    @router.get(
        "/v1/reports/{report}.{format}",
        summary="A report",
        response_class=Response,
        responses={
            200: {"description": "The report.", "content": {one.media_type: {} for one in FORMATS.values()}},
            _NOT_FOUND: {"description": "There is no such report or format."},
            _NOT_INSTALLED: {"description": "What sets a PDF is not installed."},
            _FAILED: {"description": "The store, or what draws, failed or took too long."},
        },
    )
    def get_report(
        request: Request,
        report: str,
        format: str,  # noqa: A002 - the name in the path
        since: Annotated[str | None, Query(description="Begin of the window; 30d before until.", max_length=64)] = None,
        until: Annotated[str | None, Query(description="End of the window, not in it; as_of.", max_length=64)] = None,
        as_of: Annotated[str | None, Query(description="Answer as of this moment; now.", max_length=64)] = None,
        tz: Annotated[str, Query(description="The zone in which days begin.", max_length=64)] = "UTC",
        count_imports: Annotated[  # noqa: FBT002 - FastAPI hands it over by name
            bool, Query(description="For advice: days of imported logs count as watched.")
        ] = False,
    ) -> Response:
        """Make a report about what began at or after `since` and before `until`."""
        _check_reader(backend, request)
        if not room.acquire(blocking=False):
            return _problem(ServerError(f"{_AT_ONCE} reports are being made; ask again in some seconds"))
        try:
            kind, chosen = kind_named(report), format_named(format)
            now = backend.now()
            window = parse_window(since, until, as_of, now=now)
            asked = Asked(
                statistics=backend.statistics,
                store=backend.store,
                window=window,
                zone=tz,
                count_imports=count_imports,
            )
            content = chosen.write(make_report(kind, asked, generated_at=now))
        except ModelTallyError as error:
            return _problem(error)
        finally:
            room.release()
        place = "inline" if chosen.name in _SHOWN_BY_BROWSERS else "attachment"
        disposition = {"Content-Disposition": f'{place}; filename="{kind.name}.{chosen.name}"'}
        return Response(content, media_type=chosen.media_type, headers=_HEADERS | disposition)

    return router


def _check_reader(backend: Backend, request: Request) -> None:
    if not backend.access.may_read(request):
        raise HTTPException(401, "the token is missing or wrong")


def _problem(error: ModelTallyError) -> JSONResponse:
    """Tell an error after RFC 9457."""
    if isinstance(error, UnknownNameError):
        status = _NOT_FOUND
    elif isinstance(error, InputError | ParameterError):
        status = _ASKED_WRONGLY
    else:
        status = _NOT_INSTALLED if isinstance(error, SettingError) else _FAILED
    titles = {
        _NOT_FOUND: "No such report",
        _ASKED_WRONGLY: "A value is not allowed",
        _NOT_INSTALLED: "Not installed",
        _FAILED: "The report could not be made",
    }
    content = {"type": "about:blank", "title": titles[status], "status": status, "detail": str(error)}
    headers = {"Retry-After": "5"} if status == _FAILED else {}
    return JSONResponse(content, status_code=status, headers=headers, media_type="application/problem+json")
