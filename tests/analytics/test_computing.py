"""Answers that are kept wait for none that are computed."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING, Any

from modeltally.analytics.statistics import Statistics
from modeltally.analytics.topics.usage import MODELS, STORED
from modeltally.analytics.window import Window
from modeltally.settings import Settings
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)
WINDOW = Window(NOW - dt.timedelta(days=1), NOW, NOW)
CONTEXT = {"window_since": NOW, "window_until": NOW, "newest_at": NOW, "coverage": "exact", "known_loss": 0,
           "dirty_hours": 0, "quarantined": 0, "late": 0}  # fmt: skip


class Slow:
    """Computes one view for as long as a test wants."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.waiting = 0

    def read(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Read a view."""
        del parameters
        if name == MODELS.view:
            self.waiting += 1
            self.free.wait(20)
            return [{"model": "flux", "requests": 1}]
        return [CONTEXT] if name == "answer_context" else [{"operations": 1}]

    def run(self, job: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run nothing."""
        del job, parameters
        return []

    def states(self, views: Sequence[str]) -> Sequence[str]:
        """Never change."""
        return ["same" for _ in views]


def test_kept_answer_is_given_while_another_is_computed() -> None:
    """With one place to compute in, and that taken, what is kept comes at once, and what is not waits."""
    store = Slow()
    statistics = Statistics(store, settings=Settings(), max_computing=1)
    statistics.ask(STORED, WINDOW)
    earlier = Window(WINDOW.since, WINDOW.until - dt.timedelta(hours=1), NOW)
    threads = [threading.Thread(target=statistics.ask, args=(MODELS, window)) for window in (WINDOW, earlier)]
    for thread in threads:
        thread.start()
    wait_until(lambda: store.waiting == 1)
    kept = statistics.ask(STORED, WINDOW)
    assert kept.rows[0]["operations"] == 1
    assert store.waiting == 1
    store.free.set()
    for thread in threads:
        thread.join(20)
    assert store.waiting == 2
