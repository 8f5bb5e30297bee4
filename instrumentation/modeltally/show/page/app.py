"""The routes of the pages."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from modeltally.analytics.topics import topic_named
from modeltally.asgi import UnreadBodyError, read_body
from modeltally.errors import InputError, ModelTallyError, ParameterError, StoreError, UnknownNameError
from modeltally.show.charts.config import DARK, LIGHT
from modeltally.show.page.actions import MAX_BODY_BYTES, form_of, perform
from modeltally.show.page.asking import Asker, asks
from modeltally.show.page.blocks import written
from modeltally.show.page.common import first_at
from modeltally.show.page.guard import HEADERS, enter, new_link
from modeltally.show.page.models import COLUMNS, lines_of, model_questions
from modeltally.show.page.overview import overview_page
from modeltally.show.page.pages import PAGES, user_page
from modeltally.show.page.render import ASSETS, THEMES, shared_values, templates
from modeltally.show.page.state import PageState, read_state
from modeltally.show.page.subject import model_page, topic_page, topic_values
from modeltally.show.page.tables import arranged
from modeltally.show.rows import WRITERS, write_answer, write_rows
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from modeltally.settings import Settings
    from modeltally.show.backend import Backend
    from modeltally.show.page.blocks import Page

__all__ = ["page_routes"]

_BODY_SECONDS: Final = 10.0
_MAX_NAME: Final = 16 * 1024
_MEDIA: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json", "sql": "text/plain; charset=utf-8"}
_THEME_COOKIE: Final = "modeltally_theme"
_LOOKING: Final = (
    "this browser may not look: run `modeltally open` on the machine of the server, which opens a page with a session"
)
_ACTING: Final = (
    "this browser may look, but not act: run `modeltally open` on the machine of the server, which opens a page with a"
    " session, and do it from there"
)
_BAD, _DENIED, _FORBIDDEN, _NOT_FOUND, _FAILED = 400, 401, 403, 404, 500


def page_routes(backend: Backend) -> list[BaseRoute]:
    """Build the routes.

    Args:
        backend: What answers.
    """
    site = _Site(backend)
    pages = [Route(path, site.page(make)) for path, make in PAGES.items()]
    return [
        Route("/", site.page(overview_page)),
        *pages,
        Route("/models.{form}", site.models_export),
        Route("/models/{name:path}", site.named("name", model_page, "/models/{}")),
        Route("/users/{name:path}", site.named("name", user_page, "/users/{}")),
        Route("/topics/{topic}.{form}", site.topic_export),
        Route(
            "/topics/{name}", site.named("name", lambda name, state: topic_page(topic_named(name), state), "/topics/{}")
        ),
        Route("/actions/{name}", site.act, methods=["POST"]),
        Route("/open", lambda request: new_link(request, backend.access), methods=["POST"]),
        Route("/enter", site.enter),
        Route("/assets/charts.json", _chart_colours),
        Mount("/assets", StaticFiles(directory=ASSETS)),
    ]


class _Site:
    """The pages of one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._asker = Asker(backend)

    def page(self, make: Callable[[PageState, Settings], Page]) -> Callable[[Request], Response]:
        """Give the endpoint of a page with a fixed path."""
        settings = self._backend.settings
        return lambda request: self._answer(request, request.url.path, lambda state: make(state, settings))

    def named(self, parameter: str, make: Callable[[str, PageState], Page], path: str) -> Callable[[Request], Response]:
        """Give the endpoint of a page about something that its path names."""

        def answer(request: Request) -> Response:
            name = request.path_params[parameter]
            if len(name) > _MAX_NAME:
                return self._refused(request, InputError(f"the name has {len(name):,} characters"), _BAD)
            return self._answer(request, path.format(quote(name, safe="")), lambda state: make(name, state))

        return answer

    def models_export(self, request: Request) -> Response:
        """Give the list of models for a program: every column, all rows of the tab, searched and sorted."""

        def write(state: PageState, form: str) -> str:
            found = {
                name: self._asker.ask(one).result() for name, one in model_questions(state).items() if name != "courses"
            }
            rows = arranged(lines_of(found, self._backend.settings), state, columns=COLUMNS)
            file = io.StringIO()
            write_rows(rows, form, file=file, columns=[column.name for column in COLUMNS])
            return file.getvalue()

        return self._exported(request, write, "/models", WRITERS)

    def topic_export(self, request: Request) -> Response:
        """Give a topic's answer for a program, or its SQL."""
        name = request.path_params["topic"]

        def write(state: PageState, form: str) -> str:
            topic = topic_named(name)
            if form == "sql":
                return sql.view(topic.view).text
            file = io.StringIO()
            question = asks(topic, state.window, topic_values(topic, state))
            write_answer(self._asker.ask(question).result(), form, file=file)
            return file.getvalue()

        return self._exported(request, write, f"/topics/{name}", {*WRITERS, "sql"})

    async def act(self, request: Request) -> Response:
        """Do something that changes the store, for a page of this server with a session."""
        if not self._backend.access.may_act(request):
            return self._refused(request, InputError(_ACTING), _FORBIDDEN)
        try:
            body = await read_body(request, max_bytes=MAX_BODY_BYTES, timeout_seconds=_BODY_SECONDS)
            form = form_of(body)
            done = await run_in_threadpool(
                perform, request.path_params["name"], form, backend=self._backend, asker=self._asker
            )
        except UnreadBodyError as error:
            return self._refused(request, InputError(str(error)), _BAD)
        except ModelTallyError as error:
            return self._refused(request, error, _status(error))
        state = self._plain_state(request)
        return self._plain(request, "done.html", state, 200, done=done, title=done.title, action=request.url.path)

    def enter(self, request: Request) -> Response:
        """Turn the link that `modeltally open` printed into a session."""
        entered = enter(request, self._backend.access)
        if entered is not None:
            return entered
        wrong = InputError(
            "this link was used, is older than ten minutes, or is of a server that has ended;"
            " `modeltally open` makes a new one"
        )
        return self._refused(request, wrong, _FORBIDDEN)

    def _answer(self, request: Request, path: str, make: Callable[[PageState], Page]) -> Response:
        if not self._backend.access.may_read(request):
            return self._refused(request, InputError(_LOOKING), _DENIED)
        try:
            state = self._state(request, path)
            page = make(state)
        except ModelTallyError as error:
            return self._refused(request, error, _status(error))
        headers = HEADERS | {"vary": "HX-Request, HX-Target, X-Blocks"}
        if request.method == "HEAD":
            return HTMLResponse(headers=headers)
        pieces = written(
            page,
            asker=self._asker,
            templates=templates(),
            shared=shared_values(state, theme=_theme(request), otlp_url=self._backend.otlp_url),
            only=_wanted_blocks(request),
        )
        return StreamingResponse(pieces, media_type="text/html", headers=headers)

    def _exported(
        self, request: Request, write: Callable[[PageState, str], str], path: str, forms: Collection[str]
    ) -> Response:
        if not self._backend.access.may_read(request):
            return self._refused(request, InputError(_LOOKING), _DENIED)
        form = request.path_params["form"]
        try:
            if form not in forms:
                raise UnknownNameError("format", form, forms)
            text = write(self._state(request, path), form)
        except ModelTallyError as error:
            return self._refused(request, error, _status(error))
        name = path.rpartition("/")[2]
        headers = HEADERS | {"content-disposition": f'inline; filename="{name}.{form}"'}
        return Response(text, media_type=_MEDIA[form], headers=headers)

    def _state(self, request: Request, path: str) -> PageState:
        return read_state(path, dict(request.query_params), now=self._backend.now(), first_at=first_at(self._backend))

    def _plain_state(self, request: Request) -> PageState:
        """Give the state of a page that says one thing, whatever the address says."""
        del request
        return read_state("/", {}, now=self._backend.now(), first_at=lambda _: None)

    def _refused(self, request: Request, error: ModelTallyError, status: int) -> Response:
        return self._plain(
            request, "refused.html", self._plain_state(request), status, title="That does not work", message=str(error)
        )

    def _plain(self, request: Request, template: str, state: PageState, status: int, **values: Any) -> Response:
        shared = shared_values(state, theme=_theme(request), otlp_url=self._backend.otlp_url)
        page = {"title": values.pop("title"), "section": "", "intro": "", "blocks": ()}
        text = "".join(
            templates().get_template(name).render({**shared, "page": page, **values})
            for name in ("head.html", template, "foot.html")
        )
        return HTMLResponse(text, status_code=status, headers=HEADERS)


def _chart_colours(_: Request) -> Response:
    """Give the colours of charts, light and dark."""
    headers = HEADERS | {"cache-control": "public, max-age=86400"}
    return Response(json.dumps({"light": LIGHT, "dark": DARK}), media_type="application/json", headers=headers)


def _wanted_blocks(request: Request) -> tuple[str, ...]:
    """Say which blocks are asked for alone: by our module, or by htmx as ``section#name``."""
    named = request.headers.get("x-blocks", "")
    if request.headers.get("hx-request") == "true":
        named = request.headers.get("hx-target", "").rpartition("#")[2] or named
    return tuple(name for name in named.split(",") if name)


def _theme(request: Request) -> str:
    theme = request.cookies.get(_THEME_COOKIE, "")
    return theme if theme in THEMES else ""


def _status(error: ModelTallyError) -> int:
    if isinstance(error, UnknownNameError):
        return _NOT_FOUND
    return _FAILED if isinstance(error, StoreError) or not isinstance(error, InputError | ParameterError) else _BAD
