"""What may be asked: one record for each view that people and programs read.

A record and the type of its rows are all that a view needs beside its SQL and its case: the command, its help and the
documentation are made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime  # noqa: TC003 - the row types are read at run time
from typing import Annotated, Any, Generic, TypedDict, TypeVar

from modeltally.analytics import rows
from modeltally.errors import UnknownNameError

__all__ = ["ATTRIBUTE", "COMPLETENESS", "CONTEXT", "OPERATIONS", "TOPICS", "Argument", "Layout", "Topic", "topic_named"]

R = TypeVar("R", bound=Mapping[str, Any])

_NOTHING = "nothing began in this window; widen it with --since, or send something"


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows look as a table.

    Attributes:
        title: What stands above it.
        columns: The columns to show, in order, where the rows have them; none means all.
        first_to_give_way: The columns to leave out, in this order, where there is no room for all.
        when_empty: What to tell the reader when there is no row.
        is_record: One row only, shown as a list of names and values.
    """

    title: str
    columns: tuple[str, ...] = ()
    first_to_give_way: tuple[str, ...] = ()
    when_empty: str = "nothing in this window"
    is_record: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """What a topic wants to know beside the window.

    Attributes:
        parameter: The view's parameter.
        flag: The command's flag for it.
        what: What it is, for messages and help.
        example: A value, for messages and help.
        default: What counts where none is given; None where one must be.
    """

    parameter: str
    flag: str
    what: str
    example: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Topic(Generic[R]):
    """One view that people and programs read.

    Attributes:
        name: What people call it.
        group: Under which heading it stands in help and documentation.
        sentence: What it answers.
        view: The view.
        row: The type of its rows.
        layout: How it looks as a table.
        settings: The settings the view goes by; each is a parameter of the same name.
        arguments: What it wants to know beside the window.
        has_as_of: It depends on the time of the answer.
    """

    name: str
    group: str
    sentence: str
    view: str
    row: type[R]
    layout: Layout
    settings: tuple[str, ...] = ("abandoned_after_seconds",)
    arguments: tuple[Argument, ...] = ()
    has_as_of: bool = True

    @property
    def columns(self) -> list[rows.Column]:
        """What its rows are made of, in the view's order."""
        return rows.columns_of(self.row)


# -- usage -------------------------------------------------------------------------------------------------------------


class OverviewRow(TypedDict):
    """The window in one row."""

    requests: rows.Requests
    models: Annotated[int, "Different models that were asked."]
    users: rows.Users
    successes: rows.Successes
    partial_successes: rows.PartialSuccesses
    failures: rows.Failures
    cancelled: rows.Cancelled
    abandoned: rows.Abandoned
    in_flight: rows.InFlight
    success_rate: rows.SuccessRate
    error_rate: rows.ErrorRate
    mean_ms: rows.Mean
    p50_ms: rows.Median
    p95_ms: rows.P95
    p99_ms: rows.P99
    input_tokens: rows.InputTokens
    output_tokens: rows.OutputTokens
    first_used_at: rows.FirstUsed
    last_used_at: rows.LastUsed


OVERVIEW = Topic(
    name="overview",
    group="Usage",
    sentence="Requests to all models, in one row.",
    view="usage_overview",
    row=OverviewRow,
    layout=Layout("Overview", when_empty=_NOTHING, is_record=True),
)


class ModelRow(TypedDict):
    """How one model is used."""

    model: Annotated[str, "The model, by the name its aliases lead to."]
    requests: rows.Requests
    failures: rows.Failures
    abandoned: rows.Abandoned
    cancelled: rows.Cancelled
    in_flight: rows.InFlight
    users: rows.Users
    success_rate: rows.SuccessRate
    mean_ms: rows.Mean
    p50_ms: rows.Median
    p95_ms: rows.P95
    p99_ms: rows.P99
    cold_starts: rows.ColdStarts
    input_tokens: rows.InputTokens
    output_tokens: rows.OutputTokens
    first_used_at: rows.FirstUsed
    last_used_at: rows.LastUsed


MODELS = Topic(
    name="models",
    group="Usage",
    sentence="How much each model is used, by how many, how well and how fast.",
    view="usage_by_model",
    row=ModelRow,
    layout=Layout(
        "Models",
        columns=(
            "model",
            "requests",
            "failures",
            "abandoned",
            "users",
            "success_rate",
            "p50_ms",
            "p95_ms",
            "p99_ms",
            "last_used_at",
        ),
        first_to_give_way=("p99_ms", "last_used_at", "abandoned", "p50_ms", "users"),
        when_empty=_NOTHING,
    ),
)


class HourRow(TypedDict):
    """What happens in one hour of the day."""

    hour_of_day: Annotated[int, "The hour, 0 to 23, in UTC."]
    requests: rows.Requests
    failures: rows.Failures
    abandoned: rows.Abandoned
    users: rows.Users
    success_rate: rows.SuccessRate
    mean_ms: rows.Mean
    p95_ms: rows.P95


HOURS = Topic(
    name="hours",
    group="Usage",
    sentence="When requests come: all models together, by hour of the day.",
    view="usage_by_hour_of_day",
    row=HourRow,
    layout=Layout("Hours of the day (UTC)", when_empty=_NOTHING),
)


