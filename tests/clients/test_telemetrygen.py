"""OpenTelemetry's own generator of load is taken, and what it does not say is not counted."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from clients.programs import BUILT, COUNT, found, run

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.server import LocalServer

PROGRAM = BUILT / "go" / "telemetrygen"


@pytest.mark.parametrize("way", ["http", "grpc"])
def test_operations_without_an_outcome_are_quarantined(server: LocalServer, way: str) -> None:
    """Every span is stored; one that claims to be an operation without an outcome is in no figure, with its reason."""
    url = server.address.otlp_url if way == "http" else server.address.otlp_grpc_url
    service = f"telemetrygen-{way}"
    command: list[str | Path] = [
        PROGRAM,
        "traces",
        "--otlp-endpoint",
        urlsplit(url).netloc,
        "--otlp-insecure",
        "--service",
        service,
    ]
    more = ["--traces", str(COUNT), "--child-spans", "1", "--rate", "100"]
    named = [
        "--telemetry-attributes",
        'modeltally.operation="model.request"',
        "--telemetry-attributes",
        'modeltally.model.id="m"',
    ]
    run(server, [*command, *more, *named, *(["--otlp-http"] if way == "http" else [])])
    (spans,) = found(
        server, "SELECT count() AS spans FROM otel_traces WHERE ServiceName = {service:String}", service=service
    )
    assert spans == {"spans": 2 * COUNT}
    assert found(server, "SELECT model FROM usage_events WHERE service = {service:String}", service=service) == []
    judged = found(
        server,
        "SELECT reason, count() AS spans FROM usage_quarantine WHERE position(detail, {service:String}) > 0"
        " GROUP BY reason",
        service=service,
    )
    assert judged == [{"reason": "unknown_outcome", "spans": 2 * COUNT}]


@pytest.mark.parametrize("way", ["http", "grpc"])
def test_metrics_are_taken(server: LocalServer, way: str) -> None:
    """It ends content; points of names that nobody asked for are left out, as of any sender."""
    url = server.address.otlp_url if way == "http" else server.address.otlp_grpc_url
    command: list[str | Path] = [
        PROGRAM,
        "metrics",
        "--otlp-endpoint",
        urlsplit(url).netloc,
        "--otlp-insecure",
        "--metrics",
        str(COUNT),
        "--rate",
        "100",
    ]
    run(server, [*command, "--otlp-metric-name", f"gen_ai.{way}", *(["--otlp-http"] if way == "http" else [])])
    (points,) = found(
        server,
        "SELECT count() AS points FROM otel_metrics_gauge WHERE MetricName = {name:String}",
        name=f"gen_ai.{way}",
    )
    assert points == {"points": COUNT}
