"""The application itself: silent about itself, careful with errors, described without network."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.testclient import TestClient

from modeltally.errors import ServerError, StoreError
from modeltally.show.api.app import rest_app
from modeltally.show.api.docs import STATIC
from modeltally.show.site import site_routes
from show.api.pretend import SilentStore, backend_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from show.api.conftest import Client


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Have a host's own tracing record everything."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


@pytest.mark.parametrize("environment", [{}, {"FASTAPI_OTEL_AUTO_CONFIGURE": "true"}])
def test_application_writes_no_telemetry_of_its_own(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    """No span, no metric: with a provider in the process that records, which another application of FastAPI fills."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    reader = InMemoryMetricReader()
    meters = MeterProvider(metric_readers=[reader])
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: meters)
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", meters)

    def ask(app: Any) -> None:
        client = TestClient(app, raise_server_exceptions=False)
        for path in ("/api/v1/topics", "/api/v1/health", "/api/nobody", "/api/v1/topics/models?limit=0"):
            client.get(path)

    ask(Starlette(routes=site_routes(backend_of())))
    assert spans.get_finished_spans() == ()
    assert reader.get_metrics_data() is None
    loud = FastAPI()

    @loud.get("/api/v1/topics")
    def answer() -> dict[str, str]:
        return {}

    ask(loud)
    assert spans.get_finished_spans(), "the control writes spans: nothing was recorded by chance"


def test_server_stores_nothing_about_itself(client: Client) -> None:
    """After many questions no service is in the store but those that were given."""
    assert {row["operation"] for row in client.rows("/api/v1/topics/operations")} == {
        "model.request",
        "model.download",
        "pattern.run",
    }
    assert client.rows("/api/v1/topics/foreign") == []


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (StoreError("SELECT secret FROM /var/lib/x failed"), 500, "the server's log says why"),
        (ServerError("the store https://h cannot be reached"), 502, "cannot be reached"),
        (RuntimeError("a secret"), 500, "its log says why"),
        (RecursionError(), 500, "its log says why"),
    ],
)
def test_error_of_the_store_tells_nothing_of_the_inside(error: Exception, status: int, said: str) -> None:
    """What the engine says stays in the log; the answer is a problem, and the next question is answered."""
    errors = [error]

    def read(_: str) -> list[dict[str, Any]]:
        if errors:
            raise errors.pop()
        return []

    asking = TestClient(rest_app(backend_of(store=SilentStore(read))), raise_server_exceptions=False)
    answered = asking.get("/v1/recommendations")
    assert (answered.status_code, answered.headers["content-type"]) == (status, "application/problem+json")
    assert said in answered.json()["detail"]
    assert "secret" not in answered.text
    assert asking.get("/v1/recommendations").status_code == 200


def test_process_that_is_unwell_says_so() -> None:
    """Health has a status that whoever watches it understands."""
    asking = TestClient(rest_app(backend_of(problem=lambda: "the disk is full")))
    answered = asking.get("/v1/health")
    assert (answered.status_code, answered.json()["problem"]) == (503, "the disk is full")


def test_files_that_came_from_elsewhere_are_those_recorded() -> None:
    """Every file of others has the hash that is recorded, and a licence beside it; each file is told of."""
    lines = [line.split() for line in (STATIC / "SHA256SUMS").read_text().splitlines()]
    recorded = {name: digest for digest, name in lines}
    for name, digest in recorded.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest, name
    told = (STATIC / "README.md").read_text()
    found = (path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())
    files = set(found) - {"README.md", "SHA256SUMS"}
    assert recorded.keys() <= files
    assert all(f"`{name}`" in told for name in files), files


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_description_needs_nothing_from_elsewhere(client: Client, path: str) -> None:
    """Pages of the description load files of this server alone, and their policy allows no others."""
    page = client.get(path)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert not re.search(r"https?://|//cdn", policy)
    loaded = set(re.findall(r'(?:src|href)="([^"#]+)"', page.body.decode())) - {"data:,"}
    for address in loaded:
        assert address.startswith("/")
        assert client.get(address).status == 200, address


def test_page_to_read_tells_of_every_operation(client: Client) -> None:
    """The page without JavaScript has each path, with its parameters and what a row of its answer holds."""
    text = client.get("/redoc").body.decode()
    for path in client.get("/openapi.json").content["paths"]:
        assert f"/api{path}" in text
    assert "Requests to models that began in the window." in text
    assert "Needs the token." in text


@pytest.mark.parametrize("name", ["../api/app.py", "..%2fapi%2fapp.py", "nobody", "", "%00"])
def test_static_files_are_those_of_their_folder(client: Client, name: str) -> None:
    """No path leads out of the folder."""
    assert client.get(f"/static/{name}").status == 404


def test_folder_is_part_of_the_package() -> None:
    """The files lie in the package, so that the wheel has them."""
    assert STATIC.is_relative_to(Path(__file__).parents[3] / "instrumentation" / "modeltally")
