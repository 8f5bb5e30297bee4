"""The six figures of the first screen: each with its course, what it was in the window before, and where to look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from modeltally.show.charts.sparkline import sparkline_svg
from modeltally.show.page.cells import FEW, count_word
from modeltally.show.units import format_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.analytics.topics.lifecycle import LoadRow, StorageRow
    from modeltally.analytics.topics.over_time import StretchRow
    from modeltally.analytics.topics.usage import OverviewRow
    from modeltally.show.page.state import PageState

__all__ = ["UNUSED_DAYS", "Figure", "figures_of", "unused_since"]

UNUSED_DAYS: Final = 30
_SMALL: Final = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One large figure.

    Attributes:
        name: What it is of.
        text: The figure.
        exact: The value itself.
        change: By how much it differs from the window before, with an arrow in words for who cannot see it.
        tone: Whether that is ``good`` or ``bad``; empty where it is neither.
        before: What it was in the window before, or what else there is to say.
        note: How far to trust it.
        course: Its course as a small picture; empty where there is none.
        href: Where there is more.
    """

    name: str
    text: str
    exact: str
    change: str = ""
    tone: str = ""
    before: str = ""
    note: str = ""
    course: str = ""
    href: str = ""


def figures_of(
    *,
    now: OverviewRow | None,
    before: OverviewRow | None,
    course: Sequence[StretchRow],
    loads: Sequence[LoadRow],
    loads_before: Sequence[LoadRow],
    storage: Sequence[StorageRow],
    watched_days: int | None,
    state: PageState,
) -> list[Figure]:
    """Make the six figures.

    Args:
        now: The row of ``overview``.
        before: The same of the window before.
        course: The rows of ``time``, all models together.
        loads: The rows of ``loads``.
        loads_before: The same of the window before.
        storage: The rows of ``storage``.
        watched_days: On how many days something was watching; None where that is not known yet.
        state: The page's address.

    Returns:
        The figures, in order.
    """
    current: Mapping[str, Any] = now or {}
    past: Mapping[str, Any] = before or {}
    # stretches that are still to come hold nothing, and the last one is not full
    drawn = [row for row in course if row["begin_at"] < state.window.as_of]
    return [
        _requests(current, past, drawn, state),
        _success(current, past, drawn, state),
        _slowest(current, past, drawn, state),
        _users(current, past, drawn, state),
        _waited(loads, loads_before, drawn, state),
        _disk(storage, watched_days, state),
    ]


def _requests(
    now: Mapping[str, Any], past: Mapping[str, Any], course: Sequence[StretchRow], state: PageState
) -> Figure:
    count, earlier = now.get("requests") or 0, past.get("requests")
    change = ""
    if earlier:
        change = _arrow((count - earlier) / earlier, f"{abs(count - earlier) / earlier:.0%}")
    return Figure(
        name="Requests",
        text=f"{count:,}",
        exact=str(count),
        change=change,
        before=_before(f"{earlier:,}" if earlier is not None else None),
        course=_course([row["operations"] for row in course], "requests", state),
        href=state.link("/topics/time", kind="all", bucket=state.bucket),
    )


def _success(now: Mapping[str, Any], past: Mapping[str, Any], course: Sequence[StretchRow], state: PageState) -> Figure:
    rate, earlier = now.get("success_rate"), past.get("success_rate")
    change, tone = "", ""
    if rate is not None and earlier is not None:
        points = rate - earlier
        change = _arrow(points, f"{abs(points) * 100:.1f} points", least=_SMALL)
        tone = "" if abs(points) < _SMALL else "good" if points > 0 else "bad"
    return Figure(
        name="Success",
        text=format_value("success_rate", rate),
        exact="" if rate is None else str(rate),
        change=change,
        tone=tone,
        before=_before(None if earlier is None else format_value("success_rate", earlier)),
        course=_course([row["success_rate"] for row in course], "success rate", state),
        href=state.link("/failures"),
    )


