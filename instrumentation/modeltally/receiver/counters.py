"""What the server has counted of one signal since it started."""

from __future__ import annotations

import threading
from collections import Counter

__all__ = ["Counters"]


class Counters:
    """Counters that several threads write and ``/status`` reads."""

    def __init__(self, *, items: str = "items", rejected: str = "rejected") -> None:
        """Start from nothing.

        Args:
            items: What ``/status`` calls the items of the signal.
            rejected: What it calls those that were not stored.
        """
        self._items = items
        self._rejected_name = rejected
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._store_failure: str | None = None

    def add(self, name: str, count: int = 1) -> None:
        """Count something by its name."""
        with self._lock:
            self._counts[name] += count

    def refuse(self, reason: str) -> None:
        """Count a request that was not accepted."""
        with self._lock:
            self._refused[reason] += 1

    def reject(self, counts: Counter[str]) -> None:
        """Count, by reason, items that were not accepted, or were accepted and cannot be stored."""
        with self._lock:
            self._rejected += counts

    def note_failure(self, message: str | None) -> bool:
        """Note why the store takes nothing at the moment, None when it does; tells whether that is new."""
        with self._lock:
            before, self._store_failure = self._store_failure, message
            return message != before

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counts[name]

    @property
    def store_failure(self) -> str | None:
        """Why the store takes nothing at the moment; None when it does."""
        with self._lock:
            return self._store_failure

    def status(self) -> dict[str, object]:
        """Give all counters, as ``/status`` shows them."""
        with self._lock:
            counts = self._counts
            return {
                "received": {"requests": counts["requests"], self._items: counts["items"]},
                "repeated_requests": counts["repeated_requests"],
                f"stored_{self._items}": counts["stored_items"],
                "stored_batches": counts["stored_batches"],
                f"rejected_{self._items}": self._rejected.total(),
                self._rejected_name: dict(self._rejected),
                "refused": dict(self._refused),
                "filtered_attributes": counts["filtered_attributes"],
            }
