"""The clock of operations; ``modeltally.testing`` replaces it."""

from __future__ import annotations

from time import perf_counter_ns, time_ns

__all__ = ["perf_counter_ns", "time_ns"]
