"""How a section is made of a topic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from modeltally.analytics.arguments import BUCKET, ZONE, arguments_of
from modeltally.analytics.rows import Column, Unit
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.window import BEGINNING, Window
from modeltally.show.report.model import Section
from modeltally.show.units import format_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.analytics.statistics import Statistics
    from modeltally.analytics.topic import Topic
    from modeltally.show.charts.chart import Chart
    from modeltally.store import Store

__all__ = ["Asked", "ChartOf", "Part", "bucket_for", "compared", "from_topic"]

MOST_ROWS: Final = 500
_FINEST: Final = ((timedelta(days=3), "hour"), (timedelta(days=120), "day"), (timedelta(days=900), "week"))
_WINDOW: Final = Column("window", str, is_nullable=False, unit=Unit.TEXT, sentence="Which window the figures are of.")
_CHANGES: Final = ("requests", "users", "success_rate", "p95_ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who answers, and about what.

    Attributes:
        statistics: Answers topics.
        store: Gives advice.
        window: What the report is about.
        zone: The zone in which its days begin.
        count_imports: For advice, the days of an import are days on which something was watching.
    """

    statistics: Statistics
    store: Store
    window: Window
    zone: str
    count_imports: bool = False

    @property
    def bucket(self) -> str:
        """How the window is cut."""
        return bucket_for(self.window)


Part = Callable[[Asked], Section]
ChartOf = Callable[["Sequence[Any]", Asked], "Chart"]


def bucket_for(window: Window) -> str:
    """Choose how a window is cut, so that a table of it can be read."""
    length = window.until - window.since
    return next((bucket for longest, bucket in _FINEST if length <= longest), "month")


def from_topic(
    topic: Topic[Any],
    *,
    name: str = "",
    title: str = "",
    chart: ChartOf | None = None,
    most: int = MOST_ROWS,
    order: str = "",
    is_newest_last: bool = False,
    **given: str,
) -> Part:
    """Make a part of a topic.

    Args:
        topic: What is asked.
        name: What the section is called; the topic's name when not given.
        title: What stands above it; the topic's title when not given.
        chart: Makes a chart of its rows.
        most: How many rows are listed.
        order: The column to order rows by, the largest first; empty: as the view gives them.
        is_newest_last: Of too many rows the last are listed, not the first.
        **given: Arguments of the topic.

    Returns:
        What makes the section.
    """

    def part(asked: Asked) -> Section:
        values: dict[str, str | None] = dict(given)
        if ZONE in topic.arguments:
            values[ZONE.parameter] = asked.zone
        if BUCKET in topic.arguments:
            values[BUCKET.parameter] = asked.bucket
        arguments = arguments_of(topic, values, topics=TOPICS.values())
        answer = asked.statistics.ask(topic, asked.window, arguments=arguments)
        # of what is still to come nothing is known
        rows = [row for row in answer.rows if "begin_at" not in row or row["begin_at"] < asked.window.as_of]
        if order:
            rows = sorted(rows, key=lambda row: row[order] or 0, reverse=True)
        drawn = chart(rows, asked) if chart is not None else None
        if drawn is not None and not drawn.rows:
            drawn = None
        return Section(
            name=name or topic.name,
            title=title or topic.layout.title,
            text=(topic.sentence, *([drawn.summary] if drawn is not None else [])),
            columns=tuple(topic.columns),
            shown=_shown(topic, rows),
            rows=rows[-most:] if is_newest_last else rows[:most],
            left_out=max(len(rows) - most, 0),
            is_record=topic.layout.is_record,
            trust=answer.trust,
            empty=answer.empty,
            chart=drawn,
        )

    return part


def compared(topic: Topic[Any]) -> Part:
    """Make a part of a topic of one row: this window beside the one before it."""

    def part(asked: Asked) -> Section:
        window = asked.window
        answer = asked.statistics.ask(topic, window)
        rows = [{_WINDOW.name: "this window", **row} for row in answer.rows]
        length = window.until - window.since
        if window.since - BEGINNING > length:
            before = Window(window.since - length, window.since, window.as_of)
            rows += [{_WINDOW.name: "the one before", **row} for row in asked.statistics.ask(topic, before).rows]
        return Section(
            name=topic.name,
            title=topic.layout.title,
            text=tuple(_changes(rows)),
            columns=(_WINDOW, *topic.columns),
            shown=(_WINDOW.name, *(topic.layout.columns or [column.name for column in topic.columns])),
            rows=rows,
            is_record=True,
            trust=answer.trust,
            empty=answer.empty,
        )

    return part


def _changes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say in a sentence what became of the figures that people ask for first."""
    if not rows:
        return []
    now, before = rows[0], rows[1] if len(rows) > 1 else {}
    said = [
        f"{name.removesuffix('_ms').replace('_', ' ')} {format_value(name, now[name])}"
        + (f" (before: {format_value(name, before[name])})" if before.get(name) is not None else "")
        for name in _CHANGES
        if now.get(name) is not None
    ]
    text = ", ".join(said) + "."
    return [text[0].upper() + text[1:]]


def _shown(topic: Topic[Any], rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Choose the columns that people see; a column of whose figures these are that says nothing is none."""
    names = topic.layout.columns or tuple(column.name for column in topic.columns)
    is_of_all = rows and all(row.get("subject", None) == "" for row in rows)
    return tuple(name for name in names if not (name == "subject" and is_of_all))
