"""How large a set-up is for so many events a second: from figures measured here, on paper.

``python -m bench.sizing`` measures what an event takes on disk with the real engine and prints the table;
``--write`` puts the table, made from the inputs below, between its markers in deploy/OUTGROWING.md. A test compares
both. Rates are inputs, from `make bench-ingest` and `make bench-collector` on two cores.
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, sql
from modeltally.store.client import Database
from receiver.bodies import body

PAGE = Path(__file__).parents[2] / "deploy" / "OUTGROWING.md"
MARKERS = ("<!-- sizing: begin -->", "<!-- sizing: end -->")
RATES = (1_000, 100_000, 10_000_000)
SECONDS_PER_DAY = 86_400

# A day of requests as a service sends them: 20 attributes, ids that do not compress, 40 models, 5,000 users.
FILL = """
INSERT INTO otel_traces (
    Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, ScopeName, ScopeVersion,
    SpanAttributes, Duration, StatusCode, ReceivedAt
)
WITH
    luck -> sipHash64(number, luck) AS luck,
    concat('lab/model-', toString(luck(1) % 40)) AS model,
    toDateTime64('2026-03-02 00:00:00', 9, 'UTC') + toIntervalNanosecond(luck(2) % 86400000000000) AS start
SELECT
    start,
    lower(hex(sipHash128(number, 3))),
    lower(hex(luck(4))),
    concat('generate_content ', model),
    'Internal',
    concat('service-', toString(luck(5) % 5)),
    map(
        'service.name', concat('service-', toString(luck(5) % 5)),
        'service.instance.id', lower(hex(sipHash128(luck(5) % 5, luck(6) % 4)))
    ),
    'modeltally',
    '0.1.0',
    map(
        'modeltally.operation', 'model.request',
        'modeltally.outcome', if(luck(7) % 29 = 0, 'error', 'success'),
        'error.type', if(luck(7) % 29 = 0, 'TimeoutError', ''),
        'modeltally.source', 'wrapper',
        'modeltally.model.id', model,
        'modeltally.task', 'text_to_image',
        'modeltally.project', concat('project-', toString(luck(8) % 11)),
        'modeltally.image.width', toString(512 * (1 + luck(9) % 3)),
        'modeltally.image.height', toString(512 * (1 + luck(10) % 2)),
        'modeltally.diffusion.steps.requested', toString(20 + luck(11) % 31),
        'modeltally.diffusion.guidance_scale', '7.5',
        'modeltally.model.cold_start', if(luck(12) % 97 = 0, 'true', 'false'),
        'modeltally.user.key_id', '0a1b2c3d',
        'gen_ai.operation.name', 'generate_content',
        'gen_ai.provider.name', 'diffusers',
        'gen_ai.request.model', model,
        'gen_ai.output.type', 'image',
        'gen_ai.usage.input_tokens', toString(luck(13) % 300),
        'session.id', lower(hex(sipHash64(luck(14) % 20000))),
        'user.hash', lower(hex(sipHash64(luck(14) % 5000, 4)))
    ),
    toUInt64(exp2(27 + (luck(15) % 100000) / 10000)),
    if(luck(7) % 29 = 0, 'Error', 'Unset'),
    start::DateTime64(3, 'UTC') + toIntervalMillisecond(luck(16) % 60000)
