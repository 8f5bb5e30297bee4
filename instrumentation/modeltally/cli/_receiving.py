"""The way to whoever takes what a command did: a receiver that is named, or the server of the data directory."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["recording"]


@contextlib.contextmanager
def recording(endpoint: str | None, directory: Path | None) -> Iterator[bool]:
    """Switch telemetry on where somebody takes it."""
    from modeltally.server.client import find_server
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    names = ("MODELTALLY_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if endpoint is None and not any(os.environ.get(name) for name in names):
        server = find_server(settings.dir)
        if server is None:
            yield False
            return
        endpoint = server.address.otlp_url
    from modeltally.cli._progress import exporting_to

    with exporting_to(endpoint, service_name="modeltally models", directory=settings.dir):
        yield True
