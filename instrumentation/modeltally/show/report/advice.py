"""The sections about advice: what is advised, and what became of what would have been advised earlier."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, TypedDict

from modeltally.analytics.rows import columns_of
from modeltally.analytics.topics.usage import MODELS
from modeltally.analytics.window import Window
from modeltally.recommend.kinds import ADVICE, CLEANUP, GUARDED, PRELOAD, AdviceRow, advise, parameters_of
from modeltally.show.charts.chart import label_of
from modeltally.show.report.model import Section

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from modeltally.recommend.kinds import Advice
    from modeltally.show.report.parts import Asked, Part

__all__ = ["AccuracyRow", "accuracy", "from_advice"]

_SHOWN: Final = ("verdict", "subject", "priority", "confidence", "reason", "expires_at")
_REFUSED: Final = "refused"
_EVERY: Final = "*"
_LOOKS_BACK: Final = 3
_DAY: Final = timedelta(days=1)


class AccuracyRow(TypedDict):
    """What became of the advice of one kind."""

    kind: Annotated[str, "The kind of advice."]
    moments: Annotated[int, "How many earlier moments were looked at: what would have been advised then."]
    advised: Annotated[int, "Advice given at these moments, each model at each moment."]
    held: Annotated[int, "Where what followed agrees: not asked again after cleanup, asked in time after preload."]
    missed: Annotated[int, "Where it does not."]
    undecided: Annotated[int, "Where it cannot be told yet: the advice still holds."]
    held_share: Annotated[float | None, "The part that held, of what is decided; empty where nothing is."]


def from_advice(advice: Advice) -> Part:
    """Make a part of a kind of advice.

    Args:
        advice: The kind.

    Returns:
        What makes the section.
    """

    def part(asked: Asked) -> Section:
        rows = _advised(advice, asked, asked.window)
        verdicts = Counter(row["verdict"] for row in rows)
        told = ", ".join(f"{verdict} {count:,}" for verdict, count in verdicts.most_common())
        names = [label_of(row["subject"]) for row in rows if row["verdict"] != _REFUSED][:5]
        text = [advice.sentence]
        if rows:
            text.append(f"By verdict: {told}." + (f" To {advice.verb}: {', '.join(names)}." if names else ""))
        if names:
            text.append(advice.next_step.replace("`", ""))
        named = [{**row, "subject": "all models" if row["subject"] == _EVERY else row["subject"]} for row in rows]
        return Section(
            name=advice.name,
            title=advice.title,
            text=tuple(text),
            columns=tuple(columns_of(AdviceRow)),
            shown=_SHOWN,
            rows=named,
            empty=None if rows else advice.when_empty,
        )

    return part


def accuracy(asked: Asked) -> Section:
    """Look back: ask what would have been advised at earlier moments of the window, and see what followed.

    Args:
        asked: Who answers, and about what.

    Returns:
        A row for each kind of advice that later use can judge.
    """
    moments = _moments(asked.window)
    # the longest time that followed judges cleanup best
    rows = [_judged(CLEANUP, moments[:1], asked), _judged(PRELOAD, moments, asked)]
    decided = [row for row in rows if row["held_share"] is not None]
    said = "; ".join(f"{row['kind']}: {row['held']:,} of {row['held'] + row['missed']:,} held" for row in decided)
    return Section(
        name="accuracy",
        title="Accuracy of the advice",
        text=(
            "What would have been advised at earlier moments of the window, by what was known then, and what followed.",
            f"{said}." if said else "Nothing was advised at these moments that can be judged by what followed.",
            "Advice on performance names what to look into; what came of it is not recorded, so it is not judged.",
        ),
        columns=tuple(columns_of(AccuracyRow)),
        shown=tuple(column.name for column in columns_of(AccuracyRow)),
        rows=rows,
    )


def _moments(window: Window) -> list[datetime]:
    """Choose three moments, a third of the window apart, each a midnight in UTC where the window has several."""
    end = min(window.until, window.as_of)
    step = (end - window.since) / _LOOKS_BACK
    found = [window.since + at * step for at in range(_LOOKS_BACK)]
    if step >= _DAY:
        found = [moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in found]
    return found


def _judged(advice: Advice, moments: Sequence[datetime], asked: Asked) -> AccuracyRow:
    end = min(asked.window.until, asked.window.as_of)
    counts = Counter[str]()
    for moment in moments:
        used: dict[datetime, set[str]] = {}
        for row in _advised(advice, asked, Window(moment - _DAY, moment, moment)):
            if row["verdict"] == _REFUSED:
                continue
            until = end if advice is CLEANUP else min(row["expires_at"], end)
            if until not in used:
                used[until] = _asked_models(moment, until, asked)
            was_asked = row["subject"] in used[until]
            if advice is PRELOAD and not was_asked and row["expires_at"] > end:
                counts["undecided"] += 1
            else:
                counts["held" if was_asked == (advice is PRELOAD) else "missed"] += 1
    decided = counts["held"] + counts["missed"]
    return {
        "kind": advice.name,
        "moments": len(moments),
        "advised": counts.total(),
        "held": counts["held"],
        "missed": counts["missed"],
        "undecided": counts["undecided"],
        "held_share": counts["held"] / decided if decided else None,
    }


def _asked_models(since: datetime, until: datetime, asked: Asked) -> set[str]:
    if since >= until:
        return set()
    rows = asked.statistics.ask(MODELS, Window(since, until, asked.window.as_of)).rows
    return {row["model"] for row in rows}


def _advised(advice: Advice, asked: Asked, window: Window) -> list[AdviceRow]:
    counts = asked.count_imports and advice.rules[GUARDED].wants_history
    has_bounds = advice.has_window
    return advise(asked.store, advice, parameters_of(advice, window, has_bounds=has_bounds, count_imports=counts))


EVERY_ADVICE: Final = tuple(from_advice(advice) for advice in ADVICE.values())
