"""OTLP bodies of both signals and both encodings, damaged in ways that a seed chooses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from receiver.bodies import damaged, only_span, otlp_json, put, request
from receiver.metric_bodies import metrics_json, metrics_request

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["KINDS", "mutated"]

# The letter of each kind of body, as the judge knows it; JSON is in capitals.
KINDS = "tTmM"
# What a field, a length or a text is replaced by.
_TOKENS = (
    b"\xff" * 9, bytes(8), b"\x80" * 10, b"\x7f", b"\xff\xff\xff\xff\x0f", b"\xed\xa0\x80", b"\x0b\x0c", b"\xc0\x80",
    b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", (2**63).to_bytes(8, "little"), b"\xff" * 8, b"\x12\x00", b"\x08",
)  # fmt: skip
_VALUES = (
    "1e999", "-1", "NaN", "null", "true", "[]", "{}", '"\\ud800"', '"\\u0000"', str(2**64), str(-(2**63) - 1), "1.5",
    '"x"', '""', "[[[[[]]]]]", '{"a":{"a":{"a":1}}}', '"' + "9" * 400 + '"', "1E400", '"Infinity"', "0x10", '"NaN"',
    "[null]", '{"values":[{}]}', '"AAAA"', '"0af7651916cd43dd8448eb211c80319c"', "0", "1e2", '"1e2"', '" 1"', "-0",
)  # fmt: skip
_PUNCTUATION = '{}[],:"\\x\n0e-.'
_VALUE = re.compile(r'(?<=:)\s*("[^"]*"|-?\d[\d.]*|true|false)')
_NAME = re.compile(r'"([A-Za-z]+)"(?=:)')


def mutated(kind: str, source: random.Random) -> bytes:
    """Make a body of a kind, mostly damaged; some stay whole."""
    if kind in "tm":
        return _mutated_bytes(_BODIES[kind](source), source)
    return _mutated_text(_BODIES[kind](source).decode(), source)


def _spans(source: random.Random) -> ExportTraceServiceRequest:
    made = request(1, seed=source.randrange(10**9))
    span = only_span(made)
    put(span.attributes, {"a.list": ["x", 1, None, ["deep", {"a": b"\x00"}]], "a.bytes": b"\xff\x00", "a.half": 0.5})
    put(span.events.add(name="exception", time_unix_nano=span.start_time_unix_nano).attributes, {"exception.type": "E"})
    span.links.add(trace_id=source.randbytes(16), span_id=source.randbytes(8), flags=1)
    span.status.code, span.status.message = 2, "boom"
    span.trace_state, span.parent_span_id, span.flags = "a=b", source.randbytes(8), 0x101
    made.resource_spans[0].schema_url = "https://example.org/1"
    if source.randrange(2):
        made.MergeFrom(request(source.randrange(1, 3), seed=source.randrange(10**9), scope="other"))
    return made


_BODIES: dict[str, Callable[[random.Random], bytes]] = {
    "t": lambda source: _spans(source).SerializeToString(),
    "T": lambda source: otlp_json(_spans(source)),
    "m": lambda _: metrics_request().SerializeToString(),
    "M": lambda _: metrics_json(metrics_request()),
}


def _mutated_bytes(content: bytes, source: random.Random) -> bytes:
    for _ in range(source.choice((0, 1, 1, 1, 1, 2, 3, 6))):
        if not content:
            return content
        way = source.randrange(6)
        if way < 4:
            content = damaged(content, source, way=way)
            continue
        place = source.randrange(len(content))
        token = source.choice(_TOKENS)
        content = content[:place] + token + content[place + (len(token) if way == 4 else 0) :]
    return content


def _mutated_text(text: str, source: random.Random) -> bytes:
    for _ in range(source.choice((0, 1, 1, 1, 1, 2, 3))):
        way = source.randrange(6)
        places = list((_NAME if way == 1 else _VALUE).finditer(text))
        if way <= 2 and places:
            found = source.choice(places)
            names = [place.group() for place in places]
            new = source.choice(names) if way == 1 else source.choice(_VALUES)
            text = text[: found.start()] + new + text[found.end() :]
            continue
        place = source.randrange(len(text) or 1)
        inserted = source.choice(_PUNCTUATION) if way in {3, 5} else ""
        text = text[:place] + inserted + text[place + (source.randrange(1, 9) if way in {4, 5} else 0) :]
        if source.randrange(40) == 0:
            text = text[:place]
    content = text.encode("utf-8", "surrogatepass")
    return damaged(content, source, way=0) if content and source.randrange(10) == 0 else content
