"""Rust's OpenTelemetry SDK, its bridge from ``tracing`` and the crate ``clickhouse`` work as with the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clients.programs import BUILT, COUNT, PLANTED, answers, check_what_arrived, found, models, run

if TYPE_CHECKING:
    from modeltally.server import LocalServer

PROGRAM = BUILT / "rust" / "debug" / "modeltally-clients"


@pytest.mark.parametrize("way", ["http", "http-gzip", "json", "json-gzip", "grpc", "grpc-gzip"])
def test_what_the_sdk_sends_is_counted_and_stored(server: LocalServer, way: str) -> None:
    """Operations, spans of others and metrics arrive whole, and free text does not."""
    run(server, [PROGRAM, "spans", way])
    check_what_arrived(server, f"rust-{way}")


def test_log_lines_inside_a_span_are_not_stored(server: LocalServer) -> None:
    """The bridge names an event by the line that was logged: the operations are counted, the lines gone."""
    run(server, [PROGRAM, "log"])
    (counted,) = found(server, "SELECT count() AS events FROM usage_events WHERE service = 'rust-log'")
    assert counted == {"events": COUNT}
    events = found(
        server,
        "SELECT arrayJoin(Events.Name) AS name, count() AS events,"
        " countIf(position(toString(tuple(*)), {planted:String}) > 0) AS leaked"
        " FROM otel_traces WHERE ServiceName = 'rust-log' GROUP BY name",
        planted=PLANTED,
    )
    assert events == [{"name": "event", "events": COUNT, "leaked": 0}]


def test_crate_clickhouse_reads(server: LocalServer) -> None:
    """Rows, streams, bound values, parameters and settings, with its default of compressed answers too."""
    run(server, [PROGRAM, "spans", "http"])
    expected = models(server)
    said = answers(server, [PROGRAM, "ask"])
    assert said == {
        "models": expected,
        "streamed": 150_000,
        "bound_kept": True,
        "parameters_kept": True,
        "settings": 1,
        "wrong": 47,
        "create": 164,
        "stranger": 516,
        "lz4": 1,
    }
