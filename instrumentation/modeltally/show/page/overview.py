"""The first screen: what needs somebody, six figures, their course, what is loaded, every model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.analytics.topics.lifecycle import LOADS, STAYS, STORAGE
from modeltally.analytics.topics.over_time import TIME
from modeltally.analytics.topics.patterns import PATTERNS
from modeltally.analytics.topics.quality import FAILURES
from modeltally.analytics.topics.usage import OVERVIEW
from modeltally.errors import UnknownNameError
from modeltally.show.charts.over_time import outcomes_over_time, subjects_over_time
from modeltally.show.page.asking import asks
from modeltally.show.page.blocks import Block, Page
from modeltally.show.page.common import (
    PATIENCE_SECONDS,
    note_of,
    shown_chart,
    time_question,
    topic_block,
    trust_block,
    watched_question,
    week_block,
)
from modeltally.show.page.figures import figures_of
from modeltally.show.page.models import TABS, lines_of, model_questions, model_table, tab_counts
from modeltally.show.page.needs import MOST, SOURCES, needs_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.settings import Settings
    from modeltally.show.page.asking import Question
    from modeltally.show.page.state import PageState

__all__ = ["chart_block", "overview_page"]

_CHARTS: Final = {"": "by outcome", "model": "by model"}
_SLOW_SECONDS: Final = 60.0


def overview_page(state: PageState, settings: Settings) -> Page:
    """Make the first screen.

    Args:
        state: Its address.
        settings: What counts as bad.

    Returns:
        The page.

    Raises:
        UnknownNameError: The address names a tab or a chart that there is not.
    """
    return Page(
        title="Overview",
        section="/",
        blocks=[
            trust_block(state),
            _needs_block(state, settings),
            _figures_block(state),
            chart_block(state),
            week_block(state, span="third"),
            _now_block(state),
            _models_block(state, settings),
            topic_block(
                PATTERNS,
                state,
                title="Patterns",
                columns=("pattern", "runs", "success_rate", "effectiveness_score", "recommendation"),
                order=lambda row: -row["runs"],
                most=5,
                span="half",
                max_age_seconds=_SLOW_SECONDS,
                patience_seconds=PATIENCE_SECONDS,
                href=state.link("/patterns"),
                empty="no run of a pattern ended in this window; `modeltally.pattern_run` records them",
            ),
            topic_block(
                FAILURES,
                state,
                title="Failures",
                columns=("error_type", "failures", "share", "first_seen_at", "last_seen_at"),
                most=5,
                span="half",
                href=state.link("/failures"),
            ),
        ],
        # what the figures rest on comes first, what nobody waits for last
        first=(
            "figures.now",
            "figures.course",
            "trust.context",
            "models.models",
            "figures.loads",
            "figures.storage",
            "failures.answer",
            "needs.loss.processes",
            "week.peaks",
            "figures.before",
            "figures.loads_before",
        ),
    )


def _needs_block(state: PageState, settings: Settings) -> Block:
    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        by_source: dict[str, dict[str, Any]] = {source.name: {} for source in SOURCES}
        for name, answer in found.items():
            source, _, question = name.partition(".")
            by_source[source][question] = answer
        needs = needs_of(by_source, state, settings)
        return {"needs": needs[:MOST], "rest": max(len(needs) - MOST, 0)}

    questions: dict[str, Question] = {
        f"{source.name}.{name}": question for source in SOURCES for name, question in source.questions(state).items()
    }
    return Block(name="needs", title="Needs you", template="needs.html", view=view, questions=questions, is_live=True)


def _figures_block(state: PageState) -> Block:
    before = state.before()

    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        now = found["now"]
        return {
            "figures": figures_of(
                now=now.rows[0] if now.rows else None,
                before=found["before"].rows[0] if found["before"].rows else None,
                course=found["course"].rows,
                loads=found["loads"].rows,
                loads_before=found["loads_before"].rows,
                storage=found["storage"].rows,
                watched_days=found["watched"],
                state=state,
            ),
            "empty": now.empty,
        }

    return Block(
        name="figures",
        title="Figures",
        template="figures.html",
        view=view,
        questions={
            "now": asks(OVERVIEW, state.window),
            "course": time_question(state),
            "loads": asks(LOADS, state.window),
            "storage": asks(STORAGE, state.window, max_age_seconds=_SLOW_SECONDS),
            "before": asks(OVERVIEW, before, max_age_seconds=_SLOW_SECONDS),
            "watched": watched_question(state),
            "loads_before": asks(LOADS, before, max_age_seconds=_SLOW_SECONDS),
        },
        note=note_of(state),
        is_live=True,
    )


def chart_block(state: PageState, *, kind: str = "", subject: str = "") -> Block:
    """Make the chart of the window: by outcome over quantiles, or by model.

    Args:
        state: The page's address; ``chart`` in it chooses.
        kind: The kind of what is drawn alone; empty for all models.
        subject: Its name.

    Raises:
        UnknownNameError: There is no such chart.
    """
    chosen = state.given.get("chart", "")
    if chosen not in _CHARTS:
        raise UnknownNameError("chart", chosen, [name for name in _CHARTS if name])
    is_by_model = chosen == "model" and not subject
    bucket = "day" if is_by_model and state.bucket == "hour" else state.bucket
    zone = state.zone_name
    given = {
        "kind": "model" if is_by_model else kind or "all",
        "subject": subject or None,
        "bucket": bucket,
        "zone": zone,
    }
    question = asks(TIME, state.window, given)

    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = found["time"]
        draw = subjects_over_time if is_by_model else outcomes_over_time
        chart = draw(answer.rows, window=state.window, bucket=bucket, zone=zone)
        switch = (
            []
            if subject
            else [(word, state.link(chart=name or None), name == chosen) for name, word in _CHARTS.items()]
        )
        return {**shown_chart(chart, state, answer), "switch": switch}

    return Block(
        name="course",
        title="Requests" if not subject else "Course",
        template="chart.html",
        view=view,
        questions={"time": question},
        note=f"{note_of(state)} · by {bucket}",
        span="two-thirds" if not subject else "full",
        href=state.link("/topics/time", kind=kind or "all", subject=subject or None, bucket=bucket),
    )


def _now_block(state: PageState) -> Block:
    return topic_block(
        STAYS,
        state,
        name="now",
        title="Loaded now",
        columns=("model", "device", "loaded_at", "idle_seconds"),
        span="third",
        keep=lambda row: row["closed_by"] == "open",
        order=lambda row: -row["idle_seconds"],
        most=8,
        is_live=True,
        max_age_seconds=10.0,
        patience_seconds=PATIENCE_SECONDS,
        href=state.link("/loads"),
        empty="no model that was loaded in this window is loaded now",
    )


def _models_block(state: PageState, settings: Settings) -> Block:
    if state.tab not in TABS:
        raise UnknownNameError("tab", state.tab, [tab for tab in TABS if tab])

    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        lines = lines_of(found, settings)
        counts = tab_counts(lines)
        return {
            "table": model_table(lines, found, state),
            "tabs": [
                (word, state.link(tab=tab or None, page=None), counts[tab], tab == state.tab)
                for tab, word in TABS.items()
            ],
            "search": {"q": state.q, "hidden": {k: v for k, v in state.given.items() if k not in {"q", "page"}}},
        }

    return Block(
        name="models",
        title="Models",
        template="models.html",
        view=view,
        questions=model_questions(state),
        note=note_of(state),
    )
