"""How often models were asked for here, by day, for the last thirty days; kept in one small file."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from modeltally.availability.disk import read_small
from modeltally.availability.status import ModelUsage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Uses"]

_LOGGER: Final = logging.getLogger(__name__)
_DAYS: Final = 30
_DAY_SECONDS: Final = 86_400
_MOST_BYTES: Final = 16 * 1024**2
_MOST_MODELS: Final = 10_000


class Uses:
    """Counts requests for models. What the statistics know of is more; this is there without them."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Read what was kept.

        Args:
            path: The file; one that cannot be read begins anew, with a warning.
            clock: Tells the time, seconds since 1970.
        """
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[str, dict[int, int]] = {}
        self._last: dict[str, float] = {}
        self._since = clock()
        self._read()

    def count(self, model: str) -> None:
        """Count a use; the file follows, and when that fails the count stays in memory."""
        now = self._clock()
        with self._lock:
            days = self._counts.setdefault(model, {})
            today = int(now // _DAY_SECONDS)
            days[today] = days.get(today, 0) + 1
            self._last[model] = max(now, self._last.get(model, 0.0))
            self._write(today)

    def all(self) -> dict[str, ModelUsage]:
        """Say how each is used."""
        with self._lock:
            return {model: self._of(model) for model in self._counts}

    def _of(self, model: str) -> ModelUsage:
        now = self._clock()
        today = int(now // _DAY_SECONDS)
        uses = sum(count for day, count in self._counts[model].items() if today - _DAYS < day <= today)
        watched = max(0.0, (now - self._since) / _DAY_SECONDS)
        return ModelUsage(uses / _DAYS, datetime.fromtimestamp(self._last[model], UTC), watched_days=watched)

    def _read(self) -> None:
        try:
            content = json.loads(read_small(self._path, limit_bytes=_MOST_BYTES))
            self._since = min(self._since, float(content["since"]))
            for model, kept in content["models"].items():
                self._counts[model] = {int(day): int(count) for day, count in kept["days"].items()}
                self._last[model] = float(kept["last"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _LOGGER.warning("how models were used is counted anew: %s cannot be read: %s", self._path, error)
            self._counts, self._last = {}, {}

    def _write(self, today: int) -> None:
        for days in self._counts.values():
            for day in [day for day in days if day <= today - _DAYS]:
                del days[day]
        while len(self._counts) > _MOST_MODELS:
            oldest = min(self._last, key=self._last.__getitem__)
            del self._counts[oldest], self._last[oldest]
        models = {model: {"last": self._last[model], "days": days} for model, days in self._counts.items()}
        made = self._path.with_name(f".{self._path.name}.new")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"since": self._since, "models": models}, file)
            made.replace(self._path)
