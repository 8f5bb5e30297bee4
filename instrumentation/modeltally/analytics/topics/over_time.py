"""How use goes over time: by hours, days, weeks and months, and whether it grows."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the row types are read at run time
from typing import Annotated, TypedDict

from modeltally.analytics import rows  # noqa: TC001 - the row types are read at run time
from modeltally.analytics.arguments import BUCKET, BY, BY_OR_ALL, OF, OPERATION, WITHIN, ZONE
from modeltally.analytics.topic import NO_REQUEST, Layout, Topic

__all__ = [
    "ANOMALIES",
    "CHANCE",
    "FORECAST",
    "PEAKS",
    "SEASONALITY",
    "TIME",
    "TOPICS",
    "TRENDS",
    "AnomalyRow",
    "ChanceRow",
    "ForecastRow",
    "HourOfWeekRow",
    "SeasonRow",
    "StretchRow",
    "TrendRow",
]


class StretchRow(TypedDict):
    """One stretch of time of one subject."""

    subject: rows.Subject
    begin_at: Annotated[datetime, "When the hour, day, week or month begins."]
    operations: rows.Operations
    successes: rows.Successes
    partial_successes: rows.PartialSuccesses
    failures: rows.Failures
    cancelled: rows.Cancelled
    abandoned: rows.Abandoned
    in_flight: rows.InFlight
    users: rows.Users
    success_rate: rows.SuccessRate
    mean_ms: rows.Mean
    p50_ms: rows.Median
    p95_ms: rows.P95
    cold_starts: rows.ColdStarts
    input_tokens: rows.InputTokens
    output_tokens: rows.OutputTokens
    mean_quality: rows.MeanQuality


TIME = Topic(
    name="time",
    group="Over time",
    sentence="How use goes by hours, days, weeks or months, stretches without use included.",
    view="usage_over_time",
    row=StretchRow,
    layout=Layout(
        "Use over time",
        columns=("subject", "begin_at", "operations", "failures", "users", "success_rate", "p50_ms", "p95_ms"),
        first_to_give_way=("p50_ms", "users"),
        when_empty=NO_REQUEST,
    ),
    arguments=(BY_OR_ALL, OF, OPERATION, BUCKET, ZONE),
    counted="operations",
)


class TrendRow(TypedDict):
    """Whether the use of one subject grows."""

    subject: rows.Subject
    operations: Annotated[int, "Operations that began in whole days (or hours) of the window."]
    bucket: Annotated[str, "What is counted by: day, or hour where the window is shorter than three days."]
    buckets: Annotated[int, "How many whole ones of them the window has."]
    trend_type: Annotated[
        str, "Growing or declining where the slope is sure, abandoned, emerging (new and still rare), else stable."
    ]
    velocity: Annotated[float | None, "Slope of the line through the counts: operations per bucket, by bucket."]
    acceleration: Annotated[float | None, "Slope of the newer half less that of the older."]
    growth_percentage: Annotated[float | None, "By how many per cent the newer half has more than the older."]
    adoption_rate: Annotated[float | None, "Users of the newer half who were not in the older, per week."]
    retention_rate: Annotated[float | None, "Share of the older half's users who came again in the newer."]
    churn_rate: Annotated[float | None, "Share of the older half's users who did not."]
    confidence_score: Annotated[float | None, "How sure it is that the slope is none by chance, 0 to 1."]
    seed_trend_type: Annotated[str, "What fixed limits of the slope alone would call it."]


TRENDS = Topic(
    name="trends",
    group="Over time",
    sentence="Whether the use of each model, pattern or other subject grows, and how sure that is.",
    view="usage_trends",
    row=TrendRow,
    layout=Layout(
        "Trends",
        columns=(
            "subject",
            "operations",
            "trend_type",
            "confidence_score",
            "velocity",
            "growth_percentage",
            "adoption_rate",
            "retention_rate",
        ),
        first_to_give_way=("adoption_rate", "retention_rate", "velocity"),
        when_empty="nothing began in a whole day of this window",
    ),
    settings=(),
    arguments=(BY, OPERATION),
    has_as_of=False,
    counted="operations",
)


class HourOfWeekRow(TypedDict):
    """One hour of the week of one subject."""

    subject: rows.Subject
    day_of_week: Annotated[int, "The day, 0 is Monday."]
    hour_of_day: Annotated[int, "The hour, 0 to 23."]
    operations: rows.Operations
    share: Annotated[float, "Its part of all of them."]
    failures: rows.Failures
    users: rows.Users
    success_rate: rows.SuccessRate
    mean_ms: rows.Mean


PEAKS = Topic(
    name="peaks",
    group="Over time",
    sentence="When use comes in a week, by weekday and hour.",
    view="usage_by_hour_of_week",
    row=HourOfWeekRow,
    layout=Layout("Hours of the week", first_to_give_way=("mean_ms", "failures"), when_empty=NO_REQUEST),
    arguments=(BY_OR_ALL, OF, OPERATION, ZONE),
    counted="operations",
)


class ForecastRow(TypedDict):
    """One hour to come of one subject."""

    subject: rows.Subject
    begin_at: Annotated[datetime, "When the hour begins."]
    expected: Annotated[float, "Operations expected: the mean of the past hours that are like it."]
    low: Annotated[int, "The least of the interval that four of five hours fall into."]
    high: Annotated[int, "The most of it."]
    basis: Annotated[str, "What it is like: hour_of_week, or hour_of_day where there are less than four weeks."]
    periods: Annotated[int, "How many weeks, or days, it rests on."]


FORECAST = Topic(
    name="forecast",
    group="Over time",
    sentence="The seven days after the window by hour, with an interval that four of five hours fall into.",
    view="usage_forecast",
    row=ForecastRow,
    layout=Layout(
        "Forecast",
        columns=("subject", "begin_at", "expected", "low", "high", "basis"),
        first_to_give_way=("basis",),
        when_empty="a forecast needs use in a window of at least two whole days",
    ),
    settings=(),
    arguments=(BY_OR_ALL, OF, OPERATION),
    has_as_of=False,
)


class SeasonRow(TypedDict):
    """Whether one subject's use has seasons."""

    subject: rows.Subject
    operations: rows.Operations
    days: Annotated[int, "Whole days of the window."]
    daily_share: Annotated[float, "What knowing the hour of the day saves of the squared error of foretelling an hour."]
    daily_confidence: Annotated[float, "How sure it is that the hour of the day matters: 1 - p."]
    weekly_share: Annotated[float | None, "The same of knowing the day of the week, for a day; empty under four weeks."]
    weekly_confidence: Annotated[float | None, "How sure it is that the day of the week matters: 1 - p."]
    season: Annotated[str, "What is surer than 0.95: daily, weekly, daily and weekly, or none."]
    busiest_hour: Annotated[int, "The hour of the day with most use, 0 to 23, in UTC."]
    busiest_day: Annotated[int | None, "The day of the week with most use, 0 is Monday; empty under four weeks."]


