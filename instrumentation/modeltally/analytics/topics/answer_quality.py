"""How far figures can be trusted, subject by subject."""

from __future__ import annotations

from typing import Annotated, TypedDict

from modeltally.analytics import rows  # noqa: TC001 - the row types are read at run time
from modeltally.analytics.arguments import BY_OR_ALL, OF, OPERATION
from modeltally.analytics.topic import Layout, Topic

__all__ = ["ANSWER_QUALITY", "TOPICS", "AnswerQualityRow"]


class AnswerQualityRow(TypedDict):
    """How far the figures of one subject can be trusted."""

    subject: rows.Subject
    operations: rows.Operations
    contexts: Annotated[int, "Different contexts, by id, or by type where there is no id."]
    users_or_agents: Annotated[int, "Different users, or agents where there is no user."]
    with_duration: Annotated[int, "Those that say how long they took."]
    with_quality: Annotated[int, "Those that say how good their result was."]
    with_context_type: Annotated[int, "Those that say what kind of context they are for."]
    with_agent: Annotated[int, "Those that say which agent they are for."]
    with_user: Annotated[int, "Those that say which user they are for."]
    completeness: Annotated[float, "The mean share of those that say each of these five, 0 to 1."]
    known_loss_share: Annotated[
        float | None, "What processes lost, of that and all that is stored; empty where no process said anything."
    ]
    analytics_quality_score: Annotated[
        float,
        "Four tenths by their number (20 are enough), two by days (7), two by completeness, two by what is not lost.",
    ]


ANSWER_QUALITY = Topic(
    name="answer-quality",
    group="Quality",
    sentence="How far the figures of each model, pattern or other subject can be trusted, 0 to 1, and why.",
    view="answer_quality_by_subject",
    row=AnswerQualityRow,
    layout=Layout(
        "Quality of the answers",
        columns=("subject", "operations", "completeness", "known_loss_share", "analytics_quality_score"),
        when_empty="nothing of this kind began in this window",
    ),
    arguments=(BY_OR_ALL, OF, OPERATION),
    counted="operations",
)

TOPICS = (ANSWER_QUALITY,)
