"""What goes wrong, how long it takes, and how far an answer can be trusted."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the row types are read at run time
from typing import Annotated, TypedDict

from modeltally.analytics import rows  # noqa: TC001 - the row types are read at run time
from modeltally.analytics.arguments import BY, OF, OPERATION
from modeltally.analytics.topic import Layout, Topic

__all__ = [
    "COMPLETENESS",
    "CONTEXT",
    "FAILURES",
    "FAILURES_BY_MODEL",
    "FOREIGN",
    "LATENCY",
    "QUALITY_TRENDS",
    "TOPICS",
    "CompletenessRow",
    "ContextRow",
    "FailureOfModelRow",
    "FailureRow",
    "ForeignRow",
    "LatencyRow",
    "QualityTrendRow",
]


class FailureRow(TypedDict):
    """What goes wrong in one way."""

    error_type: Annotated[str, "The class of the error, or what the service called it."]
    failures: rows.Failures
    share: Annotated[float, "Its part of all failures."]
    unacceptable_results: rows.UnacceptableResults
    errors: rows.Errors
    mean_ms: rows.Mean
    first_seen_at: rows.FirstUsed
    last_seen_at: rows.LastUsed


FAILURES = Topic(
    name="failures",
    group="Quality",
    sentence="What goes wrong, by type of error.",
    view="failures_by_error_type",
    row=FailureRow,
    layout=Layout(
        "Failures",
        columns=("error_type", "failures", "share", "mean_ms", "first_seen_at", "last_seen_at"),
        first_to_give_way=("first_seen_at", "mean_ms"),
        when_empty="no request failed",
    ),
    counted="failures",
)


class FailureOfModelRow(TypedDict):
    """What goes wrong with one model in one way."""

    model: rows.Model
    error_type: Annotated[str, "The class of the error, or what the service called it; empty where nobody said."]
    failures: rows.Failures
    requests: Annotated[int, "All requests to the model that began in the window."]
    share_of_requests: Annotated[float, "Their part of all requests to the model."]
    first_seen_at: rows.FirstUsed
    last_seen_at: rows.LastUsed


FAILURES_BY_MODEL = Topic(
    name="failures-by-model",
    group="Quality",
    sentence="What goes wrong with which model, and how often.",
    view="failures_by_model",
    row=FailureOfModelRow,
    layout=Layout(
        "Failures by model", first_to_give_way=("first_seen_at", "last_seen_at"), when_empty="no request failed"
    ),
    arguments=(OF,),
    counted="failures",
)


class LatencyRow(TypedDict):
    """How long the finished requests of one model took."""

    model: rows.Model
    requests: Annotated[int, "Requests that finished and were not cancelled."]
    mean_ms: rows.Mean
    p50_ms: rows.Median
    p95_ms: rows.P95
    p99_ms: rows.P99
    min_ms: Annotated[float | None, "The shortest."]
    max_ms: Annotated[float | None, "The longest."]
    stddev_ms: Annotated[float | None, "Standard deviation of their durations."]
    total_ms: Annotated[float, "All their durations together."]


LATENCY = Topic(
    name="latency",
    group="Quality",
    sentence="How long the finished requests of each model took.",
    view="latency_by_model",
    row=LatencyRow,
    layout=Layout(
        "Latency",
        first_to_give_way=("stddev_ms", "total_ms", "min_ms", "p99_ms", "mean_ms"),
        when_empty="no request of this window finished",
    ),
    counted="requests",
)


class CompletenessRow(TypedDict):
    """Whether what one process did is all here; its numbers are of its whole life."""

    instance: Annotated[str, "The process (service.instance.id); empty stands for every sender that names none."]
    service: Annotated[str, "Its service."]
    verdict: Annotated[
        str,
        "One of complete, incomplete, running, ended without goodbye, expired, never reported; the view defines each.",
    ]
    unexplained: Annotated[
        int | None, "How much it started that never came; of a killed one at least. Unknown where nobody can tell."
    ]
    first_heartbeat_at: Annotated[datetime | None, "When it first spoke."]
    last_heartbeat_at: Annotated[datetime | None, "When it last spoke."]
    started: Annotated[int | None, "Operations it started, by its own word."]
    finished: Annotated[int | None, "Operations it finished, by its own word."]
    stored: Annotated[int, "Operations with an end that are here, each counted once."]
    stored_unfinished: Annotated[int, "Operations that are here and whose end was never seen."]
    quarantined: Annotated[int, "Spans that came and cannot be counted."]
    dropped: Annotated[int | None, "Operations it lost, by its own word."]
    dropped_by_reason: Annotated[dict[str, int], "The same by reason."]
    problems_by_kind: Annotated[dict[str, int], "Values left out and errors swallowed; no operation is lost by them."]
    in_flight: Annotated[int | None, "Operations that were running when it last spoke."]
    said_goodbye: Annotated[bool, "It ended in order."]


COMPLETENESS = Topic(
    name="completeness",
    group="Quality",
    sentence="For each process what it started, what is here, what it dropped and why, what is missing.",
    view="completeness_by_instance",
    row=CompletenessRow,
    layout=Layout(
        "Completeness",
        columns=(
            "service",
            "instance",
            "verdict",
            "unexplained",
            "started",
            "stored",
            "stored_unfinished",
            "dropped_by_reason",
            "problems_by_kind",
            "last_heartbeat_at",
        ),
        first_to_give_way=(
            "last_heartbeat_at",
            "stored_unfinished",
            "problems_by_kind",
            "instance",
            "dropped_by_reason",
        ),
        when_empty="no process spoke, and nothing came, in this window",
    ),
    settings=("event_retention_days",),
    is_of_operations=False,
    counted="stored",
    changes_by_silence=True,
)


class QualityTrendRow(TypedDict):
    """How quality and speed of one subject move."""

    subject: rows.Subject
    judged: Annotated[int, "Operations with a quality score."]
    mean_quality: rows.MeanQuality
    quality_slope_per_day: Annotated[float | None, "How much the quality changes in a day; empty under three days."]
    quality_confidence: Annotated[float | None, "How sure it is that it changes: 1 - p."]
    quality_trend: Annotated[str | None, "Improving, worsening or steady; a change counts above a confidence of 0.96."]
    durations: Annotated[int, "Operations that finished and were not cancelled."]
    mean_ms: rows.Mean
    ms_slope_per_day: Annotated[float | None, "How many milliseconds the mean duration grows in a day."]
    speed_confidence: Annotated[float | None, "How sure it is that it changes: 1 - p."]
    speed_trend: Annotated[str | None, "Faster, slower or steady."]


QUALITY_TRENDS = Topic(
    name="quality-trends",
    group="Quality",
    sentence="Whether quality and speed get better or worse within the window.",
    view="quality_trends",
    row=QualityTrendRow,
    layout=Layout(
        "Quality trends",
        columns=("subject", "mean_quality", "quality_slope_per_day", "quality_trend", "mean_ms", "speed_trend"),
        first_to_give_way=("quality_slope_per_day",),
        when_empty="nothing was judged or finished in this window",
    ),
    settings=(),
    arguments=(BY, OF, OPERATION),
    has_as_of=False,
)


class ForeignRow(TypedDict):
    """What one service's other instrumentation told of generative calls."""

    service: Annotated[str, "The service."]
    instrumentation: Annotated[str, "The instrumentation's own name (the scope of its spans)."]
    layer: Annotated[str, "Where it stands: client, gateway or engine; empty where none of it is a request to a model."]
    spans: Annotated[int, "Its spans of generative calls, as long as they are kept."]
    requests: Annotated[int, "Requests to models it told of: these are counted."]
    nested: Annotated[int, "Of these, a part of another request, and so none of their own."]
    last_used_at: rows.LastUsed


