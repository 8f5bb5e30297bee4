"""Each model, pattern, project or other subject: how often, how well, from where, with which parameters, by whom."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - the row types are read at run time
from typing import Annotated, TypedDict

from modeltally.analytics import rows  # noqa: TC001 - the row types are read at run time
from modeltally.analytics.arguments import BY, BY_IF_ANY, BY_OR_USER, OF, OPERATION, USER, ZONE
from modeltally.analytics.topic import NO_REQUEST, Layout, Topic

__all__ = [
    "BY_USER",
    "BY_USER_AND_MODEL",
    "CONTEXTS",
    "DISTRIBUTION",
    "FREQUENCY",
    "PARAMETERS",
    "SPEED",
    "SUCCESS",
    "TOKENS",
    "TOPICS",
    "ContextsRow",
    "DistributionRow",
    "FrequencyRow",
    "ParameterRow",
    "SpeedRow",
    "SuccessRow",
    "TokensRow",
    "UserAndModelRow",
    "UserRow",
]

_EVENTS_ARE_GONE = "nothing is stored of this window: this is read from events, which expire"


class FrequencyRow(TypedDict):
    """How often one subject is used."""

    subject: rows.Subject
    operations: rows.Operations
    executions_per_day: Annotated[float, "On average over the window's length."]
    executions_per_week: Annotated[float, "Seven times that."]
    executions_per_month: Annotated[float, "Thirty times that."]
    users: rows.Users
    active_days: Annotated[int, "Days (UTC) with use."]
    peak_daily_usage: Annotated[int, "The most in one day (UTC)."]
    peak_day: Annotated[date, "That day; the first of several."]
    first_used_at: rows.FirstUsed
    last_used_at: rows.LastUsed
    hours_since_last_use: Annotated[float, "Hours from the last use to the moment of the answer."]


FREQUENCY = Topic(
    name="frequency",
    group="Subjects",
    sentence="How often each model, pattern or other subject is used, and when most.",
    view="usage_frequency",
    row=FrequencyRow,
    layout=Layout(
        "Frequency",
        columns=(
            "subject",
            "operations",
            "executions_per_day",
            "users",
            "active_days",
            "peak_daily_usage",
            "peak_day",
            "hours_since_last_use",
        ),
        first_to_give_way=("peak_day", "active_days", "users"),
        when_empty=NO_REQUEST,
    ),
    settings=(),
    arguments=(BY, OPERATION),
    counted="operations",
)


class ContextsRow(TypedDict):
    """In how many contexts one subject is used."""

    subject: rows.Subject
    operations: rows.Operations
    contexts: Annotated[int, "Different contexts: ids, or types where an operation says no id."]
    context_types: Annotated[int, "Different types of context."]
    operations_in_context: Annotated[int, "Operations that say a context."]
    operations_per_context: Annotated[float | None, "Of those, on average in each; empty where none says one."]
    users_or_agents: Annotated[int, "Different users, and agents of operations without a user."]


CONTEXTS = Topic(
    name="contexts",
    group="Subjects",
    sentence="In how many different contexts each model, pattern, user or other subject is used.",
    view="contexts_by_subject",
    row=ContextsRow,
    layout=Layout("Contexts", first_to_give_way=("context_types", "users_or_agents"), when_empty=_EVENTS_ARE_GONE),
    arguments=(BY_OR_USER, OPERATION),
    counted="operations",
)


class SuccessRow(TypedDict):
    """How well one subject does."""

    subject: rows.Subject
    operations: rows.Operations
    successes: rows.Successes
    partial_successes: rows.PartialSuccesses
    unacceptable_results: rows.UnacceptableResults
    errors: rows.Errors
    failures: rows.Failures
    cancelled: rows.Cancelled
    abandoned: rows.Abandoned
    in_flight: rows.InFlight
    timeouts: Annotated[int, "Failures and errors by a time limit."]
    quality_gate_failures: Annotated[int, "Failures and errors by a quality gate."]
    success_rate: rows.SuccessRate
    error_rate: rows.ErrorRate
    judged: rows.Judged
    evaluated: rows.Evaluated
    mean_quality: rows.MeanQuality


SUCCESS = Topic(
    name="success",
    group="Subjects",
    sentence="How well each model, pattern or other subject does: every outcome, the rates, the quality.",
    view="success_by_subject",
    row=SuccessRow,
    layout=Layout(
        "Success",
        columns=(
            "subject",
            "operations",
            "success_rate",
            "error_rate",
            "failures",
            "timeouts",
            "quality_gate_failures",
            "abandoned",
            "cancelled",
            "mean_quality",
        ),
        first_to_give_way=("cancelled", "quality_gate_failures", "abandoned", "timeouts"),
        when_empty=NO_REQUEST,
    ),
    arguments=(BY, OPERATION),
    counted="operations",
)


class SpeedRow(TypedDict):
    """How fast one subject is."""

    subject: rows.Subject
    operations: Annotated[int, "Operations that finished and were not cancelled."]
    mean_ms: rows.Mean
    p50_ms: rows.Median
    p95_ms: rows.P95
    p99_ms: rows.P99
    min_ms: Annotated[float | None, "The shortest."]
    max_ms: Annotated[float | None, "The longest."]
    stddev_ms: Annotated[float | None, "Standard deviation of their durations."]
    total_ms: Annotated[float, "All their durations together."]
    mean_queue_ms: Annotated[float | None, "Mean wait in a queue before they began; empty where none waited."]
    max_queue_ms: Annotated[float | None, "The longest wait in a queue."]
    limit_ms: Annotated[float, "Up to which p95 this class of operation is excellent."]
    verdict: Annotated[str, "Excellent, attention (up to twice the limit) or slow."]


SPEED = Topic(
    name="speed",
    group="Subjects",
    sentence="How long operations of each model, pattern or other subject take and wait, and whether that is good.",
    view="speed_by_subject",
    row=SpeedRow,
    layout=Layout(
        "Speed",
        columns=(
            "subject",
            "operations",
            "mean_ms",
            "p50_ms",
            "p95_ms",
            "p99_ms",
            "stddev_ms",
            "mean_queue_ms",
            "verdict",
        ),
        first_to_give_way=("stddev_ms", "mean_queue_ms", "p99_ms"),
        when_empty="no operation of this window finished",
    ),
    settings=("abandoned_after_seconds", "excellent_ms", "performance_slow_seconds"),
    arguments=(BY, OPERATION),
    counted="operations",
)


class TokensRow(TypedDict):
    """What one subject takes in and gives out."""

    subject: rows.Subject
    operations: rows.Operations
    input_tokens: rows.InputTokens
    output_tokens: rows.OutputTokens
    tokens: Annotated[int, "Both together."]
    tokens_per_operation: Annotated[float | None, "Both, for each operation."]
    output_tokens_per_second: Annotated[float | None, "Tokens that came out in a second of work."]
    cost: Annotated[float, "What they cost, as services said it, in their currency."]
    cost_per_operation: Annotated[float | None, "That, for each operation."]


TOKENS = Topic(
    name="tokens",
    group="Subjects",
    sentence="Tokens in and out of each model, pattern or other subject, and what they cost.",
    view="tokens_by_subject",
    row=TokensRow,
    layout=Layout(
        "Tokens and cost",
        first_to_give_way=("tokens", "cost_per_operation", "output_tokens_per_second"),
        when_empty=NO_REQUEST,
    ),
    arguments=(BY, OPERATION),
    counted="operations",
)


class DistributionRow(TypedDict):
    """One value of one dimension."""

    dimension: Annotated[
        str, "What is told apart: by_context_type, by_agent, by_project, by_file_type, by_time_of_day, by_day_of_week."
    ]
    value: Annotated[str, "The value; hours are 00 to 23, days 0 (Monday) to 6."]
    operations: rows.Operations
    share: Annotated[float | None, "Its part of those that say this dimension; empty where none does."]


DISTRIBUTION = Topic(
    name="distribution",
    group="Subjects",
    sentence="Where the use of one subject, or of all, comes from: context, agent, project, file type, hour, weekday.",
    view="usage_distribution",
    row=DistributionRow,
    layout=Layout("Distribution", when_empty=_EVENTS_ARE_GONE),
    arguments=(BY_IF_ANY, OF, OPERATION, ZONE),
)


class ParameterRow(TypedDict):
    """One value of one parameter of requests."""

    parameter: Annotated[str, "The parameter: size, steps, guidance, scheduler, loras, task and so on."]
    value: Annotated[str, "What was asked for."]
    operations: rows.Operations
    share: Annotated[float, "Its part of those that say this parameter."]
    failures: rows.Failures
    abandoned: rows.Abandoned
    success_rate: rows.SuccessRate
    mean_ms: rows.Mean


PARAMETERS = Topic(
    name="parameters",
    group="Subjects",
    sentence="Which parameters requests come with, and how they fare.",
    view="common_parameters",
    row=ParameterRow,
    layout=Layout("Parameters", first_to_give_way=("abandoned", "share"), when_empty=_EVENTS_ARE_GONE),
    arguments=(BY_IF_ANY, OF, OPERATION),
)


class UserRow(TypedDict):
    """What one user does."""

    user: rows.User
    operations: rows.Operations
    models: Annotated[int, "Different models asked."]
    sessions: Annotated[int, "Different sessions."]
    successes: rows.Successes
    failures: rows.Failures
    cancelled: rows.Cancelled
    abandoned: rows.Abandoned
    rated: rows.Rated
    success_rate: rows.SuccessRate
    cold_starts: rows.ColdStarts
    waited_for_loads_ms: Annotated[float, "How long they waited for models to be loaded, all together."]
    mean_ms: rows.Mean
    input_tokens: rows.InputTokens
    output_tokens: rows.OutputTokens
    first_used_at: rows.FirstUsed
    last_used_at: rows.LastUsed


BY_USER = Topic(
    name="by-user",
    group="Subjects",
    sentence="Who uses most, by the hash of the user.",
    view="usage_by_user",
    row=UserRow,
    layout=Layout(
        "Users",
        columns=("user", "operations", "models", "failures", "success_rate", "cold_starts", "mean_ms", "last_used_at"),
        first_to_give_way=("last_used_at", "cold_starts"),
        when_empty=_EVENTS_ARE_GONE,
    ),
    arguments=(BY_IF_ANY, OF, OPERATION),
    counted="operations",
)


class UserAndModelRow(TypedDict):
    """What one user asks of one model."""

    user: rows.User
    model: rows.Model
    requests: rows.Requests
    successes: rows.Successes
    failures: rows.Failures
    rated: rows.Rated
    success_rate: rows.SuccessRate
    cold_starts: rows.ColdStarts
    mean_ms: rows.Mean
    first_used_at: rows.FirstUsed
    last_used_at: rows.LastUsed


BY_USER_AND_MODEL = Topic(
    name="by-user-and-model",
    group="Subjects",
    sentence="Which user asks which model, and how it goes.",
    view="usage_by_user_and_model",
    row=UserAndModelRow,
    layout=Layout(
        "Users and models",
        columns=("user", "model", "requests", "failures", "success_rate", "mean_ms", "last_used_at"),
        first_to_give_way=("last_used_at", "mean_ms"),
        when_empty=_EVENTS_ARE_GONE,
    ),
    arguments=(USER,),
    counted="requests",
)

TOPICS = (FREQUENCY, CONTEXTS, SUCCESS, SPEED, TOKENS, DISTRIBUTION, PARAMETERS, BY_USER, BY_USER_AND_MODEL)
