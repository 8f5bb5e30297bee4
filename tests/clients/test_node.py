"""Node's OpenTelemetry SDK and ClickHouse's clients for JavaScript work as with a Collector and a ClickHouse server."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients.programs import BUILT, COUNT, answers, check_what_arrived, found, models, run

if TYPE_CHECKING:
    from modeltally.server import LocalServer

NODE = shutil.which("node") or "node"
PROGRAM = BUILT / "node" / "main.mjs"


@pytest.mark.parametrize("way", ["json", "json-gzip", "proto", "proto-gzip", "grpc", "grpc-gzip"])
def test_what_the_sdk_sends_is_counted_and_stored(server: LocalServer, way: str) -> None:
    """Operations, spans of others and metrics arrive whole, and free text does not."""
    run(server, [NODE, PROGRAM, "spans", way], Path(NODE), PROGRAM)
    check_what_arrived(server, f"node-{way}")


def test_half_an_emoji_and_a_figure_that_is_none_cost_nothing(server: LocalServer) -> None:
    """The SDK's limit on lengths leaves half a surrogate pair, NaN becomes null: every operation is counted."""
    run(server, [NODE, PROGRAM, "cut"], Path(NODE), PROGRAM)
    for service in ("node-cut-json", "node-cut-proto"):
        (counted,) = found(
            server,
            "SELECT count() AS events, sum(input_tokens) AS tokens FROM usage_events WHERE service = {service:String}",
            service=service,
        )
        assert counted == {"events": COUNT, "tokens": 0}
        gauges = found(
            server,
            "SELECT MetricName AS name, Value AS value FROM otel_metrics_gauge"
            " WHERE ServiceName = {service:String} AND NOT isNaN(Value)",
            service=service,
        )
        assert gauges == [{"name": "gen_ai.something", "value": 2.0}]


def test_clickhouse_client_reads(server: LocalServer) -> None:
    """In Node and as in a browser, plain and compressed: rows, streams, parameters, an abort, a bearer token."""
    run(server, [NODE, PROGRAM, "spans", "json"], Path(NODE), PROGRAM)
    expected = models(server)
    said = answers(server, [NODE, PROGRAM, "ask"], Path(NODE), PROGRAM)
    assert said.keys() == {
        "node",
        "node, answers compressed",
        "node, both compressed",
        "web",
        "web, answers compressed",
    }
    for answer in said.values():
        assert answer == {
            "ping": True,
            "models": expected,
            "parameters_kept": True,
            "streamed": 150_000,
            "query_id": "mine",
            "aborted": "stopped",
            "together": list(range(12)),
            "settings": 1,
            "typed": {"yes": True, "day": "1970-01-01 00:00:00.000", "most": 1, "named": 7},
            "table": [[{"x": 1}], 1],
            "progressed": 1000,
            "summary": "1",
            "exec": '1,"a"',
            "session": 1,
            "in_headers": "2026-01-02T03:04:05.000Z",
            "role": 0,
            "broken": "395",  # in the middle of the answer
            "crowd": [],  # forty at once are answered, or told that there are too many
            "wrong": "47",
            "insert": "164",
            "insert_select": "164",
            "create": "164",
            "stranger": False,
            "stranger_told": "516",
            "access_token": True,
        }
