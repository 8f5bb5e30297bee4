"""Who may act: a browser with a session, from a page of this server; and how it gets the session."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

import pytest

from modeltally.server import LocalServer, RemoteStore
from modeltally.show.access import COOKIE, Access
from queries.given import give
from show.api.conftest import Client
from show.page.conftest import NOW, USER, given
from show.page.parsed import parsed
from support.environment import forget_environment
from support.servers import settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.stores import Template

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Start a server whose store may be changed."""
    with pytest.MonkeyPatch.context() as patch:
        forget_environment(patch)
        directory = tmp_path_factory.mktemp("access")
        with template.opened(directory) as store:
            give(store, given())
        with LocalServer(settings_for(directory), clock=lambda: NOW) as started:
            yield started


@pytest.fixture
def session(server: LocalServer) -> dict[str, str]:
    """Open a session as a browser does, and give the headers of its forms."""
    url = RemoteStore(server.address).page_link()
    assert url.startswith(server.address.http_url)
    entered = Client(server.address.http_url, "").get(url.removeprefix(server.address.http_url))
    assert entered.status == 200
    cookie = entered.headers["set-cookie"]
    assert all(word in cookie.lower() for word in ("httponly", "samesite=strict", "path=/"))
    return {"Cookie": cookie.partition(";")[0], "Origin": server.address.http_url, **FORM}


def post(server: LocalServer, action: str, body: str, headers: dict[str, str]) -> tuple[int, str]:
    """Post a form, and give the status and the text of the page."""
    where = server.address.http_url.removeprefix("http://")
    connection = http.client.HTTPConnection(where, timeout=60)
    try:
        connection.request("POST", f"/actions/{action}", body.encode(), headers)
        response = connection.getresponse()
        return response.status, parsed(response.read()).text
    finally:
        connection.close()


def test_link_works_once(server: LocalServer) -> None:
    """A link opens one session; to look whether it is there does not use it up."""
    client = Client(server.address.http_url, server.address.token)
    path = RemoteStore(server.address).page_link().removeprefix(server.address.http_url)
    assert client.send("HEAD", path).status == 200
    first = client.get(path)
    assert COOKIE in first.headers["set-cookie"]
    second = client.get(path)
    assert (second.status, "set-cookie" in second.headers) == (403, False)
    assert client.get("/enter?link=nope").status == 403
    assert client.get("/enter").status == 403


def test_nobody_gets_a_link_without_the_token(server: LocalServer) -> None:
    """A page of another server, or anybody else, cannot ask for a link."""
    client = Client(server.address.http_url, server.address.token)
    assert client.send("POST", "/open").status == 401
    assert client.send("POST", "/open", {"Authorization": "Bearer nope"}).status == 401
    assert client.send("POST", "/open", {"Origin": "http://evil.example"}).status == 401


@pytest.mark.parametrize("action", ["erase-user", "check", "advise"])
@pytest.mark.parametrize(
    "change",
    [
        {"Cookie": ""},
        {"Cookie": f"{COOKIE}=nope"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
    ],
)
def test_action_needs_a_session_and_a_page_of_this_server(
    server: LocalServer, session: dict[str, str], action: str, change: dict[str, str]
) -> None:
    """Without the cookie, or from elsewhere, nothing is done, and the page says how to get a session."""
    status, text = post(server, action, f"user={USER}&dry_run=false&kind=cleanup", {**session, **change})
    assert status == 403
    assert "modeltally open" in text


def test_erasing_says_first_what_it_would_do(server: LocalServer, session: dict[str, str]) -> None:
    """By default nothing changes; what is confirmed is done, and the user is gone from the page."""
    client = Client(server.address.http_url, server.address.token)
    status, text = post(server, "erase-user", f"user={USER}", session)
    assert status == 200
    assert "Nothing has been changed" in text
    assert USER in client.get("/users?window=30d").body.decode()
    status, text = post(server, "erase-user", f"user={USER}&dry_run=false", session)
    assert (status, "is forgotten" in text) == (200, True)
    assert USER not in client.get("/users?window=30d").body.decode()


@pytest.mark.parametrize("body", ["", "user=alice", "user=" + "f" * 17, f"user={USER}&dry_run=maybe", "a=1&" * 40])
def test_form_that_says_nothing_is_refused(server: LocalServer, session: dict[str, str], body: str) -> None:
    """A form without a hash, or with a value that is not allowed, changes nothing and says what is."""
    status, text = post(server, "erase-user", body, session)
    assert (status, "That does not work" in text) == (400, True)


def test_form_that_is_too_large_is_refused(server: LocalServer, session: dict[str, str]) -> None:
    """A body that no form of ours has is not read to its end."""
    assert post(server, "erase-user", "x" * 20_000, session)[0] == 400


def test_check_and_advice_are_done(server: LocalServer, session: dict[str, str]) -> None:
    """The store is checked, and advice is asked for anew, by a session."""
    assert "invariants holds." in post(server, "check", "", session)[1]
    status, text = post(server, "advise", "kind=performance", session)
    assert (status, "asked anew" in text) == (200, True)
    assert post(server, "advise", "kind=nope", session)[0] == 404
    assert post(server, "nope", "", session)[0] == 404


def test_page_beyond_this_machine_needs_a_session(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where reading is not open, a page says how to get a session and shows no figure."""
    monkeypatch.setattr(Access, "may_read", lambda *_: False)
    client = Client(server.address.http_url, server.address.token)
    for path in ("/", "/models/org%2Fflux", "/topics/models", "/topics/models.csv", "/models.json"):
        answered = client.get(path)
        assert answered.status == 401, path
        assert b"modeltally open" in answered.body
        assert b"org/flux" not in answered.body
