"""The recorded spans of other instrumentations, and those that could not be recorded, as requests."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FILES", "FOLDER", "load", "read_request", "write_request"]

FOLDER = Path(__file__).parent
# By dialect.
FILES = {file.stem: file for file in [*sorted((FOLDER / "recorded").glob("*.json")), FOLDER / "vllm_server.json"]}

_IDS = ("traceId", "spanId", "parentSpanId")


def load(dialect: str) -> dict[str, Any]:
    """Read a dialect's file: what it was recorded with, and the request as OTLP/JSON."""
    content: dict[str, Any] = json.loads(FILES[dialect].read_text())
    return content


def read_request(content: dict[str, Any]) -> ExportTraceServiceRequest:
    """Read OTLP/JSON, which writes ids in hex where protobuf's JSON has base64.

    Raises:
        ParseError: It is not OTLP, or has a field that OTLP does not know.
    """
    copied = json.loads(json.dumps(content))
    _rewrite_ids(copied, lambda text: base64.b64encode(bytes.fromhex(text)).decode())
    return json_format.ParseDict(copied, ExportTraceServiceRequest())


def write_request(made: ExportTraceServiceRequest) -> dict[str, Any]:
    """Write OTLP/JSON."""
    content = json_format.MessageToDict(made, use_integers_for_enums=True)
    _rewrite_ids(content, lambda text: base64.b64decode(text).hex())
    return content


def _rewrite_ids(content: dict[str, Any], rewrite: Callable[[str], str]) -> None:
    for holder in _holders_of_ids(content):
        for name in _IDS:
            if name in holder:
                holder[name] = rewrite(holder[name])


def _holders_of_ids(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource_spans in content["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                yield span
                yield from span.get("links", [])
