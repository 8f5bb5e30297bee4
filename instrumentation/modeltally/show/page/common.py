"""Blocks that several pages have: the line of trust below the header, charts, the week, tables of a topic."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final, cast

from modeltally.analytics.topics.over_time import PEAKS, TIME
from modeltally.analytics.topics.quality import CONTEXT
from modeltally.analytics.topics.usage import STORED
from modeltally.analytics.window import format_moment
from modeltally.show.charts.week import DAYS, hours_of_week
from modeltally.show.page.asking import Question, asks
from modeltally.show.page.blocks import Block
from modeltally.show.page.tables import table_of
from modeltally.show.units import format_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from modeltally.analytics.answers import Answer
    from modeltally.analytics.topic import Topic
    from modeltally.analytics.window import Window
    from modeltally.show.backend import Backend
    from modeltally.show.charts.chart import Chart
    from modeltally.show.page.state import PageState

__all__ = [
    "PATIENCE_SECONDS",
    "exports_of",
    "first_at",
    "note_of",
    "said_block",
    "shown_chart",
    "time_question",
    "topic_block",
    "trust_block",
    "watched_question",
    "week_block",
]

# how long a block beside the figures may keep the page from its end
PATIENCE_SECONDS: Final = 0.3
_LEVELS: Final = 5
_CHART_ROWS: Final = 400
_OLD_SECONDS: Final = 5.0
_WATCHED_SECONDS: Final = 600.0


def note_of(state: PageState) -> str:
    """Say which window figures are of, and in which zone their times are written."""
    return f"{state.words} · {state.zone_name}"


def trust_block(state: PageState) -> Block:
    """Make the line that says how fresh and how complete the figures are."""

    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = found["context"]
        trust = answer.trust
        parts: list[tuple[str, str]] = []
        if trust.newest_at is not None:
            newest = state.local(trust.newest_at)
            age = max((state.window.as_of - newest).total_seconds(), 0.0)
            parts.append(("", f"data to {newest:%Y-%m-%d %H:%M:%S} {state.zone_name}, {_ago(age)}"))
        else:
            parts.append(("quiet", f"nothing in this window ({state.zone_name})"))
        if trust.coverage is not None:
            parts.append(("good" if trust.coverage == "exact" else "", f"coverage: {trust.coverage}"))
        lost = trust.known_loss
        if lost is None:
            parts.append(("quiet", "loss: no process said anything"))
        else:
            parts.append(("bad" if lost else "good", f"{lost:,} lost"))
        if trust.quarantined:
            parts.append(("bad", f"{trust.quarantined:,} cannot be counted"))
        if trust.late:
            parts.append(("", f"{trust.late:,} came too late"))
        return {"parts": parts, "as_of": state.local(state.window.as_of)}

    return Block(
        name="trust",
        title="",
        template="trust.html",
        view=view,
        questions={"context": asks(CONTEXT, state.window, max_age_seconds=1.0)},
        is_live=True,
    )


def said_block(name: str, title: str, text: str, *, span: str = "full", href: str = "", link: str = "") -> Block:
    """Make a block that says what is missing and how to get it."""
    return Block(
        name=name,
        title=title,
        template="said.html",
        view=lambda _: {"text": text, "said_href": href, "said_link": link},
        span=span,
    )


def shown_chart(chart: Chart, state: PageState, answer: Answer[Any] | None = None) -> dict[str, Any]:
    """Give what a template needs of a chart: its spec, what it says, and its table."""
    columns = [column for column in answer.topic.columns if column.name in chart.columns] if answer else []
    table = table_of(chart.rows, columns, caption=chart.title, state=state, most=_CHART_ROWS) if columns else None
    return {
        "chart": {
            "name": chart.name,
            "title": chart.title,
            "summary": chart.summary,
            "spec": {key: value for key, value in chart.spec.items() if key not in {"$schema", "config"}},
            "is_empty": not chart.rows,
        },
        "table": table,
        "rest": max(len(chart.rows) - _CHART_ROWS, 0),
        "empty": answer.empty if answer else None,
    }


def week_block(state: PageState, *, kind: str = "all", subject: str = "", span: str = "half") -> Block:
    """Make the grid of weekdays and hours in the page's zone."""

    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = found["peaks"]
        counts = {(day, hour): 0 for day in range(len(DAYS)) for hour in range(24)}
        for row in answer.rows:
            counts[row["day_of_week"], row["hour_of_day"]] += row["operations"]
        most = max(counts.values())
        days = [
            (
                name,
                [
                    (hour, counts[day, hour], 0 if not most else -(-counts[day, hour] * _LEVELS // most))
                    for hour in range(24)
                ],
            )
            for day, name in enumerate(DAYS)
        ]
        chart = hours_of_week(answer.rows, zone=state.zone_name)
        return {"days": days, "summary": chart.summary, "empty": answer.empty, "most": most}

    given = {"kind": kind, "subject": subject or None, "zone": state.zone_name}
    question = asks(PEAKS, state.window, given, max_age_seconds=30.0)
    return Block(
        name="week",
        title="When",
        template="week.html",
        view=view,
        questions={"peaks": question},
        note=note_of(state),
        span=span,
        patience_seconds=PATIENCE_SECONDS,
        href=state.link("/topics/peaks", kind=kind, subject=subject or None),
    )


def topic_block(  # noqa: PLR0913 - each says one thing of a block
    topic: Topic[Any],
    state: PageState,
    given: Mapping[str, str] | None = None,
    *,
    name: str = "",
    title: str = "",
    columns: Sequence[str] = (),
    keep: Callable[[Mapping[str, Any]], bool] | None = None,
    order: Callable[[Mapping[str, Any]], Any] | None = None,
    is_sorted: bool = False,
    most: int = 50,
    span: str = "full",
    patience_seconds: float | None = None,
    max_age_seconds: float = 0.0,
    is_live: bool = False,
    href: str = "",
    empty: str = "",
) -> Block:
    """Make a block with the table of a topic.

    Args:
        topic: What is asked.
        state: The page's address.
        given: What the topic wants to know beside the window.
        name: The block's name; the topic's where none is given.
        title: Its heading; that of the topic where none is given.
        columns: The columns to show; those that the topic shows where none are given.
        keep: Says which rows to keep; None for all.
        order: What to order them by; None for the order of the answer.
        is_sorted: It is searched, sorted and paged by the address.
        most: How many rows there are at most.
        span: How wide it is.
        patience_seconds: How long it waits for its answer.
        max_age_seconds: How old the answer may be.
        is_live: It is fetched again when something changes.
        href: Where all of it is; the topic's page where none is given.
        empty: What to say instead of no rows.
    """
    wanted = columns or topic.layout.columns
    shown = [column for column in topic.columns if not wanted or column.name in wanted]
    if wanted:
        shown.sort(key=lambda column: wanted.index(column.name))
    asked = {"zone": state.zone_name, **(given or {})}
    taken = {argument.parameter for argument in topic.arguments} - {"zone"}
    full = href or state.link(f"/topics/{topic.name}", **{key: value for key, value in asked.items() if key in taken})

    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = found["answer"]
        rows = answer.rows if keep is None else [row for row in answer.rows if keep(row)]
        rows = rows if order is None else sorted(rows, key=order)
        table = table_of(
            rows,
            shown,
            caption=title or topic.layout.title,
            state=state,
            empty=answer.empty or empty or topic.layout.when_empty,
            is_sorted=is_sorted,
            most=most,
            exports=exports_of(topic, state, asked),
            more=full,
        )
        return {"table": table, "as_of": _old(answer.trust.as_of, state)}

    return Block(
        name=name or topic.name,
        title=title or topic.layout.title,
        template="table.html",
        view=view,
        questions={"answer": asks(topic, state.window, asked, max_age_seconds=max_age_seconds)},
        note=note_of(state) if topic.has_as_of or topic.is_of_operations else "",
        patience_seconds=patience_seconds,
        is_live=is_live,
        span=span,
        href=full,
    )


def exports_of(topic: Topic[Any], state: PageState, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Give the links to a topic's answer for programs, and to its SQL."""
    taken = {argument.parameter for argument in topic.arguments} - {"zone"}
    asked = {name: value for name, value in given.items() if name in taken}
    path = f"/topics/{topic.name}"
    return [
        ("CSV", state.link(f"{path}.csv", **asked)),
        ("JSON", state.link(f"{path}.json", **asked)),
        ("the SQL", state.link(f"{path}.sql", **asked)),
    ]


def first_at(backend: Backend) -> Callable[[Window], datetime | None]:
    """Give what says when the first thing that is stored in a window began."""

    def find(window: Window) -> datetime | None:
        (row,) = backend.statistics.ask(STORED, window).rows
        first = row["first_used_at"]
        return None if first is None else first if first.tzinfo else first.replace(tzinfo=UTC)

    return find


def watched_question(state: PageState) -> Question:
    """Ask on how many days something was watching: of what happened on others nothing is known."""
    asked = {"as_of": format_moment(state.window.as_of), "count_imports": 0}

    def find(backend: Backend) -> int:
        (row,) = backend.store.read("days_watched", asked)
        return len(cast("list[object]", row["days"]))

    return Question("watched", find, _WATCHED_SECONDS, is_optional=True)


def time_question(state: PageState, *, max_age_seconds: float = 0.0) -> Question:
    """Ask for the course of the window, all models together, cut as its charts are."""
    given = {"bucket": state.bucket, "zone": state.zone_name}
    return asks(TIME, state.window, given, max_age_seconds=max_age_seconds)


def _old(as_of: datetime, state: PageState) -> str:
    """Say as of when an answer is, where that is not just now."""
    is_old = (state.window.as_of - as_of).total_seconds() >= _OLD_SECONDS
    return f"as of {state.local(as_of):%H:%M:%S} {state.zone_name}" if is_old else ""


def _ago(seconds: float) -> str:
    return f"{format_value('age_seconds', round(seconds))} ago" if seconds >= 1 else "just now"