class DayOfUsersRow(TypedDict):
    """Who came on one day."""

    day: Annotated[date, "The day, in UTC."]
    users: rows.Users
    new_users: Annotated[int, "Those who had not come before within the window."]
    returning_users: Annotated[int, "Those who had."]
    requests: rows.Requests
    requests_per_user: Annotated[float | None, "Requests for each user; empty where no user is known."]


USERS = Topic(
    name="users",
    group="Usage",
    sentence="How many use models on each day, and how many of them are new.",
    view="users_by_day",
    row=DayOfUsersRow,
    layout=Layout("Users", when_empty=_NOTHING),
)


class OperationRow(TypedDict):
    """How much one kind of operation happens."""

    operation: Annotated[str, "The kind of operation: one of ours, or one that a host named itself."]
    services: Annotated[int, "Different services that did it."]
    operations: rows.Operations
    successes: rows.Successes
    partial_successes: rows.PartialSuccesses
    unacceptable_results: rows.UnacceptableResults
    errors: rows.Errors
    failures: rows.Failures
    cancelled: rows.Cancelled
    abandoned: rows.Abandoned
    in_flight: rows.InFlight
    success_rate: rows.SuccessRate
    mean_ms: rows.Mean
    p50_ms: rows.Median
    p95_ms: rows.P95
    p99_ms: rows.P99
    first_used_at: rows.FirstUsed
    last_used_at: rows.LastUsed


OPERATIONS = Topic(
    name="operations",
    group="Usage",
    sentence="How much each kind of operation happens, how well and how fast.",
    view="usage_by_operation",
    row=OperationRow,
    layout=Layout(
        "Operations",
        columns=(
            "operation",
            "services",
            "operations",
            "failures",
            "abandoned",
            "success_rate",
            "p50_ms",
            "p95_ms",
            "p99_ms",
            "last_used_at",
        ),
        first_to_give_way=("p99_ms", "last_used_at", "abandoned", "p50_ms", "services"),
        when_empty=_NOTHING,
    ),
)


class AttributeRow(TypedDict):
    """How much one value of an attribute is seen."""

    value: Annotated[str, "The value; empty stands for the operations without the attribute."]
    operations: rows.Operations
    successes: rows.Successes
    partial_successes: rows.PartialSuccesses
    failures: rows.Failures
    cancelled: rows.Cancelled
    abandoned: rows.Abandoned
    in_flight: rows.InFlight
    success_rate: rows.SuccessRate
    mean_ms: rows.Mean
    p95_ms: rows.P95
    first_used_at: rows.FirstUsed
    last_used_at: rows.LastUsed


ATTRIBUTE = Topic(
    name="attribute",
    group="Usage",
    sentence="Operations by the values of an attribute of your own.",
    view="usage_by_attribute",
    row=AttributeRow,
    layout=Layout(
        "Values of the attribute",
        columns=(
            "value",
            "operations",
            "failures",
            "abandoned",
            "success_rate",
            "mean_ms",
            "p95_ms",
            "last_used_at",
        ),
        first_to_give_way=("last_used_at", "abandoned"),
        when_empty="nothing is stored of this window: values are read from events, which expire",
    ),
    arguments=(
        Argument("attribute", flag="--name", what="the name of an attribute of your own", example="acme.team"),
        Argument(
            "operation", flag="--operation", what="the kind of operation to count", example="acme.upscale", default=""
        ),
    ),
)

# -- quality -----------------------------------------------------------------------------------------------------------


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
)


class LatencyRow(TypedDict):
    """How long the finished requests of one model took."""

    model: Annotated[str, "The model, by the name its aliases lead to."]
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
)


class CompletenessRow(TypedDict):
    """Whether what one process did is all here; its numbers are of its whole life."""

    instance: Annotated[str, "The process (service.instance.id); empty stands for every sender that names none."]
    service: Annotated[str, "Its service."]
    verdict: Annotated[
        str,
        "One of complete, incomplete, running, ended without goodbye, expired, never reported; the view defines each.",
    ]
    unexplained: Annotated[int | None, "How much it started that never came; empty where nobody can tell."]
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
            "instance",
            "service",
            "verdict",
            "unexplained",
            "started",
            "stored",
            "stored_unfinished",
            "dropped_by_reason",
            "problems_by_kind",
            "last_heartbeat_at",
        ),
        first_to_give_way=("last_heartbeat_at", "stored_unfinished", "problems_by_kind", "service"),
        when_empty="no process spoke, and nothing came, in this window",
    ),
    settings=("event_retention_days",),
)


class ContextRow(TypedDict):
    """What an answer about a window rests on."""

    window_since: Annotated[datetime, "Where the window as it was served begins."]
    window_until: Annotated[datetime, "Where it ends."]
    newest_at: Annotated[datetime | None, "When the newest of its events was received."]
    coverage: Annotated[str, "How much of it is counted; exact where no sampler had a hand in it."]
    known_loss: Annotated[int, "Operations that processes say they lost in the window."]
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
)

TOPICS: dict[str, Topic[Any]] = {
    topic.name: topic
    for topic in (OVERVIEW, MODELS, HOURS, USERS, OPERATIONS, ATTRIBUTE, FAILURES, LATENCY, COMPLETENESS, CONTEXT)
}


def topic_named(name: str) -> Topic[Any]:
    """Find a topic.

    Args:
        name: What people call it.

    Returns:
        The topic.

    Raises:
        UnknownNameError: There is none of that name; the message offers the nearest.
    """
    if name not in TOPICS:
        raise UnknownNameError("topic of stats", name, TOPICS)
    return TOPICS[name]
