"""Ours, over its own sender."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import modeltally
from bench.overhead import ours
from bench.overhead.jobs import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.overhead.jobs import Job

__all__ = ["Ours"]

DEFAULT_METRICS_SECONDS: Final = 30.0
FLUSH_SECONDS: Final = 60.0


class Ours:
    """A process that is watched by us."""

    def __init__(self, url: str, *, metrics_seconds: float | None) -> None:
        """Configure.

        Args:
            url: Where to send.
            metrics_seconds: How often metrics go; None for the default. Everything else is as it comes.
        """
        modeltally.configure(
            endpoint=url, user_key=KEY, metrics_interval_seconds=metrics_seconds or DEFAULT_METRICS_SECONDS
        )
        self._records = {"small": ours.small, "image": ours.image}

    def operation(self, record: str) -> Callable[[Job], None]:
        """Return what writes a record, with the context manager."""
        return self._records[record]

    def flush(self) -> None:
        """Wait until everything so far was sent."""
        modeltally.flush(FLUSH_SECONDS)

    def shutdown(self) -> None:
        """Send everything and end."""
        modeltally.shutdown(FLUSH_SECONDS)
