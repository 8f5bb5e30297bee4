"""Waiting in tests: for what is asked about, and never for a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# When a test gives up: far beyond what a busy machine needs.
PATIENCE_SECONDS = 60.0


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float = PATIENCE_SECONDS) -> bool:
    """Poll a condition that nothing announces; gives whether it came true."""
    ends_at = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.005)
    return True
