"""What the page, the interface for programs and the reports stand on, whether a directory or a server answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modeltally.show.events import Broker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from modeltally.analytics.statistics import Statistics
    from modeltally.settings import Settings
    from modeltally.show.access import Access
    from modeltally.show.downloads import Downloads
    from modeltally.store import Store

__all__ = ["Backend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What answers.

    Attributes:
        store: Answers views, runs jobs.
        statistics: Answers topics, and keeps answers.
        settings: What views go by, and limits.
        access: Who may read and act.
        status: Says how the process is: what it has received, what jobs did, versions.
        problem: Says what is wrong with it; None when all is well.
        now: The time that windows are counted back from, aware.
        events: Tells whoever listens what happens.
        downloads: What is fetched to this machine; None where nothing is managed here.
        otlp_url: Where services send what they do; empty where that is not taken here.
    """

    store: Store
    statistics: Statistics
    settings: Settings
    access: Access
    status: Callable[[], Mapping[str, object]]
    problem: Callable[[], str | None]
    now: Callable[[], datetime]
    events: Broker = field(default_factory=Broker)
    downloads: Downloads | None = None
    otlp_url: str = ""
