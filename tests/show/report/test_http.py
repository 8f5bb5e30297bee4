"""Reports over HTTP: listed, in each format, and refused in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from modeltally.settings import Settings
from modeltally.show.access import Access
from modeltally.show.api import reports as routes
from modeltally.show.api.app import rest_app
from modeltally.show.backend import Backend
from modeltally.show.charts.draw import DrawingError
from modeltally.show.report.formats import FORMATS, Format
from show.report.conftest import AS_OF
from show.report.read_back import from_csv, from_html, from_json, from_markdown

if TYPE_CHECKING:
    from modeltally.show.report.model import Report
    from modeltally.show.report.parts import Asked

TOKEN = "t0ken"  # noqa: S105 - of the test
WEEK = "since=2026-03-01&until=2026-03-08&tz=Europe/Berlin"


def client_of(asked: Asked, *, is_open: bool = True) -> TestClient:
    """Make a client of the application alone."""
    backend = Backend(
        store=asked.store,
        statistics=asked.statistics,
        settings=Settings(),
        access=Access(TOKEN, is_open=is_open),
        status=dict,
        problem=lambda: None,
        now=lambda: AS_OF,
    )
    return TestClient(rest_app(backend), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(asked: Asked) -> TestClient:
    """Give a client that may read."""
    return client_of(asked)


def test_every_report_is_listed_in_every_format(client: TestClient) -> None:
    """The list names each, and where it is."""
    listed = client.get("/v1/reports").json()["reports"]
    assert [one["name"] for one in listed] == ["usage", "performance", "storage", "advice"]
    assert listed[0]["paths"] == {name: f"/v1/reports/usage.{name}" for name in FORMATS}
    paths = client.get("/openapi.json").json()["paths"]
    assert "/v1/reports/{report}.{format}" in paths


@pytest.mark.slow(seconds=6, why="every format")
def test_a_report_comes_as_it_is_asked_for(client: TestClient, reports: dict[str, Report]) -> None:
    """The window, zone and format of the query are the report's, with the figures that the command gives."""
    wanted: dict[str, Any] = reports["storage"].to_dict()
    got = {name: client.get(f"/v1/reports/storage.{name}?{WEEK}") for name in FORMATS}
    for name, answer in got.items():
        assert answer.status_code == 200, name
        assert answer.headers["content-type"].startswith(FORMATS[name].media_type.partition(";")[0])
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert f'filename="storage.{name}"' in answer.headers["content-disposition"]
    assert got["json"].json() == json.loads(json.dumps(wanted))
    rows = wanted["sections"][0]["rows"]
    assert [row["model"] for row in from_csv(got["csv"].content)["storage"]] == [row["model"] for row in rows]
    assert from_markdown(got["md"].content) == from_html(got["html"].content).tables
    assert from_json(got["json"].content)["storage"] == rows
    assert got["pdf"].content.startswith(b"%PDF-1.7")


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("usages.json", 404, "did you mean 'usage'"),
        ("usage.docx", 404, "there are: csv"),
        ("usage.", 404, ""),
        ("..%2f..%2fetc%2fpasswd.json", 404, ""),
        ("storage.json?tz=Mars", 400, "no time zone"),
        ("storage.json?tz=../../etc/passwd", 400, "no time zone"),
        ("storage.json?since=2026-03-08&until=2026-03-01", 400, "is not before"),
        ("storage.json?since=yesterday", 422, "since"),
        ("storage.json?since=1900-01-01", 400, "outside the years"),
        ("storage.json?count_imports=perhaps", 422, ""),
        (f"storage.json?tz={'x' * 5000}", 422, ""),
    ],
)
def test_what_cannot_be_answered_is_said(client: TestClient, path: str, status: int, detail: str) -> None:
    """A wrong name, zone or window is a client's error that says what is allowed."""
    answer = client.get(f"/v1/reports/{path}")
    assert answer.status_code == status
    assert detail in answer.text


def test_who_may_not_read_gets_nothing(asked: Asked) -> None:
    """Beyond loopback the token is needed."""
    closed = client_of(asked, is_open=False)
    assert closed.get("/v1/reports").status_code == 401
    assert closed.get("/v1/reports/storage.json").status_code == 401
    assert closed.get("/v1/reports", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_failure_is_no_fault_of_who_asks(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where drawing fails the answer says so and is worth another try."""

    def fail(_: object) -> bytes:
        raise DrawingError("drawing took longer than 60 s")

    monkeypatch.setattr(routes, "format_named", lambda _: Format("html", "text/html", fail))
    answer = client.get(f"/v1/reports/storage.html?{WEEK}")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.json()["detail"] == "drawing took longer than 60 s"