def _slowest(now: Mapping[str, Any], past: Mapping[str, Any], course: Sequence[StretchRow], state: PageState) -> Figure:
    value, earlier, n = now.get("p95_ms"), past.get("p95_ms"), now.get("requests") or 0
    change, tone = "", ""
    if value is not None and earlier:
        share = (value - earlier) / earlier
        change = _arrow(share, f"{abs(share):.0%}", least=0.005)
        tone = "" if abs(share) < 0.05 else "bad" if share > 0 else "good"  # noqa: PLR2004 - less is chance
    return Figure(
        name="p95",
        text=format_value("p95_ms", value),
        exact="" if value is None else str(value),
        change=change,
        tone=tone,
        before=_before(None if earlier is None else format_value("p95_ms", earlier)),
        note=f"n={n:,}" if value is not None and n < FEW else "",
        course=_course([row["p95_ms"] for row in course], "95th percentile", state),
        href=state.link("/topics/latency"),
    )


def _users(now: Mapping[str, Any], past: Mapping[str, Any], course: Sequence[StretchRow], state: PageState) -> Figure:
    count, earlier = now.get("users") or 0, past.get("users")
    note = "no request says its user" if not count and now.get("requests") else ""
    change = _arrow(count - earlier, f"{abs(count - earlier):,}") if earlier is not None and count != earlier else ""
    return Figure(
        name="Users",
        text=f"{count:,}",
        exact=str(count),
        change=change,
        before=_before(f"{earlier:,}" if earlier is not None else None),
        note=note,
        course=_course([row["users"] for row in course], "users", state),
        href=state.link("/users"),
    )


def _waited(
    loads: Sequence[LoadRow], earlier: Sequence[LoadRow], course: Sequence[StretchRow], state: PageState
) -> Figure:
    waited, before = (sum(row["waited_for_loads_ms"] for row in rows) for rows in (loads, earlier))
    cold = sum(row["cold_starts"] for row in loads)
    tone, change = "", ""
    if before:
        share = (waited - before) / before
        change = _arrow(share, f"{abs(share):.0%}", least=0.005)
        tone = "" if abs(share) < 0.05 else "bad" if share > 0 else "good"  # noqa: PLR2004 - less is chance
    return Figure(
        name="Waited for loads",
        text=format_value("waited_for_loads_ms", waited) if waited else "0 s",
        exact=str(waited),
        change=change,
        tone=tone,
        before=_before((format_value("waited_for_loads_ms", before) if before else "0 s") if earlier else None),
        note=count_word(cold, "cold start"),
        course=_course([row["cold_starts"] for row in course], "cold starts", state),
        href=state.link("/loads"),
    )


def _disk(storage: Sequence[StorageRow], watched_days: int | None, state: PageState) -> Figure:
    known = [row for row in storage if row["size_bytes"] is not None]
    total = sum(row["size_bytes"] or 0 for row in known)
    unused = [row for row in known if unused_since(row, state)]
    size = sum(row["size_bytes"] or 0 for row in unused)
    before = f"{format_value('size_bytes', size)} unused for {UNUSED_DAYS} d or more" if known else ""
    watched = "" if watched_days is None or not known else f" (watched {watched_days:,} d)"
    nothing = "no download or load named a size" if storage else ""
    return Figure(
        name="Models' size",
        text=format_value("size_bytes", total) if known else "-",
        exact=str(total) if known else "",
        before=f"{before}{watched}" if before else nothing,
        note=f"of {len(known):,} of {count_word(len(storage), 'model')}" if known and len(known) < len(storage) else "",
        href=state.link("/disk"),
    )


def unused_since(row: Mapping[str, Any], state: PageState) -> bool:
    """Tell whether a model has not been asked for thirty days, and was there for as long."""
    limit = state.window.as_of - timedelta(days=UNUSED_DAYS)
    used = row["last_used_at"]
    return bool(used < limit if used is not None else row["last_seen_at"] < limit)


def _before(text: str | None) -> str:
    return f"before: {text}" if text is not None else "nothing before"


def _arrow(change: float, text: str, *, least: float = 0.0) -> str:
    if abs(change) <= least:
        return "as before"
    return f"{'▲' if change > 0 else '▼'} {text}"


def _course(values: Sequence[float | None], what: str, state: PageState) -> str:
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004 - a course has two points
        return ""
    label = f"{what} by {state.bucket}, from {min(known):,.4g} to {max(known):,.4g}"
    # as wide as its place is
    return sparkline_svg(values, label=label, width=120, height=28).replace(
        "<svg ", '<svg preserveAspectRatio="none" ', 1
    )