SEASONALITY = Topic(
    name="seasonality",
    group="Over time",
    sentence="Whether use comes and goes with the hour of the day and the day of the week.",
    view="usage_seasonality",
    row=SeasonRow,
    layout=Layout(
        "Seasonality",
        columns=("subject", "operations", "season", "daily_share", "weekly_share", "busiest_hour", "busiest_day"),
        first_to_give_way=("busiest_day", "weekly_share"),
        when_empty="seasons need use in a window of at least seven whole days",
    ),
    settings=(),
    arguments=(BY_OR_ALL, OF, OPERATION),
    has_as_of=False,
    counted="operations",
)


class ChanceRow(TypedDict):
    """One subject that may be used soon."""

    subject: rows.Subject
    chance: Annotated[float, "The chance of a use within the hours asked for."]
    times_like_now: Annotated[int, "How often it was like now before, for any subject of the kind."]
    came_in_time: Annotated[int, "How often a use came in time then."]
    idle_hours: Annotated[float, "Hours since the last use."]
    usual_uses: Annotated[float, "Uses in the same hours of the day, the mean of the seven days before."]
    level: Annotated[float, "How busy all are now, against the same hours of the seven days before: 1 is as usual."]
    last_used_at: rows.LastUsed


CHANCE = Topic(
    name="chance",
    group="Over time",
    sentence="How likely each is used within the next hours, by what came when it was like now.",
    view="usage_chance",
    row=ChanceRow,
    layout=Layout(
        "Chance of use",
        columns=("subject", "chance", "times_like_now", "came_in_time", "idle_hours", "usual_uses", "level"),
        first_to_give_way=("level", "usual_uses"),
        when_empty="a chance needs use in a window of more than a week and three hours, which ends with --until",
    ),
    settings=(),
    arguments=(BY, OF, OPERATION, WITHIN),
    has_as_of=False,
    changes_by_silence=True,
)


class AnomalyRow(TypedDict):
    """One hour that is out of the ordinary."""

    subject: rows.Subject
    begin_at: Annotated[datetime, "When the hour begins."]
    operations: rows.Operations
    expected: Annotated[float, "The mean of the same and the neighbouring hours of the weeks before."]
    score: Annotated[float, "How far it is from that, in standard deviations."]
    direction: Annotated[str, "More or less than expected."]


ANOMALIES = Topic(
    name="anomalies",
    group="Over time",
    sentence="Hours with far more or less use than the same hours of the weeks before.",
    view="usage_anomalies",
    row=AnomalyRow,
    layout=Layout(
        "Anomalies",
        when_empty="no hour is out of the ordinary; what was first used less than four weeks before is not judged",
    ),
    settings=("anomaly_min_score",),
    arguments=(BY_OR_ALL, OF, OPERATION),
    has_as_of=False,
)

TOPICS = (TIME, TRENDS, PEAKS, SEASONALITY, FORECAST, CHANCE, ANOMALIES)
