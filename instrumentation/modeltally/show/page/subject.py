"""The page of one model, and the page of one topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.analytics.arguments import ZONE
from modeltally.analytics.topics.lifecycle import DOWNLOADS, LOADS, MEMORY, STAYS, STORAGE
from modeltally.analytics.topics.over_time import CHANCE, TIME, TRENDS
from modeltally.analytics.topics.quality import FAILURES_BY_MODEL, QUALITY_TRENDS
from modeltally.analytics.topics.subjects import BY_USER, PARAMETERS
from modeltally.analytics.topics.usage import MODELS
from modeltally.recommend.kinds import ADVICE
from modeltally.show.charts.timeline import timeline_of_model
from modeltally.show.page.asking import advice, asks
from modeltally.show.page.blocks import Block, Page
from modeltally.show.page.cells import cell_of, shortened
from modeltally.show.page.common import (
    PATIENCE_SECONDS,
    exports_of,
    note_of,
    shown_chart,
    topic_block,
    trust_block,
    week_block,
)
from modeltally.show.page.overview import chart_block
from modeltally.show.page.tables import table_of
from modeltally.show.units import clean_text, column_header

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.analytics.rows import Column
    from modeltally.analytics.topic import Argument, Topic
    from modeltally.show.page.asking import Question
    from modeltally.show.page.state import PageState

__all__ = ["model_page", "topic_page", "topic_values"]

_SLOW_SECONDS: Final = 30.0
_SHORT_NAME: Final = 80
_FACTS: Final = (
    "requests",
    "success_rate",
    "p50_ms",
    "p95_ms",
    "users",
    "cold_starts",
    "input_tokens",
    "output_tokens",
    "first_used_at",
    "last_used_at",
)


def model_page(model: str, state: PageState) -> Page:
    """Make the page of one model.

    Args:
        model: Its name.
        state: The page's address.
    """
    of = {"kind": "model", "subject": model}
    return Page(
        title=shortened(clean_text(model), _SHORT_NAME),
        section="/",
        blocks=[
            trust_block(state),
            _facts_block(model, state),
            chart_block(state, kind="model", subject=model),
            _timeline_block(model, state),
            week_block(state, kind="model", subject=model),
            topic_block(
                FAILURES_BY_MODEL,
                state,
                of,
                title="Failures",
                span="half",
                most=10,
                columns=("error_type", "failures", "share_of_requests", "last_seen_at"),
            ),
            topic_block(
                PARAMETERS,
                state,
                of,
                columns=("parameter", "value", "operations", "share", "success_rate", "mean_ms"),
                span="half",
                most=12,
                max_age_seconds=_SLOW_SECONDS,
            ),
            topic_block(
                BY_USER,
                state,
                of,
                span="half",
                most=12,
                max_age_seconds=_SLOW_SECONDS,
                columns=("user", "operations", "success_rate", "mean_ms", "last_used_at"),
            ),
            topic_block(
                QUALITY_TRENDS,
                state,
                of,
                columns=("mean_quality", "quality_trend", "mean_ms", "speed_trend"),
                span="half",
                max_age_seconds=_SLOW_SECONDS,
            ),
            topic_block(
                CHANCE,
                state,
                of,
                columns=("chance", "times_like_now", "came_in_time", "idle_hours", "usual_uses"),
                span="half",
                max_age_seconds=_SLOW_SECONDS,
            ),
            topic_block(
                LOADS,
                state,
                columns=("cold_starts", "cold_start_rate", "waited_for_loads_ms", "loads", "mean_load_ms"),
                span="half",
                keep=lambda row: row["model"] == model,
            ),
            topic_block(
                MEMORY,
                state,
                of,
                columns=("device", "measured", "peak_bytes", "exclusive_peak_bytes", "used_share"),
                span="half",
                max_age_seconds=_SLOW_SECONDS,
            ),
            topic_block(
                STAYS,
                state,
                title="Latest stays in memory",
                columns=("device", "loaded_at", "left_at", "closed_by", "requests", "busy_seconds", "idle_seconds"),
                keep=lambda row: row["model"] == model,
                order=lambda row: -row["loaded_at"].timestamp(),
                most=10,
                max_age_seconds=10.0,
                patience_seconds=PATIENCE_SECONDS,
            ),
            topic_block(
                DOWNLOADS,
                state,
                columns=("downloads", "failures", "moved_bytes", "mean_ms", "bytes_per_second", "last_begun_at"),
                keep=lambda row: row["model"] == model,
            ),
            _advice_block(model, state),
        ],
        first=("facts.models", "facts.storage", "course.time"),
    )


def _facts_block(model: str, state: PageState) -> Block:
    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        row = next((row for row in found["models"].rows if row["model"] == model), None)
        stored = next((row for row in found["storage"].rows if row["model"] == model), None)
        trend = next((row["trend_type"] for row in found["trends"].rows if row["subject"] == model), "")
        facts = _facts(MODELS.columns, row, _FACTS, state) if row else []
        if stored:
            wanted = ("size_bytes", "share_of_bytes", "share_of_requests", "last_seen_at")
            facts += _facts(STORAGE.columns, stored, wanted, state)
        if row is None and stored:
            facts = _facts(STORAGE.columns, stored, ("requests", "users", "last_used_at"), state) + facts
        return {
            "name": model,
            "facts": facts,
            "trend": trend,
            "is_known": row is not None or stored is not None,
            "idle": row is None and stored is not None,
            "everything": state.link(window="all"),
        }

    return Block(
        name="facts",
        title="In short",
        template="facts.html",
        view=view,
        questions={
            "models": asks(MODELS, state.window),
            "storage": asks(STORAGE, state.window, max_age_seconds=60.0),
            "trends": asks(TRENDS, state.window, {"kind": "model"}, max_age_seconds=60.0),
        },
        note=note_of(state),
        is_live=True,
    )


def _facts(columns: Sequence[Column], row: Mapping[str, Any], wanted: Sequence[str], state: PageState) -> list[Any]:
    by_name = {column.name: column for column in columns}
    return [
        (column_header(name), by_name[name].sentence, cell_of(by_name[name], row[name], state=state, n=row["requests"]))
        for name in wanted
    ]


def _timeline_block(model: str, state: PageState) -> Block:
    given = {"kind": "model", "subject": model, "bucket": state.bucket, "zone": state.zone_name}

    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        chart = timeline_of_model(
            stays=[row for row in found["stays"].rows if row["model"] == model],
            requests=found["requests"].rows,
            downloads=found["downloads"].rows,
            window=state.window,
            bucket=state.bucket,
            zone=state.zone_name,
        )
        shown = shown_chart(chart, state)
        table = [
            (row["lane"], state.local(row["begin_at"]), state.local(row["end_at"]), row["label"])
            for row in chart.rows[:400]
        ]
        return {**shown, "bars": table, "rest": max(len(chart.rows) - 400, 0)}

    questions: dict[str, Question] = {
        "stays": asks(STAYS, state.window, max_age_seconds=10.0),
        "requests": asks(TIME, state.window, given),
        "downloads": asks(TIME, state.window, {**given, "operation": "model.download"}),
    }
    return Block(
        name="timeline",
        title="What happened",
        template="chart.html",
        view=view,
        questions=questions,
        note=note_of(state),
        patience_seconds=PATIENCE_SECONDS,
    )


def _advice_block(model: str, state: PageState) -> Block:
    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        said = [
            (kind.title, row["verdict"], clean_text(str(row["reason"])))
            for name, kind in ADVICE.items()
            for row in found[name][1]
            if row["subject"] == model
        ]
        return {"said": said}

    return Block(
        name="advised",
        title="Advice",
        template="advised.html",
        view=view,
        questions={name: advice(kind, state.window) for name, kind in ADVICE.items()},
        patience_seconds=PATIENCE_SECONDS,
        href=state.link("/advice"),
    )


def topic_values(topic: Topic[Any], state: PageState) -> dict[str, str]:
    """Read from the address what a topic wants to know beside the window."""
    values = {
        argument.parameter: state.given[argument.parameter]
        for argument in topic.arguments
        if state.given.get(argument.parameter)
    }
    return {**values, ZONE.parameter: state.zone_name} if ZONE in topic.arguments else values


def topic_page(topic: Topic[Any], state: PageState) -> Page:
    """Make the page of one topic: its table, what it wants to know as a form, and what it says.

    Args:
        topic: What is asked.
        state: The page's address.

    Raises:
        InputError: A value is not allowed.
    """
    values = topic_values(topic, state)
    missing = [one for one in topic.arguments if one.default is None and one.parameter not in values]
    form = Block(
        name="ask",
        title="",
        template="ask.html",
        view=lambda _: {
            "topic": topic,
            "fields": [_field(one, values.get(one.parameter, "")) for one in topic.arguments if one is not ZONE],
            "hidden": {k: v for k, v in state.given.items() if k in {"window", "since", "until", "tz"}},
            "missing": [one.what for one in missing],
        },
    )
    blocks: list[Block] = [trust_block(state), form]
    if not missing:
        blocks.append(_topic_rows(topic, state, values))
    return Page(title=topic.layout.title, section="/topics", intro=topic.sentence, blocks=blocks)


def _topic_rows(topic: Topic[Any], state: PageState, values: Mapping[str, str]) -> Block:
    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = found["answer"]
        table = table_of(
            answer.rows,
            topic.columns,
            caption=topic.layout.title,
            state=state,
            empty=answer.empty or "",
            is_sorted=True,
            exports=exports_of(topic, state, values),
        )
        if topic.layout.is_record and len(answer.rows) == 1:
            facts = [
                (column_header(column.name), column.sentence, cell_of(column, answer.rows[0][column.name], state=state))
                for column in topic.columns
            ]
            return {"table": table, "facts": facts}
        return {
            "table": table,
            "columns": topic.columns,
            "search": {"q": state.q, "hidden": {k: v for k, v in state.given.items() if k not in {"q", "page"}}},
        }

    return Block(
        name="rows",
        title=topic.layout.title,
        template="topic.html",
        view=view,
        questions={"answer": asks(topic, state.window, values)},
        note=note_of(state),
    )


def _field(argument: Argument, value: str) -> dict[str, Any]:
    default = argument.default if isinstance(argument.default, str) else ""
    return {
        "name": argument.parameter,
        "label": argument.what,
        "value": value or default,
        "allowed": argument.allowed,
        "example": argument.example,
    }
