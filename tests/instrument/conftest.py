"""Receivers to export to, and a fresh library for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import modeltally
from modeltally.testing import Captured, capture, reset
from support.environment import forget_environment
from support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _fresh_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin and end each test with telemetry off and without the developer's environment."""
    forget_environment(monkeypatch)
    monkeypatch.setenv("MODELTALLY_DIR", str(tmp_path / "data"))
    reset()
    yield
    monkeypatch.delenv("MODELTALLY_DISABLED", raising=False)
    reset()


@pytest.fixture
def seen() -> Iterator[Captured]:
    """Configure the library with an exporter in memory; ids and times are real ones."""
    with capture(is_fixed=False, user_key="key") as captured:
        yield captured


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Listen on a local socket."""
    receiver = Sink()
    yield receiver
    receiver.close()


@pytest.fixture
def exported(sink: Sink) -> Sink:
    """Configure the library to export to the local socket, and only when it is asked to."""
    modeltally.configure(endpoint=sink.url, user_key="key", export_interval_seconds=60)
    return sink
