"""``modeltally accuracy``: whether advice was right, and whether what it said of itself came."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from modeltally.analytics.statistics import Statistics
from modeltally.analytics.topics.advice import ACCURACY, CALIBRATION, VERDICTS
from modeltally.analytics.window import parse_window
from modeltally.cli._console import output_console, print_answer
from modeltally.cli._options import TABLE, AsOf, Directory, Format, Since, Until

if TYPE_CHECKING:
    from modeltally.analytics.topic import Topic

__all__ = ["accuracy"]

_TABLES: tuple[Topic[Any], ...] = (ACCURACY, CALIBRATION, VERDICTS)


def accuracy(
    *,
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Show how often advice was right, by what was judged in a window: by kind, by how sure it was, and each by itself.

    For programs it gives the first of these tables; `modeltally stats calibration` and `modeltally stats verdicts` have
    the others.
    """
    from modeltally.connect import open_reader
    from modeltally.settings import load_settings

    window = parse_window(since, until, as_of, now=datetime.now(UTC))
    settings = load_settings(dir=directory)
    with open_reader(settings) as store:
        statistics = Statistics(store, settings=settings, keeps_answers=False)
        if output_format != TABLE:
            print_answer(statistics.ask(ACCURACY, window, arguments={}), output_format)
            return

        from modeltally.cli._advice import print_suspensions
        from modeltally.cli._table import write_table

        console = output_console()
        for topic in _TABLES:
            answer = statistics.ask(topic, window, arguments={})
            write_table(answer.rows, topic.layout, console=console, why_empty=answer.empty)
            print_suspensions(answer.rows, console=console)
