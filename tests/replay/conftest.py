"""What the tests of the import share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import modeltally
from support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def receiver() -> Iterator[Sink]:
    """Run a receiver, and this process's telemetry towards it."""
    one = Sink()
    modeltally.configure(endpoint=one.url, service_name="test", user_key="k" * 64)
    yield one
    one.close()
    modeltally.shutdown(timeout_seconds=0.1)
