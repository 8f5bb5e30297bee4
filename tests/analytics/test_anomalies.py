"""Anomalies: steady use of any size raises hardly an alarm, and what is planted is found."""

from __future__ import annotations

import datetime as dt
import math
import random
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.store import sql
from modeltally.store.rollup import Roller
from queries.given import EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store import EmbeddedStore
    from support.stores import Template

BEGIN = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
HOURS = 168 * 13
JUDGED = dt.timedelta(days=30)
# mean requests an hour, and how much their variance exceeds it; a day's and a week's course on top
SERIES = [(mean, dispersion) for mean in (0.1, 0.5, 1.0, 3.0, 10.0) for dispersion in (1.0, 2.0, 4.0)]
PLANTED_AT = HOURS - 100
_INSERT = (
    "INSERT INTO usage_events (start, trace_id, span_id, received_at, operation, outcome, is_counted, model) "
    "SELECT hour + toIntervalMillisecond(at), unhex(leftPad(hex(cityHash64(model, hour, at)), 32, '0')), "
    "unhex(leftPad(hex(at + 1), 16, '0')), hour, 'model.request', 'success', true, model "
    "FROM (SELECT {model:String} AS model, "
    "toDateTime64({begin:DateTime('UTC')} + 3600 * (place - 1), 9, 'UTC') AS hour, "
    "arrayJoin(range(toUInt32(count))) AS at "
    "FROM (SELECT count, place FROM (SELECT {counts:Array(UInt32)} AS counts) ARRAY JOIN counts AS count, "
    "arrayEnumerate(counts) AS place))"
)


def series(source: random.Random, mean: float, dispersion: float) -> list[int]:
    """Counts by the hour: a Poisson or gamma-Poisson count around the course of a day and a week."""
    found = []
    for hour in range(HOURS):
        workday = 1.0 if hour // 24 % 7 < 5 else 0.3
        rate = mean * workday * (1 + 0.8 * math.sin(2 * math.pi * hour / 24))
        if dispersion > 1:
            rate = source.gammavariate(max(rate, 1e-6) / (dispersion - 1), dispersion - 1)
        count, chance, limit = 0, source.random(), math.exp(-rate)
        while chance > limit:
            count += 1
            chance *= source.random()
        found.append(count)
    return found


@pytest.fixture(scope="module")
def store(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Fill a store with a model for each series, and with one more that is planted."""
    source = random.Random(1)
    with template.opened(tmp_path_factory.mktemp("anomalies"), clock=lambda: EPOCH) as opened:
        all_series = {f"{mean} {dispersion}": series(source, mean, dispersion) for mean, dispersion in SERIES}
        planted = series(source, 10.0, 1.0)
        planted[PLANTED_AT] += 60
        for model, counts in {**all_series, "planted": planted}.items():
            opened.database.command(sql.Statement("add", _INSERT), {"model": model, "begin": BEGIN, "counts": counts})
        Roller(opened.database).run(as_of=BEGIN + dt.timedelta(days=365))
        yield opened


def anomalies(store: EmbeddedStore) -> list[dict[str, Any]]:
    """What is out of the ordinary in the last thirty days."""
    until = BEGIN + dt.timedelta(hours=HOURS)
    asked = {"kind": "model", "subject": "", "operation": "model.request", "since": until - JUDGED, "until": until}
    return store.read("usage_anomalies", {**asked, "anomaly_min_score": 4.0})


@pytest.mark.slow(seconds=30, why="fifteen models for thirteen weeks")
def test_steady_use_raises_at_most_one_alarm_a_month(store: EmbeddedStore) -> None:
    """Rare or frequent, even or in bursts: one false alarm for each model in thirty days at most, of each size."""
    alarms = [row["subject"] for row in anomalies(store) if row["subject"] != "planted"]
    for size in {mean for mean, _ in SERIES}:
        of_size = [model for model in alarms if model.split()[0] == str(size)]
        assert len(of_size) <= len(SERIES) / len({mean for mean, _ in SERIES}), size
    assert len(alarms) <= len(SERIES) / 2


@pytest.mark.slow(seconds=30, why="the same fifteen models")
def test_planted_hour_is_found(store: EmbeddedStore) -> None:
    """Sixty requests more than ten are found in their hour."""
    found = [row for row in anomalies(store) if row["subject"] == "planted"]
    assert BEGIN + dt.timedelta(hours=PLANTED_AT) in [row["begin_at"] for row in found]