FOREIGN = Topic(
    name="foreign",
    group="Quality",
    sentence="What other instrumentations told of generative calls, and which of it is counted as requests to models.",
    view="foreign_spans",
    row=ForeignRow,
    layout=Layout("Spans of other instrumentations", when_empty="none came in this window"),
    settings=(),
    has_as_of=False,
    is_of_operations=False,
    counted="spans",
    changes_by_silence=True,
)


class ContextRow(TypedDict):
    """What an answer about a window rests on."""

    window_since: Annotated[datetime, "Where the window as it was served begins."]
    window_until: Annotated[datetime, "Where it ends."]
    newest_at: Annotated[datetime | None, "When the newest of its events was received."]
    coverage: Annotated[
        str | None, "How much of it is counted; exact where no sampler had a hand in it, empty where nothing began."
    ]
    known_loss: Annotated[
        int | None, "Operations that processes say they lost in the window; empty where no process said anything."
    ]
    dirty_hours: Annotated[int, "Hours that were counted from their events, since no rollup of them is current."]
    quarantined: Annotated[int, "Spans received in the window that cannot be counted."]
    late: Annotated[int, "Events of the window that came after their month was closed."]


CONTEXT = Topic(
    name="context",
    group="Quality",
    sentence="What every answer about the window rests on: its bounds as served, the newest data, known losses.",
    view="answer_context",
    row=ContextRow,
    layout=Layout("Context", is_record=True),
    settings=(),
    has_as_of=False,
    is_of_operations=False,
    changes_by_silence=True,
)

TOPICS = (FAILURES, FAILURES_BY_MODEL, LATENCY, QUALITY_TRENDS, COMPLETENESS, FOREIGN, CONTEXT)
