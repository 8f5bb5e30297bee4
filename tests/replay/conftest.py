"""What the tests of the import share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import modeltally
from replay.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a receiver, and this process's telemetry towards it."""
    one = Receiver()
    modeltally.configure(endpoint=one.address, service_name="test", user_key="k" * 64)
    yield one
    one.go_away()
    modeltally.shutdown(timeout_seconds=0.1)
