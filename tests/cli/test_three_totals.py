"""The same operations counted three ways: as spans in the views, as metrics, by the processes themselves."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cli.conftest import rows_of, run_command, start_server, stop_server
from modeltally.store import open_store, sql
from support.environment import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

SERVICE = """
import multiprocessing, os, sys, threading
import modeltally

def work(count):
    for number in range(count):
        with modeltally.model_request("flux", provider="local") as request:
            if number % 10 == 0:
                request.failed("too_blurry")
            with modeltally.model_request("clip"):
                pass
        if number % 4 == 0:
            with modeltally.pattern_run("poster"):
                pass
        if number % 5 == 0:
            with modeltally.operation("acme.upscale", "esrgan"):
                pass

if __name__ == "__main__":
    modeltally.configure(service_name="three", export_interval_seconds=0.05, heartbeat_interval_seconds=0.5,
                         metrics_interval_seconds=0.5)
    work(100)
    threads = [threading.Thread(target=work, args=(100,)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=work, args=(100,)) for _ in range(3)]
    for child in children: child.start()
    for child in children: child.join()
    child = os.fork()
    if child == 0:
        work(100)
        modeltally.shutdown(10)
        os._exit(0)
    os.waitpid(child, 0)
"""
CALLS = 9 * 100
EXPECTED = {
    "model.request": CALLS,
    "nested model.request": CALLS,
    "pattern.run": CALLS // 4,
    "acme.upscale": CALLS // 5,
}
# the last value of each series, summed over processes
METRICS = """
SELECT operation, sum(last_value) AS operations
FROM (
    SELECT
        Attributes['modeltally.operation'] AS operation,
        argMax(Value, TimeUnix)::UInt64 AS last_value
    FROM otel_metrics_sum
    WHERE MetricName = 'modeltally.operations'
    GROUP BY operation, ResourceAttributes['service.instance.id'] AS instance, Attributes
)
GROUP BY operation
"""
FAILURES = """
SELECT sum(last_value) AS failures
FROM (
    SELECT argMax(Value, TimeUnix)::UInt64 AS last_value
    FROM otel_metrics_sum
    WHERE MetricName = 'modeltally.operations' AND Attributes['error.type'] = 'too_blurry'
    GROUP BY ResourceAttributes['service.instance.id'] AS instance, Attributes
)
"""
REQUESTS = """
SELECT sum(requests) AS requests
FROM (
    SELECT argMax(Count, TimeUnix) AS requests
    FROM otel_metrics_histogram
    WHERE MetricName = 'modeltally.request.duration'
    GROUP BY ResourceAttributes['service.instance.id'] AS instance, Attributes
)
"""


@pytest.mark.slow(seconds=7, why="a service and a server")
def test_three_totals_agree(tmp_path: Path, home: Path) -> None:
    """Threads, forks and children of multiprocessing: spans, metrics and heartbeats give the same numbers."""
    server = start_server(tmp_path / "data", home)
    script = tmp_path / "service.py"
    script.write_text(SERVICE)
    environment = clean_environment(home) | {"MODELTALLY_OTLP_ENDPOINT": server.otlp_url}
    ended = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert stop_server(server) == 0

    listed = run_command("stats", "completeness", "--dir", server.directory, "--format", "json", home=home)
    processes = rows_of(listed.stdout)
    assert len(processes) == 5
    assert {process["verdict"] for process in processes} == {"complete"}
    assert sum(process["started"] for process in processes) == sum(EXPECTED.values())
    assert sum(process["stored"] for process in processes) == sum(EXPECTED.values())

    listed = run_command("stats", "operations", "--dir", server.directory, "--format", "json", home=home)
    counted = {row["operation"]: row["operations"] for row in rows_of(listed.stdout)}
    assert counted == {name: count for name, count in EXPECTED.items() if not name.startswith("nested ")}

    store = open_store(server.directory)
    try:
        by_metrics = store.database.query(sql.Statement("metrics", METRICS))
        (failures,) = store.database.query(sql.Statement("failures", FAILURES))
        (requests,) = store.database.query(sql.Statement("requests", REQUESTS))
    finally:
        store.close()
    assert {row["operation"]: row["operations"] for row in by_metrics} == EXPECTED
    assert failures == {"failures": CALLS // 10}
    assert requests == {"requests": CALLS}
