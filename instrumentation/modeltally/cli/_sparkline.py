"""How use went, in a line of blocks beside each row of a table, where there is room."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from modeltally.analytics.arguments import BUCKET, BUCKETS, BY, OF, OPERATION, OPERATION_OF, ZONE
from modeltally.analytics.topics.over_time import TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console

    from modeltally.analytics.statistics import Statistics
    from modeltally.analytics.topic import Topic
    from modeltally.analytics.window import Window

__all__ = ["Sparklines", "sparkline", "sparklines_for"]

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
# More stretches are more than a line beside a table shows, more rows more than a look takes in.
_MOST_STRETCHES: Final = 31
_MOST_ROWS: Final = 200
# Columns that name one subject of a kind, and those that count what is drawn.
_KINDS: Final = {"model": "model", "pattern": "pattern"}
_COUNTED: Final = frozenset({"operations", "requests", "runs"})


@dataclass(frozen=True, slots=True)
class Sparklines:
    """A column that is drawn, once it is known that there is room.

    Attributes:
        header: What stands above it.
        width: How many characters each line takes at most.
        draw: Gives a line for each row, in order.
    """

    header: str
    width: int
    draw: Callable[[], Sequence[str]]


def sparkline(values: Sequence[float]) -> str:
    """Draw figures from zero up to their largest; nothing is the lowest block, and something never is.

    Args:
        values: Figures, none below zero.
    """
    most = max(values, default=0)
    return "".join(_BLOCKS[math.ceil(value / most * (len(_BLOCKS) - 1))] if value else _BLOCKS[0] for value in values)


def sparklines_for(
    rows: Sequence[Mapping[str, object]],
    topic: Topic[Any],
    window: Window,
    *,
    statistics: Statistics,
    arguments: Mapping[str, object],
    console: Console,
) -> Sparklines | None:
    """Give the use of the subject of each row over the window, by hours, days, weeks or months.

    Args:
        rows: The answer.
        topic: What it answers.
        window: The window of the query.
        statistics: Answers how use went.
        arguments: What the topic was asked beside the window.
        console: Where it is to be drawn.

    Returns:
        The column; None where rows are of no subjects each, or nobody looks at a terminal that shows blocks.
    """
    is_shown = console.is_terminal and console.encoding.lower().replace("-", "") == "utf8"
    if not is_shown or not 0 < len(rows) <= _MOST_ROWS or topic.counted not in _COUNTED:
        return None
    named = topic.columns[0].name
    kind = str(arguments.get(BY.parameter, "")) if named == "subject" else _KINDS.get(named, "")
    names = [str(row[named]) for row in rows]
    if kind not in BY.allowed or len(set(names)) < len(names):
        return None
    length = window.until - window.since
    bucket = next((name for name, seconds in BUCKETS.items() if length <= timedelta(seconds=seconds) * 30), "month")
    asked = {
        BY.parameter: kind,
        OF.parameter: names[0] if len(names) == 1 else "",
        OPERATION.parameter: arguments.get(OPERATION.parameter, OPERATION_OF.get(kind, OPERATION_OF[""])),
        BUCKET.parameter: bucket,
        ZONE.parameter: "UTC",
    }

    def draw() -> list[str]:
        series: dict[str, list[float]] = defaultdict(list)
        for stretch in statistics.ask(TIME, window, arguments=asked).rows:
            series[stretch["subject"]].append(stretch["operations"])
        return [sparkline(series[name][-_MOST_STRETCHES:]) for name in names]

    return Sparklines(header=f"by {bucket}", width=_MOST_STRETCHES, draw=draw)
