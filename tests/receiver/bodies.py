"""Requests as a service sends them, made by hand so that every part of them can be bent."""

from __future__ import annotations

import gzip
import http.client
import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modeltally.server import ServerAddress

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
MAX_DEPTH = 12  # of what fill_texts makes: values nest without end
START_NS = 1_763_000_000_000_000_000

ATTRIBUTES: Mapping[str, object] = {
    "modeltally.operation": "model.request",
    "modeltally.outcome": "success",
    "modeltally.source": "wrapper",
    "modeltally.model.id": "flux-dev",
    "modeltally.task": "text_to_image",
    "modeltally.project": "posters",
    "modeltally.image.width": 1024,
    "modeltally.image.height": 768,
    "modeltally.diffusion.steps.requested": 30,
    "modeltally.diffusion.guidance_scale": 7.5,
    "modeltally.model.cold_start": False,
    "modeltally.user.key_id": "0a1b2c3d",
    "gen_ai.operation.name": "generate_content",
    "gen_ai.provider.name": "diffusers",
    "gen_ai.request.model": "flux-dev",
    "gen_ai.output.type": "image",
    "gen_ai.request.seed": 0,
    "gen_ai.usage.input_tokens": 77,
    "session.id": "s-1",
    "user.hash": "00112233aabbccdd",
}


def texts_as_bytes(request_class: Any) -> Any:
    """Build the class of a request whose texts are bytes, which no parser looks into."""
    pool = descriptor_pool.DescriptorPool()
    files = [request_class.DESCRIPTOR.file]
    for file in files:  # grows while it is walked: what a file needs comes behind it
        for dependency in file.dependencies:
            if dependency in files:
                files.remove(dependency)
            files.append(dependency)
    for file in reversed(files):
        copied = FileDescriptorProto()
        file.CopyToProto(copied)
        for message in copied.message_type:
            for field in (*message.field, *(field for inner in message.nested_type for field in inner.field)):
                if field.type == FieldDescriptorProto.TYPE_STRING:
                    field.type = FieldDescriptorProto.TYPE_BYTES
        pool.AddSerializedFile(copied.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(request_class.DESCRIPTOR.full_name))


def put(attributes: Any, values: Mapping[str, object]) -> None:
    """Add attributes to a message that has some."""
    for name, value in values.items():
        fill(attributes.add(key=name).value, value)


def fill(target: Any, value: object) -> None:
    """Set an AnyValue."""
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for item in value:
            fill(target.array_value.values.add(), item)
    elif isinstance(value, dict):
        put(target.kvlist_value.values, value)
    else:
        target.string_value = str(value)


def fill_texts(message: Any, text: str, *, depth: int = 0) -> None:
    """Put a text into every text field of a message and of one of everything in it."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and depth < MAX_DEPTH:
            value = getattr(message, field.name)
            fill_texts(value.add() if hasattr(value, "add") else value, text, depth=depth + 1)
        elif field.type == field.TYPE_STRING:
            value = getattr(message, field.name)
            value.append(text) if hasattr(value, "append") else setattr(message, field.name, text)


def request(
    spans: int = 1,
    *,
    seed: int = 0,
    attributes: Mapping[str, object] = ATTRIBUTES,
    scope: str = "modeltally",
    resource: Mapping[str, object] | None = None,
) -> ExportTraceServiceRequest:
    """Make a request of so many spans; the same seed makes the same ids."""
    source = random.Random(seed)
    made = ExportTraceServiceRequest()
    resource_spans = made.resource_spans.add()
    put(resource_spans.resource.attributes, resource or {"service.name": "painter", "host.name": "h1"})
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name, scope_spans.scope.version = scope, "0.1.0"
    for index in range(spans):
        span = scope_spans.spans.add(
            trace_id=source.randbytes(16), span_id=source.randbytes(8), name="generate_content flux-dev", kind=1
        )
        span.start_time_unix_nano = START_NS + index * 1_000_000
        span.end_time_unix_nano = span.start_time_unix_nano + source.randrange(10**9)
        put(span.attributes, attributes)
    return made


def body(spans: int = 1, **how: Any) -> bytes:
    """Encode what :func:`request` makes."""
    return request(spans, **how).SerializeToString()


def only_span(made: ExportTraceServiceRequest) -> Any:
    """Give the one span of a request."""
    (span,) = all_spans(made)
    return span


def all_spans(made: ExportTraceServiceRequest) -> Iterator[Any]:
    """Give the spans of a request."""
    for resource_spans in made.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            yield from scope_spans.spans


def otlp_json(made: ExportTraceServiceRequest) -> bytes:
    """Encode a request as OTLP/JSON, which writes ids in hex."""
    content = json_format.MessageToDict(made, use_integers_for_enums=True)
    spans = [
        span
        for resource_spans in content["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
        for span in scope_spans["spans"]
    ]
    for written, span in zip(spans, all_spans(made), strict=True):
        written["traceId"], written["spanId"] = span.trace_id.hex(), span.span_id.hex()
        if span.parent_span_id:
            written["parentSpanId"] = span.parent_span_id.hex().upper()
        for link, original in zip(written.get("links", []), span.links, strict=True):
            link["traceId"], link["spanId"] = original.trace_id.hex(), original.span_id.hex()
    return json.dumps(content).encode()


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        """Read the content as JSON."""
        return json.loads(self.content)


class Sender:
    """One connection to a server, kept open between requests."""

    def __init__(self, url: str, *, timeout_seconds: float = 60.0) -> None:
        """Take the server's address."""
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_seconds)

    def send(
        self,
        content: bytes,
        *,
        path: str = "/v1/traces",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read its answer; the connection is made anew when the server has closed it."""
        try:
            return self._send(content, path, method, headers or {"Content-Type": PROTOBUF})
        except (http.client.HTTPException, OSError):
            self._connection.close()
            return self._send(content, path, method, headers or {"Content-Type": PROTOBUF})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _send(self, content: bytes, path: str, method: str, headers: Mapping[str, str]) -> Answer:
        self._connection.request(method, path, content, dict(headers))
        response = self._connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def damaged(content: bytes, source: random.Random, *, way: int) -> bytes:
    """Damage a body in one of four ways: bits flipped, cut, a piece doubled, a piece replaced."""
    made = bytearray(content)
    match way:
        case 0:
            for _ in range(source.randrange(1, 4)):
                made[source.randrange(len(made))] ^= 1 << source.randrange(8)
        case 1:
            del made[source.randrange(len(made)) :]
        case 2:
            start = source.randrange(len(made))
            made[start:start] = made[start : start + source.randrange(60)]
        case _:
            position = source.randrange(len(made))
            made[position : position + source.randrange(20)] = source.randbytes(source.randrange(20))
    return bytes(made)


def post(
    address: ServerAddress,
    content: bytes,
    *,
    content_type: str = PROTOBUF,
    encoding: str = "",
    packed: bool = False,
    path: str = "/v1/traces",
) -> Answer:
    """Send one body to a server's OTLP port; ``packed`` says that it has its encoding already."""
    sender = Sender(address.otlp_url)
    headers = {"Content-Type": content_type}
    if encoding:
        headers["Content-Encoding"] = encoding
    try:
        packing = encoding == "gzip" and not packed
        return sender.send(gzip.compress(content) if packing else content, path=path, headers=headers)
    finally:
        sender.close()
