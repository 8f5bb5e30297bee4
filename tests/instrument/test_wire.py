"""What we write ourselves is what OpenTelemetry's encoder would have written."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from modeltally.instrument import _names as names
from modeltally.instrument._privacy import Hasher
from modeltally.instrument._record import Record
from modeltally.instrument.background.convert import Converter
from modeltally.instrument.background.exporter import ExporterSender
from modeltally.instrument.background.wire import Encoder

RESOURCE: dict[str, Any] = {"service.name": "painter", "process.pid": 4711, "acme.share": 0.25, "acme.is_new": True}
TEXTS = ["", "m", "ä" * 63, "x" * 64, "x" * 65, "x" * 127, "x" * 128, "\U0001f98a" * 5000, "nul\0", "a\udcffb"]
NUMBERS = [
    0,
    1,
    127,
    128,
    16_383,
    16_384,
    2**31,
    2**63 - 1,
    -1,
    -(2**63) + 1,
    True,
    False,
    0.0,
    1.0,
    -1.5,
    1e308,
    5e-324,
]


def record(**fields: Any) -> Record:
    """Make a record and set what is given."""
    values = fields.pop("values", {})
    made = Record(
        fields.pop("operation", names.MODEL_REQUEST),
        trace_id=fields.pop("trace_id", 2**128 - 1),
        span_id=fields.pop("span_id", 1),
        parent_id=fields.pop("parent_id", 0),
        sampled=fields.pop("sampled", True),
        start_ns=fields.pop("start_ns", 1_732_060_800_000_000_000),
    )
    for name, value in fields.items():
        setattr(made, name, value)
    made.values = values
    return made


def records() -> list[Record]:
    """Return records that differ in everything that is written."""
    examples: dict[type, Any] = {str: "x", int: 7, float: 0.5, bool: True}
    every_keyword = {keyword: examples[attribute.type] for keyword, attribute in names.ATTRIBUTES.items()}
    return [
        record(),
        record(values={**every_keyword, "user": "u", "prompt": "a fox"}, end_ns=1_732_060_801_000_000_000),
        record(trace_id=1, span_id=2**64 - 1, parent_id=2**63, sampled=False, start_ns=0, end_ns=2**63 - 1),
        record(operation=names.MODEL_DOWNLOAD, nested=True, source=names.SOURCE_IMPORT),
        record(values={"provider": "acme"}),
        record(outcome=names.ERROR, error_type="ValueError", error_site="m:f"),
        record(outcome=names.FAILURE),
        record(unfinished=True),
        record(operation=names.PATTERN_RUN, values={"pattern_name": "p" * 300, "pattern_kind": "agent"}),
        record(operation=names.HEARTBEAT, custom={names.HEARTBEAT_STARTED: 3, names.HEARTBEAT_GOODBYE: False}),
        *(record(values={"model": text, "task": text}, custom={f"acme.{text}": text}) for text in TEXTS),
        # equal numbers of several types follow one another: none is taken for another
        *(record(custom={"acme.number": number}) for number in NUMBERS),
        *(record(values={"seed": number, "guidance_scale": number}) for number in NUMBERS),
    ]


def test_bytes_decode_to_what_the_stock_encoder_writes() -> None:
    """The same messages: names, kinds, ids, times, attributes with their types, status, flags, resource, scope."""
    converter = Converter(Hasher("key"))
    spans = [converter.span(item) for item in records()]
    encoder = Encoder(RESOURCE, version="1.2.3")
    sender = ExporterSender(InMemorySpanExporter(), resource=RESOURCE, version="1.2.3")
    ours = ExportTraceServiceRequest.FromString(encoder.request([encoder.span(span) for span in spans]))
    stock = encode_spans([sender.encode(span) for span in spans])
    assert len(ours.resource_spans[0].scope_spans[0].spans) == len(spans)
    for mine, theirs in zip(
        ours.resource_spans[0].scope_spans[0].spans, stock.resource_spans[0].scope_spans[0].spans, strict=True
    ):
        assert mine == theirs
    assert ours == stock


def test_request_without_spans_is_one() -> None:
    """Nothing to send is still a message."""
    request = ExportTraceServiceRequest.FromString(Encoder(RESOURCE, version="0").request([]))
    assert list(request.resource_spans[0].scope_spans[0].spans) == []


@pytest.mark.parametrize("field", [{"trace_id": 2**128}, {"span_id": -1}, {"start_ns": -1}, {"end_ns": 2**64}])
def test_span_that_does_not_fit_is_refused(field: dict[str, int]) -> None:
    """Better no span than one that is another."""
    span = Converter(Hasher(None)).span(record(**field))
    with pytest.raises(Exception, match=r"int too big|can't convert negative|argument|requires"):
        Encoder(RESOURCE, version="0").span(span)
