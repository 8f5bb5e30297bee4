"""Measures the background thread's encoding per span, ours and the stock encoder on the same spans; writes JSON."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Final
from unittest import mock

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import modeltally
from bench.overhead import ours
from bench.overhead.jobs import KEY, Job, make_jobs
from bench.overhead.measure import cpu_ns, take_turns
from bench.overhead.sdk import CountingExporter
from modeltally.instrument._pipeline import Pipeline
from modeltally.instrument._privacy import Hasher
from modeltally.instrument.background.convert import Converter
from modeltally.instrument.background.exporter import ExporterSender
from modeltally.instrument.background.wire import Encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from modeltally.instrument._operation import Operation
    from modeltally.instrument._record import Record
    from modeltally.instrument.background.convert import Span

RESOURCE: Final = {"service.name": "bench", "telemetry.sdk.language": "python", "host.name": "bench"}
VERSION: Final = "0"


def caught(operation: Callable[[Job], None], jobs: Sequence[Job]) -> list[Record]:
    """Return the records that operations leave, taken out of the queue before they are sent."""
    kept: list[Record] = []
    finish = Pipeline.finish

    def keep(pipeline: Pipeline, operation: Operation) -> None:
        kept.append(operation)
        finish(pipeline, operation)

    with mock.patch.object(Pipeline, "finish", keep):
        for job in jobs:
            operation(job)
    return kept


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--spans", type=int, default=512, help="in a batch")
    arguments = parser.parse_args()
    ours.configure(CountingExporter())
    jobs = make_jobs(arguments.spans)
    stock = ExporterSender(CountingExporter(), resource=RESOURCE, version=VERSION)
    figures: dict[str, dict[str, list[float]]] = {}
    for record, operation in {"small": ours.small, "image": ours.image}.items():
        records = caught(operation, jobs)
        converter, encoder = Converter(Hasher(KEY)), Encoder(RESOURCE, version=VERSION)
        spans = [converter.span(record) for record in records]
        readable = [stock.encode(span) for span in spans]

        def by_stock(_: object, readable: list[ReadableSpan] = readable) -> bytes:
            return encode_spans(readable).SerializeToString()

        def by_ours(_: object, spans: list[Span] = spans, encoder: Encoder = encoder) -> bytes:
            return encoder.request([encoder.span(span) for span in spans])

        def convert(_: object, records: list[Record] = records, converter: Converter = converter) -> None:
            for record in records:
                converter.span(record)

        if ExportTraceServiceRequest.FromString(by_ours(None)) != ExportTraceServiceRequest.FromString(by_stock(None)):
            sys.exit(f"{record}: the two encoders write different spans")
        sides: dict[str, Callable[[object], object]] = {"stock": by_stock, "ours": by_ours, "convert": convert}
        figures[record] = {
            name: [taken / len(spans) for taken in taken_by_round]
            for name, taken_by_round in take_turns(
                {name: partial(cpu_ns, side, [None]) for name, side in sides.items()}, rounds=arguments.rounds
            ).items()
        }
    modeltally.shutdown()
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
