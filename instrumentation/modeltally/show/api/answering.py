"""From a question to an answer over HTTP: asked in a thread, by page, as JSON or CSV, or that nothing has changed."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from modeltally.show.api.envelope import basis
from modeltally.show.api.pages import Cursor, page_of, question_id
from modeltally.show.api.work import Work
from modeltally.show.rows import write_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request

    from modeltally.analytics.answers import Answer
    from modeltally.analytics.topic import Topic
    from modeltally.analytics.trust import Trust
    from modeltally.analytics.window import Window
    from modeltally.show.api.questions import Listed
    from modeltally.show.backend import Backend

__all__ = ["CSV", "Answering", "Asked", "Tables", "csv_response", "json_response", "wants_csv"]

CSV: Final = "text/csv"
_VERSION: Final = "1"  # of the answers' shape: with another, what clients keep is of no use


@dataclass(frozen=True, slots=True)
class Asked:
    """One topic that is asked.

    Attributes:
        topic: The topic.
        window: The window.
        arguments: The topic's arguments.
    """

    topic: Topic[Any]
    window: Window
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Tables:
    """What a list is made of: rows, their columns, and what they rest on.

    Attributes:
        rows: The rows.
        columns: The names of what a row holds.
        trust: What they rest on.
        empty: Why there are none.
    """

    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[str]
    trust: Trust
    empty: str | None


class Answering:
    """Answers requests from a backend."""

    def __init__(self, backend: Backend) -> None:
        """Take what answers."""
        self.backend = backend
        self.work = Work()

    def ask(self, asked: Asked) -> Answer[Any]:
        """Ask one topic, in the calling thread."""
        return self.backend.statistics.ask(asked.topic, asked.window, arguments=asked.arguments)

    async def topic(self, request: Request, asked: Asked, listed: Listed, raw: Mapping[str, object]) -> Response:
        """Answer with the rows of one topic.

        Args:
            request: Who asks.
            asked: What is asked.
            listed: Which rows, in which form.
            raw: The window's parameters as they were given.

        Returns:
            The answer.
        """

        def tables(window: Window) -> Tables:
            answer = self.ask(Asked(asked.topic, window, asked.arguments))
            return Tables(answer.rows, [column.name for column in asked.topic.columns], answer.trust, answer.empty)

        name = asked.topic.name
        return await self.listing(request, [asked], listed, raw, tables=tables, extra={"topic": name}, name=name)

    async def listing(
        self,
        request: Request,
        asked: Sequence[Asked],
        listed: Listed,
        raw: Mapping[str, object],
        *,
        tables: Callable[[Window], Tables],
        extra: Mapping[str, object],
        name: str,
    ) -> Response:
        """Answer with a part of a list.

        Args:
            request: Who asks.
            asked: All topics that the list is made of, with one window.
            listed: Which rows, in which form.
            raw: The window's parameters as they were given.
            tables: Makes the whole list for a window, in a thread.
            extra: What the answer holds beside what all have.
            name: Names the file of CSV.

        Returns:
            The answer.
        """
        arguments = [[one.topic.name, dict(one.arguments)] for one in asked]
        question = question_id(name, arguments, raw, listed.sort, listed.q)
        cursor = None if listed.cursor is None else Cursor.decode(listed.cursor, question=question)
        window = cursor.window if cursor is not None else asked[0].window
        is_csv = wants_csv(request, listed.format)

        def respond() -> Response:
            with_window = [Asked(one.topic, window, one.arguments) for one in asked]
            tag = self.tag(with_window, listed.model_dump(), is_csv, name)
            if tag is not None and is_known(request, tag):
                return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": tag, "vary": "Accept"})
            whole = tables(window)
            page = page_of(whole.rows, listed, window=window, question=question, cursor=cursor)
            headers = {"vary": "Accept"} | ({"etag": tag} if tag is not None and whole.trust.newest_at else {})
            if page.next_cursor is not None:
                following = request.url.include_query_params(cursor=page.next_cursor)
                headers["link"] = f'<{following.path}?{following.query}>; rel="next"'
            if is_csv:
                return csv_response(page.rows, whole.columns, name, headers)
            content = {
                **extra,
                "rows": page.rows,
                **basis(whole.trust),
                "trust": whole.trust.to_dict(),
                "empty": whole.empty,
                "total_rows": page.total,
                "next_cursor": page.next_cursor,
            }
            return json_response(content, headers)

        return await self.work.run(request, respond)

    async def record(
        self, request: Request, asked: Sequence[Asked], *, content: Callable[[], tuple[Mapping[str, Any], Trust]]
    ) -> Response:
        """Answer with one record.

        Args:
            request: Who asks.
            asked: All topics that it is made of.
            content: Makes it, in a thread, and says what it rests on.

        Returns:
            The answer, with what every answer carries.
        """

        def respond() -> Response:
            tag = self.tag(asked, request.url.path)
            if tag is not None and is_known(request, tag):
                return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": tag})
            told, trust = content()
            headers = {"etag": tag} if tag is not None and trust.newest_at else {}
            return json_response({**told, **basis(trust)}, headers)

        return await self.work.run(request, respond)

    def tag(self, asked: Sequence[Asked], *form: object) -> str | None:
        """Name the answer's content by what the cache of answers goes by; None where nobody can tell.

        Args:
            asked: Every topic in it.
            form: What else decides what the answer looks like.
        """
        versions = [self.backend.statistics.version(one.topic, one.window, arguments=one.arguments) for one in asked]
        if not versions or None in versions:
            return None
        whole = json.dumps([_VERSION, versions, form], default=str)
        return f'W/"{hashlib.sha256(whole.encode()).hexdigest()[:32]}"'


def wants_csv(request: Request, chosen: str | None) -> bool:
    """Tell whether an answer is to be CSV: by the parameter, else by what is accepted first."""
    if chosen is not None:
        return chosen == "csv"
    kinds = [part.split(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")]
    return CSV in kinds and "application/json" not in kinds[: kinds.index(CSV)]


def is_known(request: Request, tag: str) -> bool:
    """Tell whether a client says that it has an answer already."""
    shown = request.headers.get("if-none-match", "")
    bare = tag.removeprefix("W/")
    return any(one.strip().removeprefix("W/") == bare for one in shown.split(","))


def json_response(
    content: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, status: int = 200
) -> Response:
    """Answer with JSON."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return Response(body, status, dict(headers or {}), media_type="application/json")


def csv_response(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], name: str, headers: dict[str, str]
) -> Response:
    """Answer with CSV, as a file of a name."""
    file = io.StringIO()
    write_rows(rows, "csv", file=file, columns=columns)
    headers["content-disposition"] = f'attachment; filename="{name}.csv"'
    body = file.getvalue().encode("utf-8", "replace")
    return Response(body, HTTPStatus.OK, headers, media_type=CSV)
