"""Spans of many months in one body cost the store few inserts, and few partitions in each."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING

import pytest

from modeltally.store import EmbeddedStore
from receiver.bodies import all_spans, post, request
from support.stores import ask

if TYPE_CHECKING:
    from modeltally.server import LocalServer

MONTHS, SENDERS = 300, 6
FIRST_YEAR = 2000
KEPT_MONTHS = 10 * 12 + 1


def body_of_months(seed: int) -> bytes:
    """Make a body with a span in each of three hundred months, from 2000 on."""
    made = request(MONTHS, seed=seed)
    for number, span in enumerate(all_spans(made)):
        start = dt.datetime(FIRST_YEAR + number // 12, 1 + number % 12, 3, tzinfo=dt.UTC)
        span.start_time_unix_nano = int(start.timestamp()) * 10**9
        span.end_time_unix_nano = span.start_time_unix_nano + 10**9
    return made.SerializeToString()


@pytest.mark.slow(seconds=4, why="parts of a hundred months")
def test_months_of_decades_cost_few_partitions_and_few_inserts(server: LocalServer) -> None:
    """What is older than ten years is quarantined; bodies that come meanwhile share an insert."""
    store = server._store
    assert isinstance(store, EmbeddedStore)
    bodies = [body_of_months(seed) for seed in range(SENDERS)]
    taken: list[int] = []
    senders = [
        threading.Thread(target=lambda content=content: taken.append(post(server.address, content).status))
        for content in bodies
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert taken == [200] * SENDERS
    assert server.wait_until_stored(timeout_seconds=120)
    assert server.counters["traces"]["stored_batches"] < SENDERS
    parts = ask(store, "SELECT uniqExact(partition) AS n FROM system.parts WHERE active AND table = 'usage_events'")
    events = ask(store, "SELECT count() AS events FROM usage_events")[0]["events"]
    old = ask(store, "SELECT reason, count() AS n FROM usage_quarantine GROUP BY reason")
    assert 0 < int(parts[0]["n"]) <= KEPT_MONTHS
    assert old == [{"reason": "too_old", "n": MONTHS * SENDERS - int(events)}]
    assert ask(store, "SELECT count() AS landed FROM otel_traces") == [{"landed": MONTHS * SENDERS}]
