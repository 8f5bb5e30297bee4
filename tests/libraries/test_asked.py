"""Who asks over HTTP: applications of Starlette, FastAPI, Flask and Django, called as a server calls them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final

import django
import django.conf
import django.core.handlers.asgi
import django.core.handlers.wsgi
import django.http
import django.urls
import flask
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.responses import StreamingResponse
from werkzeug.test import Client

import modeltally
from modeltally.instrument.libraries._asked import USER_HEADER
from modeltally.instrument.libraries.django import DjangoInstrumentor
from modeltally.instrument.libraries.flask import FlaskInstrumentor
from modeltally.instrument.libraries.starlette import StarletteInstrumentor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from modeltally.testing import Captured

HEADER: Final = "X-Studio-User"
INSTRUMENTORS: Final = (DjangoInstrumentor, FlaskInstrumentor, StarletteInstrumentor)

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries themselves


@pytest.fixture(autouse=True)
def _instrumented(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(USER_HEADER, HEADER)
    for kind in INSTRUMENTORS:
        kind().instrument()
    yield
    for kind in INSTRUMENTORS:
        kind().uninstrument()


def paint() -> str:
    """Ask a model."""
    with modeltally.model_request("sketch"):
        return "painted"


def users(captured: Captured) -> list[Any]:
    """Who asked, of each request."""
    return [each.get("user.hash") for each in captured.all()]


def fastapi_application() -> Any:
    """An application with a plain handler, an asynchronous one, and one whose answer is a stream."""
    application = FastAPI()

    @application.get("/plain")
    def plain() -> str:
        return paint()

    @application.get("/async")
    async def asynchronous() -> str:
        await asyncio.sleep(0)
        return paint()

    @application.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            yield paint()
            yield paint()

        return StreamingResponse(pieces())

    return application


def flask_application() -> Any:
    """The same."""
    application = flask.Flask(__name__)
    application.add_url_rule("/plain", "plain", paint)
    application.add_url_rule("/stream", "stream", lambda: flask.Response(paint() for _ in range(2)))
    return application


def django_handler(kind: Any) -> Any:
    """The same."""
    if not django.conf.settings.configured:
        patterns = [
            django.urls.path("plain", lambda _: django.http.HttpResponse(paint())),
            django.urls.path("stream", lambda _: django.http.StreamingHttpResponse(paint() for _ in range(2))),
        ]
        urls: Any = type("urls", (), {"urlpatterns": patterns})
        django.conf.settings.configure(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"], SECRET_KEY="none")  # noqa: S106 - a test's
        django.setup()
    return kind()


@pytest.mark.parametrize(("path", "requests"), [("/plain", 1), ("/async", 1), ("/stream", 2)])
def test_user_of_a_header_asks_for_what_is_asked(captured: Captured, path: str, requests: int) -> None:
    """In plain and asynchronous handlers and in streams; two users are told apart, nobody is nobody."""
    with TestClient(fastapi_application()) as client:
        for user in ("ann", "bob", None):
            client.get(path, headers={HEADER: user} if user else {})
    said = users(captured)
    ann, bob, nobody = said[:requests], said[requests : 2 * requests], said[2 * requests :]
    assert nobody == [None] * requests
    assert len({*ann}) == len({*bob}) == 1
    assert ann != bob
    assert "ann" not in repr([span.to_json() for span in captured.spans()])


@pytest.mark.parametrize("make", [flask_application, lambda: django_handler(django.core.handlers.wsgi.WSGIHandler)])
@pytest.mark.parametrize(("path", "requests"), [("/plain", 1), ("/stream", 2)])
def test_user_of_a_wsgi_application_asks(captured: Captured, make: Any, path: str, requests: int) -> None:
    """What is made while an answer is sent is made for the same user; the answer is what it was."""
    client = Client(make())
    answers = [client.get(path, headers={HEADER: user} if user else {}).data for user in ("ann", None)]
    assert answers == [b"painted" * requests] * 2
    said = users(captured)
    assert said[:requests] == [said[0]] * requests != [None] * requests
    assert said[requests:] == [None] * requests


def test_user_of_an_asgi_handler_of_django_asks(captured: Captured) -> None:
    """Django's asynchronous handler, as a server calls it."""
    handler = django_handler(django.core.handlers.asgi.ASGIHandler)
    sent: list[Any] = []

    async def call() -> None:
        scope = {"type": "http", "method": "GET", "path": "/plain", "query_string": b"", "http_version": "1.1"}
        headers = [(b"host", b"here"), (HEADER.lower().encode(), b"ann")]

        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await asyncio.Event().wait()
            return {}

        async def send(message: Any) -> None:
            sent.append(message)

        await handler({**scope, "headers": headers}, receive, send)

    asyncio.run(call())
    assert sent[0]["status"] == 200
    assert users(captured)[0] is not None


def test_header_is_not_read_unless_it_is_named(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off by default."""
    monkeypatch.delenv(USER_HEADER)
    Client(flask_application()).get("/plain", headers={HEADER: "ann"})
    assert users(captured) == [None]


def test_requests_at_once_keep_their_users_apart(captured: Captured) -> None:
    """Threads of one server, each with a user of its own."""
    client = Client(flask_application())
    names = [f"user {number}" for number in range(8)]
    threads = [
        threading.Thread(
            target=lambda name=name: [client.get("/stream", headers={HEADER: name}).data for _ in range(5)]
        )
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = {user: users(captured).count(user) for user in set(users(captured))}
    assert len(counted) == 8
    assert set(counted.values()) == {10}
