"""How much is used, by how many, how well and how fast."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - the row types are read at run time
from typing import Annotated, TypedDict

from modeltally.analytics import rows  # noqa: TC001 - the row types are read at run time
from modeltally.analytics.topic import NO_REQUEST, Argument, Layout, Topic

__all__ = [
    "ATTRIBUTE",
    "HOURS",
    "MODELS",
    "OPERATIONS",
    "OVERVIEW",
    "STORED",
    "TOPICS",
    "USERS",
    "AttributeRow",
    "DayOfUsersRow",
    "HourRow",
    "ModelRow",
    "OperationRow",
    "OverviewRow",
    "StoredRow",
]


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
    layout=Layout("Overview", when_empty=NO_REQUEST, is_record=True),
    counted="requests",
)


class ModelRow(TypedDict):
    """How one model is used."""

    model: rows.Model
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
        when_empty=NO_REQUEST,
    ),
    counted="requests",
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
    layout=Layout("Hours of the day (UTC)", when_empty=NO_REQUEST),
    counted="requests",
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
    layout=Layout("Users by day (UTC)", when_empty=NO_REQUEST),
    counted="requests",
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
        when_empty=NO_REQUEST,
    ),
    counted="operations",
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
    counted="operations",
)


class StoredRow(TypedDict):
    """What is stored of a window at all."""

    operations: Annotated[int, "Operations of every kind, those inside another included."]
    first_used_at: Annotated[datetime | None, "When the first of them began."]
    last_used_at: Annotated[datetime | None, "When the last began."]
    newest_at: Annotated[datetime | None, "When the newest was received."]


STORED = Topic(
    name="stored",
    group="Usage",
    sentence="What is stored at all: operations of every kind, the first, the last, the newest receipt.",
    view="usage_stored",
    row=StoredRow,
    layout=Layout("Stored", is_record=True),
    settings=(),
    has_as_of=False,
    is_of_operations=False,
    counted="operations",
)

TOPICS = (OVERVIEW, MODELS, HOURS, USERS, OPERATIONS, ATTRIBUTE, STORED)
