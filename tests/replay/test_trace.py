"""The whole path on a trace: what the statistics say is what plain Python counts in the file.

Once on the published trace, once on a file of another shape that the test makes itself; each time before any roll,
after the rolls, after a second import, and after the events themselves have expired.
"""

from __future__ import annotations

import csv
import math
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

import modeltally
from modeltally.local import LocalServer, RemoteStore
from modeltally.replay import FORMATS, Feed, replay_file
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GENTD26 = FORMATS["gentd26"]
# The histograms of the rolls promise this much (log buckets of scale 5).
RELATIVE_ERROR = 0.011
HOURS_BEFORE_ABANDONED = 6


@dataclass
class Expected:
    """What plain Python counts for one model."""

    requests: int = 0
    failures: int = 0
    abandoned: int = 0
    users: set[str] = field(default_factory=set)
    finished_seconds: list[float] = field(default_factory=list)

    def nearest_rank_ms(self, quantile: float) -> float | None:
        """Give the nearest-rank quantile of the finished requests."""
        if not self.finished_seconds:
            return None
        ordered = sorted(self.finished_seconds)
        return ordered[math.ceil(quantile * len(ordered)) - 1] * 1000


@dataclass(frozen=True)
class Trace:
    """A file, and the window that holds all of it."""

    path: Path
    since: datetime
    until: datetime


def count(path: Path) -> dict[str, Expected]:
    """Count a file with nothing but the csv module."""
    models: dict[str, Expected] = defaultdict(Expected)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            one = models[row["checkpoint_model_version_id"] or "unknown"]
            one.requests += 1
            one.users.add(row["groupId"])
            if row["predict_status"] == "PENDING":
                one.abandoned += 1
            else:
                one.failures += row["predict_status"] == "FAILED"
                one.finished_seconds.append(float(row["exec_time_seconds"]))
    return dict(models)


def write_other_shape(path: Path) -> None:
    """Write traffic unlike the published one: bursts, equal rows, heavy tails, few users, times out of order."""
    chance = random.Random(7)
    columns = GENTD26.required
    rows = []
    for model in range(12):
        for _ in range(3 ** (model % 7)):
            started_at = datetime(2025, 2, 27, tzinfo=UTC) + timedelta(seconds=int(chance.random() ** 3 * 4 * 86400))
            status = chance.choices(("SUCCEED", "FAILED", "PENDING"), (70, 25, 5))[0]
            seconds = 0.0 if status == "PENDING" else round(math.exp(chance.gauss(1, 2)), 3)
            values = {
                "gmt_create": f"{started_at:%Y-%m-%d %H:%M:%S}",
                "exec_time_seconds": str(seconds),
                "predict_status": status,
                "checkpoint_model_version_id": f"model {model}, «x»" if model else "",
                "predict_type": "INPAINTING",
                "groupId": f"u{int(chance.random() * 5)}",
                "num_lora": "0",
            }
            rows += [[values.get(name, "") for name in columns]] * (2 if chance.random() < 0.1 else 1)
    chance.shuffle(rows)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


@pytest.fixture(scope="module", params=["published", "other_shape"])
def trace(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """Give a trace to import."""
    if request.param == "published":
        path = request.getfixturevalue("gentd26")
        return Trace(path, datetime(2024, 11, 15, tzinfo=UTC), datetime(2024, 12, 1, tzinfo=UTC))
    path = tmp_path_factory.mktemp("trace") / "other.csv"
    write_other_shape(path)
    return Trace(path, datetime(2025, 2, 27, tzinfo=UTC), datetime(2025, 3, 4, tzinfo=UTC))


@pytest.fixture(scope="module")
def server(trace: Trace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Import the trace into a server that rolls only when told to."""
    settings = load_settings(
        dir=tmp_path_factory.mktemp("data"), otlp_port=0, http_port=0, roll_interval_seconds=86_400.0
    )
    with LocalServer(settings) as server:
        import_trace(trace, server)
        yield server


def import_trace(trace: Trace, server: LocalServer) -> None:
    """Import a trace and wait until all of it is stored."""
    modeltally.configure(endpoint=server.address.otlp_url, service_name="test", user_key="k" * 64)
    feed = Feed(address=server.address.otlp_url, patience_seconds=60.0, on_wait=lambda _seconds: None)
    account = replay_file(trace.path, feed)
    delivered = feed.delivered()
    assert delivered.started == delivered.delivered == account.recorded == account.rows
    assert modeltally.shutdown(timeout_seconds=10.0)
    assert server.wait_until_stored()


def assert_figures_are_those_of_the_file(trace: Trace, server: LocalServer) -> None:
    """Compare every figure of every model."""
    as_of = datetime.now(UTC)
    rows = RemoteStore(server.address).read(
        "usage_by_model",
        {
            "since": trace.since,
            "until": trace.until,
            "as_of": as_of,
            "abandoned_after_seconds": HOURS_BEFORE_ABANDONED * 3600.0,
        },
    )
    expected = count(trace.path)
    exact = {str(row["model"]): (row["requests"], row["failures"], row["abandoned"], row["users"]) for row in rows}
    assert exact == {
        name: (one.requests, one.failures, one.abandoned, len(one.users)) for name, one in expected.items()
    }
    for row in rows:
        one = expected[str(row["model"])]
        for name, quantile in (("p50_ms", 0.5), ("p95_ms", 0.95)):
            wanted = one.nearest_rank_ms(quantile)
            assert row[name] == (wanted if wanted is None else pytest.approx(wanted, rel=RELATIVE_ERROR)), row["model"]


@pytest.mark.slow
def test_statistics_equal_the_file_at_every_age(trace: Trace, server: LocalServer) -> None:
    """Requests, failures, abandoned and users are exact, latencies within the promise, whatever happened in between."""
    store = RemoteStore(server.address)
    assert_figures_are_those_of_the_file(trace, server)
    store.run("roll", {"as_of": datetime.now(UTC)})
    assert_figures_are_those_of_the_file(trace, server)
    import_trace(trace, server)
    assert_figures_are_those_of_the_file(trace, server)
    store.run("roll", {"as_of": datetime.now(UTC)})
    assert_figures_are_those_of_the_file(trace, server)
    store.run("expire", {"as_of": datetime.now(UTC) + timedelta(days=100)})
    assert store.read("answer_context", {"since": trace.since, "until": trace.until})[0]["newest_at"] is None
    assert_figures_are_those_of_the_file(trace, server)
