"""What the server has counted since it started."""

from __future__ import annotations

import threading
from collections import Counter

__all__ = ["Stats"]


class Stats:
    """Counters that several threads write and ``/status`` reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._quarantined: Counter[str] = Counter()
        self._store_failure: str | None = None

    def add(self, name: str, count: int = 1) -> None:
        """Count something by its name."""
        with self._lock:
            self._counts[name] += count

    def refuse(self, reason: str) -> None:
        """Count a request that was not accepted."""
        with self._lock:
            self._refused[reason] += 1

    def quarantine(self, reason: str, count: int = 1) -> None:
        """Count spans that were accepted and cannot be stored, or were not accepted."""
        with self._lock:
            self._quarantined[reason] += count

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counts[name]

    @property
    def store_failure(self) -> str | None:
        """Why the store takes nothing at the moment; None when it does."""
        with self._lock:
            return self._store_failure

    @store_failure.setter
    def store_failure(self, message: str | None) -> None:
        with self._lock:
            self._store_failure = message

    def snapshot(self) -> dict[str, object]:
        """Give all counters, as ``/status`` shows them."""
        with self._lock:
            return {
                "received": {"requests": self._counts["requests"], "spans": self._counts["spans"]},
                "repeated_requests": self._counts["repeated_requests"],
                "stored_spans": self._counts["stored_spans"],
                "stored_batches": self._counts["stored_batches"],
                "quarantined": dict(self._quarantined),
                "refused": dict(self._refused),
                "filtered_attributes": self._counts["filtered_attributes"],
                "store_failure": self._store_failure,
            }
