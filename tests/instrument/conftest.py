"""Receivers to export to, and a fresh library for each test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import modeltally
from instrument.sink import Sink
from modeltally.instrument import _guard, _runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan


@pytest.fixture(autouse=True)
def _fresh_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin and end each test with telemetry off and without the developer's environment."""
    for name in os.environ:
        if name.startswith(("OTEL_", "MODELTALLY_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MODELTALLY_DIR", str(tmp_path / "data"))
    forget()
    yield
    monkeypatch.delenv("MODELTALLY_DISABLED", raising=False)
    modeltally.shutdown(timeout_seconds=0.2)
    forget()


def forget() -> None:
    """Forget the pipeline, its numbers, and what was logged."""
    _runtime._state.pipeline = None
    _runtime._state.without_pipeline.clear()
    _guard._counts.clear()
    _guard._logged_at.clear()


class Seen:
    """What an in-memory exporter holds, once everything recorded has reached it."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        """Take the exporter."""
        self.exporter = exporter

    def spans(self) -> list[ReadableSpan]:
        """Return the spans of operations."""
        assert modeltally.flush()
        return [span for span in self.exporter.get_finished_spans() if span.name != "heartbeat"]

    def one(self) -> Mapping[str, object]:
        """Return the attributes of the only operation."""
        (span,) = self.spans()
        return dict(span.attributes or {})

    def all(self) -> list[Mapping[str, object]]:
        """Return the attributes of every operation, in the order they ended."""
        return [dict(span.attributes or {}) for span in self.spans()]


@pytest.fixture
def seen() -> Seen:
    """Configure the library with an exporter in memory."""
    exporter = InMemorySpanExporter()
    modeltally.configure(exporter=exporter, user_key="key", export_interval_seconds=0.02)
    return Seen(exporter)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Listen on a local socket."""
    receiver = Sink()
    yield receiver
    receiver.close()


@pytest.fixture
def exported(sink: Sink) -> Sink:
    """Configure the library to export to the local socket."""
    modeltally.configure(endpoint=sink.url, user_key="key", export_interval_seconds=0.02)
    return sink
