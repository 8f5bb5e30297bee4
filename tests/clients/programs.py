"""The programs of other languages: running one, and what each of them must have brought about."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from modeltally.store import EmbeddedStore
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.server import LocalServer

# Where build.sh puts them.
BUILT = Path(__file__).parents[2] / ".clients"

# Of each kind of span, and of each instrument, a program sends so many; two of the operations are errors.
COUNT = 20
ERRORS = 2
# What a program writes wherever a text may stand that nobody may keep.
PLANTED = "SECRET"


def run(server: LocalServer, command: Sequence[str | Path], *needed: Path) -> str:
    """Run a program that was built with the addresses of a server; gives what it printed.

    Args:
        server: The server it talks to.
        command: The program and its arguments.
        needed: Files without which nobody has built it; the program itself when not given.
    """
    if not all(path.exists() for path in needed or (Path(command[0]),)):
        pytest.skip(f"{command[0]} is not built: make test-clients builds it where its language is installed")
    address = server.address
    environment = {
        **os.environ,
        "OTLP_HTTP": address.otlp_url,
        "OTLP_GRPC": address.otlp_grpc_url,
        "CLICKHOUSE_URL": address.clickhouse_url,
        "CLICKHOUSE_HOST": urlsplit(address.clickhouse_url).netloc,
        "CLICKHOUSE_TOKEN": address.token,
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def answers(server: LocalServer, command: Sequence[str | Path], *needed: Path) -> Any:
    """Run a program that asks the ClickHouse interface; gives what it said it got."""
    return json.loads(run(server, command, *needed))


def found(server: LocalServer, question: str, **values: object) -> list[dict[str, Any]]:
    """Ask a running server's store, once it has stored everything."""
    assert server.wait_until_stored()
    store = server._store
    assert isinstance(store, EmbeddedStore)
    return ask(store, question, values)


def models(server: LocalServer) -> list[list[object]]:
    """What every program must get as the answer to how many events each model has."""
    rows = found(server, "SELECT model, count() AS events FROM usage_events GROUP BY model ORDER BY model")
    return [[row["model"], row["events"]] for row in rows]


def check_what_arrived(server: LocalServer, service: str) -> None:
    """A program's operations are counted, its spans and points stored, and its planted texts nowhere.

    Counters are cumulative: an SDK that flushes and then ends sends the same total twice.
    """
    (counted,) = found(
        server,
        "SELECT count() AS events, countIf(outcome = 'error') AS errors, any(duration_us) AS duration_us,"
        " any(model) AS model FROM usage_events WHERE service = {service:String}",
        service=service,
    )
    assert counted == {"events": COUNT, "errors": ERRORS, "duration_us": 1_000_000, "model": service}, counted
    (spans,) = found(
        server,
        "SELECT count() AS spans, uniqExact(SpanId) AS ids, countIf(SpanKind = 'Server') AS served,"
        " sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])) AS tokens,"
        " countIf(position(toString(tuple(*)), {planted:String}) > 0) AS leaked"
        " FROM otel_traces WHERE ServiceName = {service:String}",
        service=service,
        planted=PLANTED,
    )
    assert spans == {
        "spans": 3 * COUNT,
        "ids": 3 * COUNT,
        "served": COUNT,
        "tokens": 10 * COUNT,
        "leaked": 0,
    }, spans
    (sums,) = found(
        server, "SELECT max(Value) AS calls FROM otel_metrics_sum WHERE ServiceName = {service:String}", service=service
    )
    assert sums == {"calls": COUNT}, sums
    (histogram,) = found(
        server,
        "SELECT max(Count) AS points, max(Sum) AS seconds FROM otel_metrics_histogram"
        " WHERE ServiceName = {service:String}",
        service=service,
    )
    assert histogram == {"points": COUNT, "seconds": COUNT * 0.25}, histogram
