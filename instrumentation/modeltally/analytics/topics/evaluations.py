"""How operations were evaluated after they ran."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the row types are read at run time
from typing import Annotated, TypedDict

from modeltally.analytics import rows  # noqa: TC001 - the row types are read at run time
from modeltally.analytics.arguments import BY_OR_ALL, OPERATION
from modeltally.analytics.topic import Layout, Topic

__all__ = ["EVALUATIONS", "TOPICS", "EvaluationRow"]


class EvaluationRow(TypedDict):
    """How one subject was evaluated, by one name and source."""

    subject: rows.Subject
    evaluation: Annotated[str, "What was looked at: the name that `evaluate` was given."]
    source: Annotated[str, "Who looked: user, model and so on; empty where that was not said."]
    is_operation_known: Annotated[
        bool, "Whether the operations are stored; if not, they have not come yet, or have expired."
    ]
    evaluated: Annotated[int, "Operations evaluated; of each only the newest evaluation of the name and source counts."]
    mean_score: Annotated[float, "Mean of the scores, 0 to 1."]
    min_score: Annotated[float, "The lowest."]
    max_score: Annotated[float, "The highest."]
    last_score: Annotated[float, "The one given last."]
    last_evaluated_at: Annotated[datetime, "When that was given."]


EVALUATIONS = Topic(
    name="evaluations",
    group="Quality",
    sentence="How operations were evaluated after they ran, by what was looked at and by whom.",
    view="evaluations_by_subject",
    row=EvaluationRow,
    layout=Layout(
        "Evaluations",
        columns=(
            "subject",
            "evaluation",
            "source",
            "is_operation_known",
            "evaluated",
            "mean_score",
            "min_score",
            "last_score",
            "last_evaluated_at",
        ),
        first_to_give_way=("min_score", "last_evaluated_at", "last_score"),
        when_empty="nothing that began in this window was evaluated",
    ),
    arguments=(BY_OR_ALL, OPERATION),
    is_of_operations=False,
)

TOPICS = (EVALUATIONS,)
