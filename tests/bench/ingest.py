"""Measures the local receiver against decoding the same bodies in Python alone, side by side in one run.

Run it with ``make bench-ingest``, or ``python -m bench.ingest --rounds 5``. Another process makes and
encodes the bodies beforehand and others send them, so that the receiver's process does nothing but receive.

(a) decoding: FromString and building the flat rows a receiver has to insert, one thread, nothing stored.
(b) the receiver, durable: spans a second as acknowledged, and until every row is visible in the landing table and, in
    the events, to every view.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from modeltally.server import LocalServer
from modeltally.settings import Settings
from receiver.bodies import Sender, body

if TYPE_CHECKING:
    from collections.abc import Iterator

SPANS_PER_BODY = 500
SENDERS = 4
TARGET = 0.8


def encode(directory: Path, bodies: int, round_number: int) -> None:
    """Write encoded bodies, each to its file; runs in a process of its own."""
    for number in range(bodies):
        content = body(SPANS_PER_BODY, seed=round_number * bodies + number)
        (directory / f"{number}.pb").write_bytes(content)


def send(url: str, directory: Path, numbers: list[int], gate: Any) -> None:
    """Send bodies over one connection, as fast as they are acknowledged; runs in a process of its own."""
    contents = [(directory / f"{number}.pb").read_bytes() for number in numbers]
    sender = Sender(url)
    gate.wait()
    for content in contents:
        while (status := sender.send(content).status) == 503:
            time.sleep(0.05)
        if status != 200:
            raise SystemExit(f"the receiver answered {status}")
    sender.close()


def flat_rows(content: bytes) -> Iterator[tuple[object, ...]]:
    """Decode a body into the rows of the landing table, as a receiver in Python would."""
    for resource_spans in ExportTraceServiceRequest.FromString(content).resource_spans:
        resource = texts(resource_spans.resource.attributes)
        service = resource.get("service.name", "")
        for scope_spans in resource_spans.scope_spans:
            scope = scope_spans.scope
            for span in scope_spans.spans:
                yield (
                    span.start_time_unix_nano,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.trace_state,
                    span.name,
                    span.kind,
                    service,
                    resource,
                    scope.name,
                    scope.version,
                    texts(span.attributes),
                    span.end_time_unix_nano - span.start_time_unix_nano,
                    span.status.code,
                    span.status.message,
                    [(event.time_unix_nano, event.name, texts(event.attributes)) for event in span.events],
                    [(link.trace_id.hex(), link.span_id.hex(), texts(link.attributes)) for link in span.links],
                )


def texts(attributes: Any) -> dict[str, str]:
    """Turn attributes into the text map of the landing table."""
    found = {}
    for attribute in attributes:
        value = attribute.value
        kind = value.WhichOneof("value")
        if kind == "string_value":
            found[attribute.key] = value.string_value
        elif kind == "bool_value":
            found[attribute.key] = "true" if value.bool_value else "false"
        elif kind is not None:
            found[attribute.key] = str(getattr(value, kind))
    return found


def measure_decoding(directory: Path, bodies: int) -> float:
    """Spans a second of decoding alone."""
    contents = [(directory / f"{number}.pb").read_bytes() for number in range(bodies)]
    began = time.perf_counter()
    rows = sum(len(list(flat_rows(content))) for content in contents)
    return rows / (time.perf_counter() - began)


def measure_receiver(server: LocalServer, directory: Path, bodies: int) -> tuple[float, float]:
    """Spans a second as acknowledged, and until the rows are visible."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(SENDERS + 1)
    senders = [
        context.Process(
            target=send, args=(server.address.otlp_url, directory, list(range(first, bodies, SENDERS)), gate)
        )
        for first in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    gate.wait()
    began = time.perf_counter()
    for sender in senders:
        sender.join()
        if sender.exitcode:
            raise SystemExit("a sender failed")
    acknowledged = time.perf_counter() - began
    if not server.wait_until_stored(timeout_seconds=600):
        raise SystemExit("the receiver did not store everything")
    visible = time.perf_counter() - began
    spans = bodies * SPANS_PER_BODY
    return spans / acknowledged, spans / visible


def main() -> int:
    """Run the rounds and print the medians; exit 1 when the receiver is slower than the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bodies", type=int, default=300, help="bodies of 500 spans in a round")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    decoding, acknowledged, visible = [], [], []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        settings = Settings(
            dir=root / "data", otlp_port=0, otlp_grpc_port=0, http_port=0, clickhouse_port=0, min_free_disk_bytes=0
        )
        with LocalServer(settings) as server:
            for number in range(options.rounds + 1):
                bodies = root / f"round-{number}"
                bodies.mkdir()
                encoder = context.Process(target=encode, args=(bodies, options.bodies, number))
                encoder.start()
                encoder.join()
                alone = measure_decoding(bodies, options.bodies)
                acked, seen = measure_receiver(server, bodies, options.bodies)
                if number:  # the first round warms everything up
                    decoding.append(alone)
                    acknowledged.append(acked)
                    visible.append(seen)
        size = (root / "round-0" / "0.pb").stat().st_size / SPANS_PER_BODY
    a, b_acked, b_seen = map(statistics.median, (decoding, acknowledged, visible))
    versions = ", ".join(f"{name} {version(name)}" for name in ("chdb-core", "protobuf", "uvicorn"))
    report = [
        f"{platform.platform()}, {multiprocessing.cpu_count()} cores, Python {platform.python_version()}, {versions}",
        f"{options.rounds} rounds of {options.bodies * SPANS_PER_BODY} spans, {size:.0f} bytes each; medians",
        f"decoding in Python alone        {a:9.0f} spans/s",
        f"receiver, acknowledged (durable){b_acked:9.0f} spans/s   {b_acked / a:.2f} x decoding",
        f"receiver, rows visible          {b_seen:9.0f} spans/s   {b_seen / a:.2f} x decoding (target {TARGET})",
    ]
    sys.stdout.write("\n".join(report) + "\n")
    return 0 if b_seen / a >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