FROM numbers({events:UInt32})
"""
SIZES = """
SELECT table AS table_name, sum(rows) AS stored_rows, sum(bytes_on_disk) AS stored_bytes
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY table_name
"""


@dataclass(frozen=True)
class Inputs:
    """What the table is made from.

    Attributes:
        body_bytes: A span in an OTLP body, as a service sends it.
        landing_bytes: A span in the landing table, packed.
        event_bytes: An event, packed.
        roll_bytes_per_hour: The figures of an hour, with 40 models and 5,000 users a day; not per event.
        insert_rows_per_second: Spans a second into the landing table and everything made from it, on two cores.
        gateway_spans_per_second: Spans a second through one collector with its queue on disk, on two cores.
    """

    body_bytes: float
    landing_bytes: float
    event_bytes: float
    roll_bytes_per_hour: float
    insert_rows_per_second: float
    gateway_spans_per_second: float


# Sizes: this script, a million events, chdb-core 26.9.0. Rates: `make bench-ingest` (rows visible) and
# `make bench-collector` (collector 0.161.0), each with senders, receiver and store on the same two cores.
INPUTS = Inputs(
    body_bytes=781,
    landing_bytes=78,
    event_bytes=53,
    roll_bytes_per_hour=152_000,
    insert_rows_per_second=56_000,
    gateway_spans_per_second=70_000,
)
# How much of a measured rate is planned with: merges, reads, a neighbour that is down, and machines that are not ours.
GATEWAY_SHARE = 0.5
SHARD_SHARE = 0.3
# What the collector's queue takes for a span beside its body.
QUEUE_OVERHEAD = 1.15
# How much larger the disk must be than what the queue may hold: collector_config/README.md
QUEUE_SPARE = 1.5
OUTAGE_SECONDS = 3600
REPLICAS = 2


def measure(events: int, directory: Path) -> Inputs:
    """Store a day of so many events with the real engine and see what they take.

    Args:
        events: How many.
        directory: Where to put them.

    Returns:
        The sizes, and the rate of the insert; the collector's rate is not measured here.
    """
    database = Database.open_directory(directory / "chdb")
    store = EmbeddedStore(
        database, settings=Settings(), jobs=runners(), clock=lambda: dt.datetime(2026, 3, 3, tzinfo=dt.UTC)
    )
    try:
        store.migrate()
        began = time.perf_counter()
        database.command(sql.Statement("fill", FILL), {"events": events})
        seconds = time.perf_counter() - began
        store.run("roll", {})
        for table in ("otel_traces", "usage_events", "usage_rolls"):
            database.command(sql.Statement("merge", f"OPTIMIZE TABLE {table} FINAL"))
        sizes = {row["table_name"]: row for row in database.query(sql.Statement("sizes", SIZES))}
    finally:
        store.close()
    spans = 500
    return Inputs(
        body_bytes=len(body(spans)) / spans,
        landing_bytes=float(str(sizes["otel_traces"]["stored_bytes"])) / events,
        event_bytes=float(str(sizes["usage_events"]["stored_bytes"])) / events,
        roll_bytes_per_hour=float(str(sizes["usage_rolls"]["stored_bytes"])) / 24,
        insert_rows_per_second=events / seconds,
        gateway_spans_per_second=INPUTS.gateway_spans_per_second,
    )


def table(inputs: Inputs = INPUTS) -> str:
    """Make the table of the page."""
    settings = Settings.model_fields
    landing_days = int(settings["landing_retention_days"].default)
    event_days = int(settings["event_retention_days"].default)
    columns = []
    for rate in RATES:
        gateways = math.ceil(rate / (inputs.gateway_spans_per_second * GATEWAY_SHARE))
        shards = math.ceil(rate / (inputs.insert_rows_per_second * SHARD_SHARE))
        a_day = rate * SECONDS_PER_DAY
        kept = a_day * (inputs.landing_bytes * landing_days + inputs.event_bytes * event_days)
        queue = rate / gateways * OUTAGE_SECONDS * inputs.body_bytes * QUEUE_OVERHEAD * QUEUE_SPARE
        columns.append(
            [
                f"{a_day:,}",
                _bytes(rate * inputs.body_bytes) + "/s",
                str(gateways),
                _bytes(queue),
                str(shards),
                _bytes(a_day * inputs.landing_bytes),
                _bytes(a_day * inputs.event_bytes),
                _bytes(inputs.roll_bytes_per_hour * 24 * shards),
                _bytes(kept / shards),
                _bytes(kept * REPLICAS),
            ]
        )
    names = [
        "events a day",
        "OTLP arriving, not packed",
        f"collector gateways (2 cores each, planned at {GATEWAY_SHARE:.0%} of the measured rate)",
        "queue disk of each gateway for an hour without ClickHouse",
        f"shards (2 cores each, planned at {SHARD_SHARE:.0%} of the measured rate)",
        "landing table, a day",
        "events, a day",
        "rolled figures, a day (40 models on each shard; grows with models and users, not with events)",
        f"disk of a shard: {landing_days} days of landing, {event_days} days of events",
        f"disk of all shards with {REPLICAS} replicas",
    ]
    lines = ["| | " + " | ".join(f"{rate:,} events/s" for rate in RATES) + " |", "|---|" + "---:|" * len(RATES)]
    lines += [
        f"| {name} | " + " | ".join(cells) + " |" for name, cells in zip(names, zip(*columns, strict=True), strict=True)
    ]
    measured = (
        f"A span is {inputs.body_bytes:.0f} bytes on the way, {inputs.landing_bytes:.0f} in the landing table and"
        f" {inputs.event_bytes:.0f} as an event; two cores store {inputs.insert_rows_per_second:,.0f} spans a second,"
        f" and a collector on two cores passes {inputs.gateway_spans_per_second:,.0f}."
    )
    return "\n".join([*lines, "", measured])


def filled(text: str) -> str:
    """Put the table between its markers."""
    begin, end = MARKERS
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table()}\n{end}{rest.split(end)[1]}"


def _bytes(count: float) -> str:
    units = ("B", "KB", "MB", "GB", "TB", "PB")
    step = min(len(units) - 1, int(math.log10(max(count, 1)) // 3))
    return f"{float(f'{count / 1000**step:.2g}'):g} {units[step]}"


def main() -> int:
    """Measure and print, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="events to store and measure")
    parser.add_argument("--write", action="store_true", help="write the table of the inputs into the page")
    options = parser.parse_args()
    if options.write:
        PAGE.write_text(filled(PAGE.read_text()))
        return 0
    with tempfile.TemporaryDirectory() as name:
        measured = measure(options.events, Path(name))
    for field, value in asdict(measured).items():
        sys.stdout.write(f"{field:26} {value:14,.1f}   the table uses {getattr(INPUTS, field):14,.1f}\n")
    sys.stdout.write(table(measured) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
