"""The clients of Python that nobody here depends on: `main.py spans http|http-gzip|grpc|grpc-gzip`, `main.py ask`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import aiohttp
import sqlalchemy
from aiochclient import ChClient, ChClientError
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_spans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_spans
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

COUNT = 20


def exporters(way: str) -> tuple[SpanExporter, MetricExporter]:
    """Make the stock exporters of one way."""
    if way.startswith("grpc"):
        import grpc  # noqa: PLC0415 - its name for a compression is of use here alone

        how: dict[str, Any] = {"endpoint": os.environ["OTLP_GRPC"], "insecure": True}
        how["compression"] = grpc.Compression.Gzip if way.endswith("gzip") else grpc.Compression.NoCompression
        return grpc_spans.OTLPSpanExporter(**how), grpc_metrics.OTLPMetricExporter(**how)
    where, compression = (
        os.environ["OTLP_HTTP"],
        Compression.Gzip if way.endswith("gzip") else Compression.NoCompression,
    )
    return (
        http_spans.OTLPSpanExporter(endpoint=f"{where}/v1/traces", compression=compression),
        http_metrics.OTLPMetricExporter(endpoint=f"{where}/v1/metrics", compression=compression),
    )


def send(way: str) -> None:
    """Send operations, spans of a server, generative spans and metrics."""
    service = f"python-{way}"
    sender = Resource({"service.name": service})
    span_exporter, metric_exporter = exporters(way)
    tracing = TracerProvider(resource=sender)
    tracing.add_span_processor(BatchSpanProcessor(span_exporter))
    metering = MeterProvider(
        resource=sender, metric_readers=[PeriodicExportingMetricReader(metric_exporter, 3_600_000)]
    )
    tracer, meter = tracing.get_tracer("studio"), metering.get_meter("studio")
    calls, durations = (
        meter.create_counter("gen_ai.client.calls"),
        meter.create_histogram("gen_ai.client.operation.duration"),
    )
    began = time.time_ns() - 600 * 10**9
    ended = began + 10**9
    for number in range(COUNT):
        outcome = {"modeltally.outcome": "error", "error.type": "timeout"} if number % 10 == 0 else {}
        own = {"modeltally.operation": "model.request", "modeltally.outcome": "success", "modeltally.model.id": service}
        more = {"modeltally.image.width": 512, **outcome}
        tracer.start_span("own", start_time=began, attributes={**own, **more}).end(ended)
        plain = tracer.start_span(
            "GET /SECRET", kind=SpanKind.SERVER, start_time=began, attributes={"url.full": "http://x/?q=SECRET"}
        )
        plain.add_event("asked: SECRET")
        plain.end(ended)
        asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": service, "gen_ai.usage.input_tokens": 10}
        hidden = {"gen_ai.input.messages": "SECRET", "user.id": "SECRET"}
        chat = tracer.start_span("chat SECRET", kind=SpanKind.CLIENT, start_time=began, attributes={**asked, **hidden})
        chat.set_status(Status(StatusCode.ERROR, "SECRET"))
        chat.record_exception(ValueError("SECRET"))
        chat.end(ended)
        calls.add(1)
        durations.record(0.25)
    if not tracing.force_flush() or not metering.force_flush():
        raise SystemExit("an export failed")
    tracing.shutdown()
    metering.shutdown()


async def by_aiochclient() -> dict[str, object]:
    """Ask through the client for asyncio."""
    async with aiohttp.ClientSession() as session:
        token = os.environ["CLICKHOUSE_TOKEN"]
        client = ChClient(
            session, url=os.environ["CLICKHOUSE_URL"], user="default", password=token, database="modeltally"
        )
        rows = await client.fetch("SELECT model, count() FROM usage_events GROUP BY model ORDER BY model")
        try:
            await client.execute("CREATE TABLE t (a Int8) ENGINE = Memory")
        except ChClientError as refused:
            created = "READONLY" in str(refused)
        return {
            "alive": await client.is_alive(),
            "models": [[row[0], row[1]] for row in rows],
            "streamed": len(await client.fetch("SELECT number FROM numbers(150000)")),
            "refused": created,
        }


def by_sqlalchemy() -> dict[str, object]:
    """Ask through SQLAlchemy and the dialect of clickhouse-sqlalchemy, over HTTP."""
    where = os.environ["CLICKHOUSE_HOST"]
    engine = sqlalchemy.create_engine(f"clickhouse+http://default:{os.environ['CLICKHOUSE_TOKEN']}@{where}/modeltally")
    with engine.connect() as connection:
        rows = connection.execute(
            sqlalchemy.text("SELECT model, count() FROM usage_events GROUP BY model ORDER BY model")
        ).fetchall()
    looked = sqlalchemy.inspect(engine)
    return {
        "models": [[row[0], row[1]] for row in rows],
        "tables": "usage_events" in looked.get_table_names(),
        "columns": len(looked.get_columns("usage_events")),
    }


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        sys.stdout.write(json.dumps({"aiochclient": asyncio.run(by_aiochclient()), "sqlalchemy": by_sqlalchemy()}))
    else:
        send(sys.argv[2])
