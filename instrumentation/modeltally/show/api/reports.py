"""Reports over HTTP: which there are, and each of them in each format."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from modeltally.errors import SettingError
from modeltally.show.api.problems import ProblemError, documented
from modeltally.show.api.questions import Dated, Text
from modeltally.show.api.work import Work
from modeltally.show.charts.draw import DrawingError
from modeltally.show.report.formats import FORMATS, format_named
from modeltally.show.report.kinds import REPORTS, kind_named, make_report
from modeltally.show.report.parts import Asked

if TYPE_CHECKING:
    from modeltally.show.api.answering import Answering

__all__ = ["ReportLink", "ReportList", "reports_router"]

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
# each takes a thread for seconds, and everything else needs some
_AT_ONCE: Final = 2
_WAITING: Final = 8
_SHOWN_BY_BROWSERS: Final = frozenset({"html", "json", "md"})


class ReportLink(BaseModel):
    """One report there is."""

    name: str = Field(description="What it is called.")
    title: str = Field(description="What stands above it.")
    sentence: str = Field(description="What it tells.")
    paths: dict[str, str] = Field(description="Where it is on this server, by format.")


class ReportList(BaseModel):
    """Which reports there are."""

    reports: list[ReportLink]


class ReportAsked(Dated):
    """What a report is about."""

    tz: Text = Field(default="UTC", description="The zone in which days begin.")
    count_imports: bool = Field(default=False, description="For advice: days of imported logs count as watched.")


def reports_router(answering: Answering) -> APIRouter:
    """Build the endpoints.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1/reports", tags=["reports"])
    backend = answering.backend
    work = Work(threads=_AT_ONCE, waiting=_WAITING)

    @router.get("", summary="Which reports there are", responses=documented(401))
    async def list_reports(request: Request) -> ReportList:
        """List the reports, and where each is in each format."""
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

    told: dict[int | str, dict[str, Any]] = {
        200: {"description": "The report.", "content": {one.media_type: {} for one in FORMATS.values()}}
    }

    @router.get(
        "/{report}.{format}",
        summary="A report",
        response_class=Response,
        responses={**told, **documented(400, 401, 404, 422, 500, 501, 502, 503)},
    )
    async def get_report(
        request: Request,
        report: Annotated[Text, Path(description="Its name.")],
        format: Annotated[Text, Path(description="How it is written.")],  # noqa: A002 - the name in the path
        asked: Annotated[ReportAsked, Query()],
    ) -> Response:
        """Make a report about what began at or after `since` and before `until`."""
        kind, chosen = kind_named(report), format_named(format)
        window = asked.window(backend)

        def make() -> bytes:
            question = Asked(
                statistics=backend.statistics,
                store=backend.store,
                window=window,
                zone=asked.tz,
                count_imports=asked.count_imports,
            )
            try:
                return chosen.write(make_report(kind, question, generated_at=backend.now()))
            except DrawingError as error:
                raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, str(error), thing="report") from error
            except SettingError as error:
                raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, str(error), thing="format", value=format) from error

        content = await work.run(request, make)
        place = "inline" if chosen.name in _SHOWN_BY_BROWSERS else "attachment"
        disposition = {"Content-Disposition": f'{place}; filename="{kind.name}.{chosen.name}"'}
        return Response(content, media_type=chosen.media_type, headers=_HEADERS | disposition)

    return router
