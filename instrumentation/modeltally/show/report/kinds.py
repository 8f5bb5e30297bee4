"""Which reports there are, and what each is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modeltally.analytics.topics.advice import ACCURACY, CALIBRATION, VERDICTS
from modeltally.analytics.topics.cost import COST
from modeltally.analytics.topics.disk import CLEANUP_EFFECT, DISK, INVENTORY, RUBBISH
from modeltally.analytics.topics.lifecycle import DOWNLOADS, LOADS, MEMORY, RESIDENCY, STORAGE
from modeltally.analytics.topics.over_time import ANOMALIES, PEAKS, TIME, TRENDS
from modeltally.analytics.topics.patterns import PATTERNS
from modeltally.analytics.topics.quality import FAILURES, FAILURES_BY_MODEL, QUALITY_TRENDS
from modeltally.analytics.topics.subjects import BY_USER, SPEED
from modeltally.analytics.topics.usage import MODELS, OVERVIEW, USERS
from modeltally.errors import InputError, UnknownNameError
from modeltally.show.charts.over_time import outcomes_over_time
from modeltally.show.charts.subjects import bars_by_subject
from modeltally.show.charts.week import hours_of_week
from modeltally.show.report.advice import EVERY_ADVICE
from modeltally.show.report.model import Report
from modeltally.show.report.parts import Asked, Part, compared, from_topic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from modeltally.show.charts.chart import Chart

__all__ = ["REPORTS", "Kind", "kind_named", "make_report"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of report.

    Attributes:
        name: What people call it.
        title: What stands above it.
        sentence: What it tells.
        parts: What makes its sections, in order.
    """

    name: str
    title: str
    sentence: str
    parts: tuple[Part, ...]


def _outcomes(rows: Sequence[Any], asked: Asked) -> Chart:
    return outcomes_over_time(rows, window=asked.window, bucket=asked.bucket, zone=asked.zone)


def _week(rows: Sequence[Any], asked: Asked) -> Chart:
    return hours_of_week(rows, zone=asked.zone)


def _bars(column: str, subject: str, title: str, second: str | None = None) -> Any:
    def chart(rows: Sequence[Any], _: Asked) -> Chart:
        return bars_by_subject(rows, column=column, subject=subject, title=title, second=second)

    return chart


_USAGE: Final = Kind(
    "usage",
    title="Usage of all models",
    sentence="How much every model is used, by how many, when, how well, and what it costs.",
    parts=(
        compared(OVERVIEW),
        from_topic(TIME, chart=_outcomes, is_newest_last=True),
        from_topic(MODELS, chart=_bars("requests", "model", "Requests by model")),
        from_topic(USERS, is_newest_last=True),
        from_topic(BY_USER, most=50),
        from_topic(PEAKS, chart=_week, most=20, order="operations"),
        from_topic(PATTERNS),
        from_topic(COST, chart=_bars("cost_by_price", "subject", "Cost by your prices", "currency")),
    ),
)
_PERFORMANCE: Final = Kind(
    "performance",
    title="Performance trends",
    sentence="How fast and how reliable models are, whether that gets better or worse, and what goes wrong.",
    parts=(
        compared(OVERVIEW),
        from_topic(TIME, chart=_outcomes, is_newest_last=True),
        from_topic(SPEED, chart=_bars("p95_ms", "subject", "95th percentile by model")),
        from_topic(QUALITY_TRENDS),
        from_topic(TRENDS),
        from_topic(FAILURES, chart=_bars("failures", "error_type", "Failures by type of error")),
        from_topic(FAILURES_BY_MODEL, most=100),
        from_topic(LOADS, chart=_bars("waited_for_loads_ms", "model", "Waiting for loads")),
        from_topic(ANOMALIES, most=100),
    ),
)
_STORAGE: Final = Kind(
    "storage",
    title="Storage analysis",
    sentence="What models take on disk and in memory, against how much they are used.",
    parts=(
        from_topic(STORAGE, chart=_bars("size_bytes", "model", "Size on disk by model")),
        from_topic(DISK),
        from_topic(INVENTORY, most=100),
        from_topic(RUBBISH, most=50),
        from_topic(CLEANUP_EFFECT, most=50),
        from_topic(DOWNLOADS, chart=_bars("moved_bytes", "model", "Bytes downloaded by model")),
        from_topic(RESIDENCY, chart=_bars("idle_seconds", "model", "Idle time in memory by model")),
        from_topic(MEMORY, chart=_bars("peak_bytes", "model", "Peak memory by model", "device")),
    ),
)
_ADVICE: Final = Kind(
    "advice",
    title="Advice and its accuracy",
    sentence="What to clean up, preload and look into, why, and how earlier advice turned out.",
    parts=(*EVERY_ADVICE, from_topic(ACCURACY), from_topic(CALIBRATION), from_topic(VERDICTS, most=100)),
)

REPORTS: Final[dict[str, Kind]] = {kind.name: kind for kind in (_USAGE, _PERFORMANCE, _STORAGE, _ADVICE)}


def kind_named(name: str) -> Kind:
    """Find a kind of report.

    Args:
        name: What people call it.

    Returns:
        The kind.

    Raises:
        UnknownNameError: There is none of that name; the message offers the nearest.
    """
    if name not in REPORTS:
        raise UnknownNameError("report", name, REPORTS)
    return REPORTS[name]


def make_report(kind: Kind, asked: Asked, *, generated_at: datetime) -> Report:
    """Make a report.

    Args:
        kind: Which one.
        asked: Who answers, and about what.
        generated_at: The time to put on it.

    Returns:
        The report.

    Raises:
        InputError: The zone is none.
        StoreError: The database refused or failed.
        ServerError: The server could not be asked, or failed.
    """
    _check_zone(asked.zone)
    return Report(
        name=kind.name,
        title=kind.title,
        sentence=kind.sentence,
        generated_at=generated_at,
        window=asked.window,
        zone=asked.zone,
        sections=tuple(part(asked) for part in kind.parts),
    )


def _check_zone(zone: str) -> None:
    from modeltally.store.allowed import check_value  # noqa: PLC0415 - the store is slow to import

    try:
        check_value("zone", zone)
    except ValueError as error:
        raise InputError(f"time zone {zone[:80]!r} {error}") from None
