"""What the server has counted since it started."""

from __future__ import annotations

import threading
from collections import Counter

__all__ = ["METRICS", "TRACES", "Stats"]

# the two signals, named as in the paths of OTLP
TRACES = "traces"
METRICS = "metrics"


class Stats:
    """Counters that several threads write and ``/status`` reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {TRACES: Counter(), METRICS: Counter()}
        self._refused: dict[str, Counter[str]] = {TRACES: Counter(), METRICS: Counter()}
        self._quarantined: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._store_failures: dict[str, str] = {}

    def add(self, signal: str, name: str, count: int = 1) -> None:
        """Count something of a signal by its name."""
        with self._lock:
            self._counts[signal][name] += count

    def refuse(self, signal: str, reason: str) -> None:
        """Count a request that was not accepted."""
        with self._lock:
            self._refused[signal][reason] += 1

    def quarantine(self, reason: str, count: int = 1) -> None:
        """Count spans that were accepted and cannot be stored, or were not accepted."""
        with self._lock:
            self._quarantined[reason] += count

    def reject(self, reason: str, count: int) -> None:
        """Count points of metrics that were not accepted, or were accepted and cannot be stored."""
        with self._lock:
            self._rejected[reason] += count

    def note_failure(self, signal: str, message: str | None) -> bool:
        """Note why the store takes nothing of a signal at the moment, None when it does; tells whether that is new."""
        with self._lock:
            before = self._store_failures.pop(signal, None)
            if message is not None:
                self._store_failures[signal] = message
            return message != before

    def count(self, signal: str, name: str) -> int:
        """What was counted of a signal under a name."""
        with self._lock:
            return self._counts[signal][name]

    def __getitem__(self, name: str) -> int:
        return self.count(TRACES, name)

    @property
    def store_failure(self) -> str | None:
        """Why the store takes nothing at the moment; None when it does."""
        with self._lock:
            return next(iter(self._store_failures.values()), None)

    def snapshot(self) -> dict[str, object]:
        """Give all counters, as ``/status`` shows them."""
        with self._lock:
            spans, points = self._counts[TRACES], self._counts[METRICS]
            return {
                "received": {"requests": spans["requests"], "spans": spans["spans"]},
                "repeated_requests": spans["repeated_requests"],
                "stored_spans": spans["stored_spans"],
                "stored_batches": spans["stored_batches"],
                "quarantined": dict(self._quarantined),
                "refused": dict(self._refused[TRACES]),
                "filtered_attributes": spans["filtered_attributes"],
                "metrics": {
                    "received": {"requests": points["requests"], "points": points["points"]},
                    "repeated_requests": points["repeated_requests"],
                    "stored_points": points["stored_points"],
                    "stored_batches": points["stored_batches"],
                    "rejected_points": self._rejected.total(),
                    "rejected": dict(self._rejected),
                    "refused": dict(self._refused[METRICS]),
                    "filtered_attributes": points["filtered_attributes"],
                },
                "store_failure": next(iter(self._store_failures.values()), None),
            }
