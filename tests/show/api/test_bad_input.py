"""What strangers send: each gets a problem that names what is wrong and tells nothing else, and the server goes on."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from modeltally.analytics.topics import TOPICS
from modeltally.settings import Settings
from modeltally.show.access import Access
from modeltally.show.api.problems import Problem
from show.api.conftest import USER, Answered, Client

if TYPE_CHECKING:
    from modeltally.server import LocalServer

MODELS = "/api/v1/topics/models"
LONG = "x" * 10_000


def problem(answered: Answered) -> Problem:
    """Read a problem, and see that it tells nothing of the inside."""
    assert answered.headers["content-type"] == "application/problem+json"
    told = Problem.model_validate(answered.content)
    assert told.status == answered.status
    text = answered.body.decode()
    assert len(text) < 6000
    for inside in ("Traceback", "SELECT", "modeltally/", "site-packages", "/dev/shm", "chdb"):  # noqa: S108 - no file
        assert inside not in text
    return told


@pytest.mark.parametrize(
    ("path", "status", "thing"),
    [
        (f"{MODELS}?since=2026-03-01&until=2026-02-01", 400, "since"),
        (f"{MODELS}?since=1926-03-01&until=2026-02-01", 400, "since"),
        (f"{MODELS}?since=2026-03-01&until=2126-02-01", 400, "until"),
        (f"{MODELS}?since=2026-02-31", 400, "since"),
        (f"{MODELS}?since=999999w", 400, "since"),
        (f"{MODELS}?since=yesterday", 422, "since"),
        (f"{MODELS}?since={LONG}", 422, "since"),
        (f"{MODELS}?as_of=2026-03-01T25:00", 400, "as_of"),
        (f"{MODELS}?limit=0", 422, "limit"),
        (f"{MODELS}?limit=-1", 422, "limit"),
        (f"{MODELS}?limit=99999999999999999999", 422, "limit"),
        (f"{MODELS}?limit=ten", 422, "limit"),
        (f"{MODELS}?sort=nobody", 422, "sort"),
        (f"{MODELS}?sort=model,model,model,model,model", 422, "sort"),
        (f"{MODELS}?format=xml", 422, "format"),
        (f"{MODELS}?cursor=!", 422, "cursor"),
        (f"{MODELS}?cursor=abc", 400, "cursor"),
        (f"{MODELS}?q={'y' * 501}", 422, "q"),
        (f"{MODELS}?q=%00", 422, "q"),
        (f"{MODELS}?nobody=1", 422, "nobody"),
        ("/api/v1/topics/time?bucket=minute", 422, "bucket"),
        ("/api/v1/topics/time?bucket=hour&since=2000-01-01", 400, "bucket"),
        ("/api/v1/topics/time?tz=Mars/Olympus", 400, "tz"),
        ("/api/v1/topics/time?by=all&of=flux", 400, "by"),
        ("/api/v1/topics/attribute", 422, "name"),
        ("/api/v1/topics/chance?within=25", 422, "within"),
        ("/api/v1/topics/nobody", 404, "topic of stats"),
        ("/api/v1/analytics/generation/overview?days=0", 422, "days"),
        ("/api/v1/analytics/generation/overview?days=36500", 422, "days"),
        ("/api/v1/analytics/generation/overview?days=NaN", 422, "days"),
        ("/api/v1/analytics/generation/trends?interval=decade", 422, "interval"),
        ("/api/v1/analytics/generation/trends?interval=hour&days=3000", 400, "bucket"),
        ("/api/pattern-analytics/usage-stats?time_range=100y", 422, "time_range"),
        ("/api/pattern-analytics/usage-stats?time_range=999999w", 400, None),
        ("/api/pattern-analytics/usage-stats?time_range=0d", 400, None),
        ("/api/pattern-analytics/usage-stats?group_by=minute", 422, "group_by"),
        ("/api/v1/models/nobody", 404, "model"),
        ("/api/v1/models/..%2f..%2fetc%2fpasswd", 404, "model"),
        (f"/api/v1/models/{LONG}", 422, "model_id"),
        ("/api/v1/users/%00", 422, "user_id"),
        ("/api/v1/nobody", 404, "path"),
        ("/api/../../etc/passwd", 404, "path"),
        ("/api/v1/topics/models/", 404, "path"),
    ],
)
def test_bad_question_is_a_problem_that_names_it(client: Client, path: str, status: int, thing: str | None) -> None:
    """Wrong types, reversed and endless windows, unknown names, huge limits: each is refused in words."""
    told = problem(client.get(path))
    assert (told.status, told.thing) == (status, thing)
    assert told.detail


def test_problem_says_what_is_allowed(client: Client) -> None:
    """A value among few comes with these; a name of many with them too; several errors are all told."""
    assert "hour" in str(problem(client.get("/api/v1/topics/time?bucket=minute")).allowed)
    assert problem(client.get("/api/v1/topics/modles")).allowed == sorted(TOPICS)
    both = problem(client.get(f"{MODELS}?limit=0&sort=nobody"))
    assert [error["thing"] for error in both.errors or []] == ["limit", "sort"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused_with_those_that_there_are(client: Client, method: str) -> None:
    """A question is asked by GET alone."""
    answered = client.send(method, MODELS, {"Authorization": f"Bearer {client.token}"})
    assert (answered.status, answered.headers["allow"]) == (405, "GET")
    assert problem(answered).allowed == "GET"


@pytest.mark.parametrize(
    "content",
    [
        [2, "2026-01-01", "2026-02-01", "2026-02-01", "x", 1, "y"],
        [1, "2026-01-01", "2026-02-01", "2026-02-01", "x", 1, "y"],
        [1, "1926-01-01", "2026-02-01", "2026-02-01", "x", 1, "y"],
        [1, "2026-03-01", "2026-02-01", "2026-02-01", "x", 1, "y"],
        [1, "2026-01-01", "2026-02-01", "2026-02-01", "x", -1, "y"],
        [1, "2026-01-01", "2026-02-01", "2026-02-01", "x", 1e400, "y"],
        {"a": 1},
        [],
        None,
    ],
)
def test_made_up_cursor_is_refused(client: Client, content: object) -> None:
    """A cursor that this server did not give, or gave for another list, leads nowhere."""
    cursor = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
    assert problem(client.get(MODELS, cursor=cursor)).thing == "cursor"


def test_cursor_of_another_list_is_refused(client: Client) -> None:
    """A cursor goes with the parameters of its list alone."""
    cursor = client.get(MODELS, limit=1).content["next_cursor"]
    assert client.get(MODELS, cursor=cursor).status == 200
    for query in ({"since": "7d"}, {"sort": "model"}, {"q": "f"}):
        assert problem(client.get(MODELS, cursor=cursor, **query)).status == 400
    assert problem(client.get("/api/v1/topics/users", cursor=cursor)).status == 400


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:4319", "[::2]", ""])
def test_foreign_host_is_not_served(client: Client, host: str) -> None:
    """A name that points at this machine without being its own gets nothing."""
    for path in (MODELS, "/openapi.json", "/docs", "/api/v1/events"):
        assert client.get(path, {"Host": host}).status == 421


ACTIONS = [f"/api/v1/users/{USER}/erase", "/api/v1/recommendations/cleanup"]


@pytest.mark.parametrize("path", ACTIONS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic {token}"},
        {"Authorization": "bearer  {token}"},
        {"Authorization": "Bearer {token}, Bearer {token}"},
        {"Cookie": "modeltally_session={token}"},
        {"Cookie": f"modeltally_session={LONG}"},
        {"X-Forwarded-For": "127.0.0.1", "X-Original-URL": "/", "X-HTTP-Method-Override": "GET"},
    ],
)
def test_action_without_the_token_is_refused(client: Client, path: str, headers: dict[str, str]) -> None:
    """No header and no cookie stands for the token."""
    shown = {name: value.replace("{token}", client.token) for name, value in headers.items()}
    answered = client.send("POST", f"{path}?dry_run=false", shown)
    assert (answered.status, problem(answered).thing) == (401, "Authorization")
    assert answered.headers["www-authenticate"].startswith("Bearer")
    assert client.token not in answered.body.decode()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "file://"])
@pytest.mark.parametrize("path", ACTIONS)
def test_page_of_another_server_may_not_act(client: Client, path: str, origin: str) -> None:
    """Even with the token nothing is done for a page of another origin."""
    answered = client.act(path, {"Origin": origin})
    assert (answered.status, problem(answered).thing) == (403, "Origin")


def test_page_of_this_server_may_act_with_its_cookie(running: LocalServer, client: Client) -> None:
    """A session that came of a link acts from a page of this server, and from no other."""
    access: Access = running.backend.access
    secret = access.redeem(access.new_link())
    cookie, host = {"Cookie": f"modeltally_session={secret}"}, client.url.removeprefix("http://")
    mine = client.send("POST", ACTIONS[0], {**cookie, "Origin": client.url, "Host": host})
    assert mine.status == 200
    assert client.send("POST", ACTIONS[0], {**cookie, "Origin": "http://evil.example"}).status == 403
    assert client.send("POST", ACTIONS[0], cookie).status == 401


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "\xe9"])
def test_bad_key_of_an_action_is_refused(client: Client, key: str) -> None:
    """A key is a short visible word."""
    answered = client.act(ACTIONS[1], {"Idempotency-Key": key}, dry_run="false")
    assert (answered.status, problem(answered).thing) == (422, "idempotency-key")


def test_nobody_may_read_from_elsewhere_without_the_token() -> None:
    """Where a server listens beyond this machine reading needs the token too, for every path."""
    from starlette.testclient import TestClient  # noqa: PLC0415 - this test alone

    from modeltally.show.site import site_routes  # noqa: PLC0415
    from show.api.pretend import backend_of  # noqa: PLC0415

    backend = backend_of(access=Access("secret", is_open=False), settings=Settings())
    from starlette.applications import Starlette  # noqa: PLC0415

    elsewhere = TestClient(Starlette(routes=site_routes(backend)), raise_server_exceptions=False)
    for path in (MODELS, "/api/v1/health", "/api/v1/events", "/api/nobody", "/openapi.json", "/docs", "/redoc"):
        assert elsewhere.get(path).status_code == 401, path
    assert elsewhere.get("/openapi.json", headers={"Authorization": "Bearer secret"}).status_code == 200


def test_server_goes_on_after_all_that(client: Client) -> None:
    """What came before has changed nothing."""
    assert client.get("/api/v1/health").content["status"] == "ok"
    assert client.rows(MODELS)
