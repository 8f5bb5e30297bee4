"""The sections about advice: what is advised."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from modeltally.analytics.rows import columns_of
from modeltally.recommend.kinds import ADVICE, GUARDED, AdviceRow, advise, parameters_of
from modeltally.recommend.record import ADVISE
from modeltally.show.charts.chart import label_of
from modeltally.show.report.model import Section

if TYPE_CHECKING:
    from modeltally.analytics.window import Window
    from modeltally.recommend.kinds import Advice
    from modeltally.show.report.parts import Asked, Part

__all__ = ["EVERY_ADVICE", "from_advice"]

_SHOWN: Final = ("verdict", "subject", "priority", "confidence", "reason", "expires_at")
_EVERY: Final = "*"


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
        names = [label_of(row["subject"]) for row in rows if row["verdict"] == ADVISE][:5]
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


def _advised(advice: Advice, asked: Asked, window: Window) -> list[AdviceRow]:
    counts = asked.count_imports and advice.rules[GUARDED].wants_history
    has_bounds = advice.has_window
    return advise(asked.store, advice, parameters_of(advice, window, has_bounds=has_bounds, count_imports=counts))


EVERY_ADVICE: Final = tuple(from_advice(advice) for advice in ADVICE.values())
