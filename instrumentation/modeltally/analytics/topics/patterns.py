"""Patterns: how effective each one is, and which are used together."""

from __future__ import annotations

from typing import Annotated, TypedDict

from modeltally.analytics import rows  # noqa: TC001 - the row types are read at run time
from modeltally.analytics.arguments import OF
from modeltally.analytics.topic import Layout, Topic

__all__ = ["PATTERNS", "TOGETHER", "TOPICS", "PairRow", "PatternRow"]


class PatternRow(TypedDict):
    """How effective one pattern is."""

    pattern: Annotated[str, "The pattern, by the name its aliases lead to."]
    runs: Annotated[int, "Runs that began in the window."]
    success_rate: rows.SuccessRate
    error_rate: rows.ErrorRate
    judged: rows.Judged
    evaluated: rows.Evaluated
    mean_quality: rows.MeanQuality
    quality_gate_failures: Annotated[int, "Runs that failed a quality gate."]
    p50_ms: rows.Median
    p95_ms: rows.P95
    speed_score: Annotated[float | None, "One up to a p95 of excellent_ms, zero at four times that."]
    effectiveness_score: Annotated[float | None, "Success, quality and speed in one, 0 to 1; few runs stay near 0.5."]
    trend_type: Annotated[str, "As in trends: growing, declining, abandoned, emerging, stable."]
    trend: Annotated[str, "The same in short: increasing, decreasing or stable."]
    warnings: Annotated[str, "What is wrong with it, if anything."]
    recommendation: Annotated[str, "What to do: promote, keep, investigate, retire."]
    last_used_at: rows.LastUsed


PATTERNS = Topic(
    name="patterns",
    group="Patterns",
    sentence="How effective each pattern is, and what to do with it.",
    view="pattern_effectiveness",
    row=PatternRow,
    layout=Layout(
        "Patterns",
        columns=(
            "pattern",
            "runs",
            "success_rate",
            "mean_quality",
            "p95_ms",
            "trend",
            "effectiveness_score",
            "recommendation",
            "warnings",
        ),
        first_to_give_way=("p95_ms", "mean_quality", "trend"),
        when_empty="no run of a pattern ended in this window",
    ),
    settings=("abandoned_after_seconds", "excellent_ms"),
    arguments=(OF,),
    counted="runs",
)


class PairRow(TypedDict):
    """Two patterns that are used together."""

    pattern: Annotated[str, "One pattern."]
    other_pattern: Annotated[str, "The other."]
    contexts: Annotated[int, "Contexts (or sessions, or correlations) in which both ran."]
    share_of_pattern: Annotated[float, "Their part of all contexts of the one."]
    share_of_other: Annotated[float, "Their part of all contexts of the other."]
    lift: Annotated[float, "How much likelier they meet than by chance; 1 is chance."]


TOGETHER = Topic(
    name="together",
    group="Patterns",
    sentence="Which patterns are used together.",
    view="patterns_together",
    row=PairRow,
    layout=Layout("Patterns used together", when_empty="no two patterns met in two contexts of this window"),
)

TOPICS = (PATTERNS, TOGETHER)
