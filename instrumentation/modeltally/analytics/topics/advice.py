"""Advice, looked back at: whether it was right, and whether what it said of itself came."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the row types are read at run time
from typing import Annotated, TypedDict

from modeltally.analytics.topic import Layout, Topic

__all__ = ["ACCURACY", "CALIBRATION", "TOPICS", "VERDICTS", "AccuracyRow", "CalibrationRow", "VerdictRow"]

_GROUP = "Advice"
_NOTHING = "no advice was judged in this window: a verdict comes when the time for which it was given has passed"


class AccuracyRow(TypedDict):
    """How often one rule was right."""

    kind: Annotated[str, "The kind of advice."]
    policy: Annotated[str, "The rule that gave it."]
    policy_version: Annotated[int, "The version of the rule."]
    horizon_seconds: Annotated[float | None, "How long after the advice it was looked at."]
    subjects: Annotated[str, "Which: all, or those told apart: never used, few uses, several uses."]
    judged: Annotated[int, "Pieces of advice that were right or wrong."]
    right: Annotated[int, "Those that were right."]
    wrong: Annotated[int, "Those that were wrong."]
    moot: Annotated[int, "Those of which nobody can tell."]
    right_share: Annotated[float | None, "The part of the judged that was right."]
    chances: Annotated[int, "Chances that were said and judged, those of what was not advised included."]
    mean_confidence: Annotated[float | None, "What was said, on average."]
    came_share: Annotated[float | None, "How often it came."]
    brier: Annotated[float | None, "Mean squared distance of what was said from what came; 0 is best."]
    is_worst: Annotated[bool, "The line that was right least often, of those with 20 verdicts."]
    suspended: Annotated[str, "Since when and why the rule gives no advice; empty where it does."]


ACCURACY = Topic(
    name="accuracy",
    group=_GROUP,
    sentence="How often advice was right, by kind and rule, and which rule suspended itself.",
    view="advice_accuracy",
    row=AccuracyRow,
    layout=Layout(
        "Accuracy of the advice",
        columns=(
            "kind",
            "policy",
            "horizon_seconds",
            "subjects",
            "judged",
            "right",
            "wrong",
            "moot",
            "right_share",
            "mean_confidence",
            "came_share",
            "brier",
            "suspended",
        ),
        first_to_give_way=("moot", "came_share", "mean_confidence", "brier"),
        when_empty="no advice was given yet: `modeltally recommend` gives some, and a server does each day",
    ),
    settings=(),
    is_of_operations=False,
)


class CalibrationRow(TypedDict):
    """How often a chance that was said came."""

    kind: Annotated[str, "The kind of advice."]
    policy: Annotated[str, "The rule that said it."]
    policy_version: Annotated[int, "The version of the rule."]
    horizon_seconds: Annotated[float, "For how long it was said."]
    from_chance: Annotated[float, "Where the range of chances begins."]
    to_chance: Annotated[float, "Where it ends."]
    chances: Annotated[int, "Chances in it that were said and judged."]
    said_chance: Annotated[float, "What was said, on average."]
    came_share: Annotated[float, "How often it came."]
    is_off: Annotated[bool, "Said and came differ by more than two standard errors, of at least 20."]


CALIBRATION = Topic(
    name="calibration",
    group=_GROUP,
    sentence="How often what advice said is likely came, for chances alike.",
    view="advice_calibration",
    row=CalibrationRow,
    layout=Layout(
        "Calibration of the advice",
        columns=(
            "kind",
            "policy",
            "horizon_seconds",
            "from_chance",
            "to_chance",
            "chances",
            "said_chance",
            "came_share",
            "is_off",
        ),
        first_to_give_way=("policy",),
        when_empty=_NOTHING,
    ),
    settings=(),
    is_of_operations=False,
)


class VerdictRow(TypedDict):
    """What became of one piece of advice."""

    kind: Annotated[str, "The kind of advice."]
    policy: Annotated[str, "The rule that gave it."]
    policy_version: Annotated[int, "The version of the rule."]
    subject: Annotated[str, "What it was about."]
    action: Annotated[str, "What it said is to be done."]
    subjects: Annotated[str, "The class of the subject: never used, few uses, several uses; empty for none."]
    advised_at: Annotated[datetime, "When it was given."]
    confidence: Annotated[float | None, "How sure it was, where that was said for this horizon."]
    horizon_seconds: Annotated[float, "How long after it was looked at."]
    verdict: Annotated[str, "What came of it: right, wrong, or moot where nobody can tell."]
    reason: Annotated[str, "The figure that decided."]
    judged_at: Annotated[datetime, "When it was judged."]


VERDICTS = Topic(
    name="verdicts",
    group=_GROUP,
    sentence="What became of each piece of advice, the wrong ones first.",
    view="advice_verdicts",
    row=VerdictRow,
    layout=Layout(
        "Verdicts on advice",
        columns=(
            "verdict",
            "kind",
            "policy",
            "subject",
            "action",
            "advised_at",
            "horizon_seconds",
            "confidence",
            "reason",
        ),
        first_to_give_way=("policy", "confidence", "advised_at"),
        when_empty=_NOTHING,
    ),
    settings=(),
    is_of_operations=False,
)

TOPICS = (ACCURACY, CALIBRATION, VERDICTS)
