"""The report of everything as a function: what ``modeltally report`` writes as JSON, from the store of the settings."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from modeltally.analytics.statistics import Statistics
from modeltally.analytics.window import Window, format_moment
from modeltally.connect import open_reader
from modeltally.settings import load_settings
from modeltally.show.report.kinds import REPORTS, make_report
from modeltally.show.report.parts import Asked

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["generate_analytics_report"]

_DAYS = 30


async def generate_analytics_report(*, directory: Path | None = None) -> dict[str, Any]:
    """Make every report about the last thirty days.

    Args:
        directory: The data directory; None: the one that the settings name.

    Returns:
        ``generated_at`` as ISO 8601, and under ``usage``, ``performance``, ``storage`` and ``advice`` what the JSON of
        that report holds.

    Raises:
        ModelTallyError: There is no store, or it cannot be asked.
    """
    return await asyncio.to_thread(_report, directory)


def _report(directory: Path | None) -> dict[str, Any]:
    settings = load_settings(dir=directory)
    now = datetime.now(UTC)
    with open_reader(settings) as store:
        asked = Asked(
            statistics=Statistics(store, settings=settings),
            store=store,
            window=Window(now - timedelta(days=_DAYS), now, now),
            zone="UTC",
        )
        made = {name: make_report(kind, asked, generated_at=now).to_dict() for name, kind in REPORTS.items()}
    return {"generated_at": format_moment(now), **made}
