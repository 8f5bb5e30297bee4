"""A backend that nobody asks for figures: for what is decided before any is read."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from modeltally.analytics.statistics import Statistics
from modeltally.settings import Settings
from modeltally.show.access import Access
from modeltally.show.backend import Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SilentStore", "backend_of"]

NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)


class SilentStore:
    """Does what a test says when it is read."""

    def __init__(self, read: Callable[[str], list[dict[str, Any]]] = lambda _: []) -> None:
        self._read = read

    def read(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Read a view."""
        del parameters
        return self._read(name)

    def run(self, job: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run a job."""
        del parameters
        return self._read(job)


def backend_of(**given: Any) -> Backend:
    """Make a backend, with what a test gives in place of what it has."""
    store = given.pop("store", SilentStore())
    settings = given.pop("settings", Settings())
    whole: dict[str, Any] = {
        "store": store,
        "statistics": Statistics(store, settings=settings),
        "settings": settings,
        "access": Access("secret", is_open=True),
        "status": dict,
        "problem": lambda: None,
        "now": lambda: NOW,
        **given,
    }
    return Backend(**whole)
