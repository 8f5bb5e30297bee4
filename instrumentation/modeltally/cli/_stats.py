"""``modeltally stats``: what was used, how much, how well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from modeltally.analytics.arguments import BUCKET, BY, OF, OPERATION, USER, WITHIN, ZONE, arguments_of
from modeltally.analytics.statistics import Statistics
from modeltally.analytics.topics import TOPICS, topic_named
from modeltally.analytics.topics.usage import ATTRIBUTE
from modeltally.analytics.window import parse_window
from modeltally.cli._console import output_console, print_answer
from modeltally.cli._options import TABLE, AsOf, Directory, Format, Since, Until
from modeltally.errors import InputError

__all__ = ["stats"]

_NAME = ATTRIBUTE.arguments[0]
_GROUPS = dict.fromkeys(topic.group for topic in TOPICS.values())
_TOPICS_HELP = " ".join(
    f"{group}: {', '.join(name for name, topic in TOPICS.items() if topic.group == group)}." for group in _GROUPS
)


def stats(  # noqa: PLR0913 - each is a flag
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help=_TOPICS_HELP, autocompletion=lambda: list(TOPICS))],
    *,
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help=f"For attribute: {_NAME.what}, for example {_NAME.example}.", show_default=False
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="KIND", help=f"Whose figures: {', '.join(BY.allowed)}.", show_default=False),
    ] = None,
    of: Annotated[
        str | None, typer.Option(metavar="NAME", help="The one to look at. Default: all.", show_default=False)
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(metavar="ID|HASH", help=f"{USER.what.capitalize()}. Default: all.", show_default=False),
    ] = None,
    operation: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"{OPERATION.what.capitalize()}: {OPERATION.example}.", show_default=False),
    ] = None,
    bucket: Annotated[
        str | None,
        typer.Option(metavar="LENGTH", help=f"How time is cut: {', '.join(BUCKET.allowed)}.", show_default=False),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(metavar="HOURS", help=f"{WITHIN.what.capitalize()}, 1 to 24. Default: 1.", show_default=False),
    ] = None,
    tz: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE", help=f"{ZONE.what.capitalize()}: {ZONE.example}. Default: UTC.", show_default=False
        ),
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Draw this column as bars instead of a table.", show_default=False),
    ] = None,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Show statistics of a window of time: what began at or after --since and before --until."""
    asked = topic_named(topic)
    given = {
        _NAME.parameter: name,
        BY.parameter: by,
        OF.parameter: of,
        USER.parameter: user,
        OPERATION.parameter: operation,
        BUCKET.parameter: bucket,
        WITHIN.parameter: within,
        ZONE.parameter: tz,
    }
    arguments = arguments_of(asked, given, topics=TOPICS.values())
    window = parse_window(since, until, as_of, now=datetime.now(UTC))
    if plot is not None:
        from modeltally.cli._plot import check_plotted

        if output_format != TABLE:
            raise InputError(
                f"--plot draws on the terminal, and --format {output_format} is for programs: give one of them"
            )
        check_plotted(asked, plot)

    from modeltally.connect import open_reader
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    if user and USER in asked.arguments:
        from modeltally.keys import user_hash

        arguments[USER.parameter] = user_hash(user, settings.dir)
    with open_reader(settings) as store:
        statistics = Statistics(store, settings=settings, keeps_answers=False)
        answer = statistics.ask(asked, window, arguments=arguments)
        if output_format != TABLE:
            print_answer(answer, output_format)
            return

        from modeltally.cli._sparkline import sparklines_for
        from modeltally.cli._table import write_notes, write_table, write_trust

        console = output_console()
        if plot is None:
            sparklines = sparklines_for(
                answer.rows, asked, window, statistics=statistics, arguments=arguments, console=console
            )
            shown = write_table(
                answer.rows, asked.layout, console=console, why_empty=answer.empty, sparklines=sparklines
            )
    if plot is not None:
        from modeltally.cli._plot import write_plot

        write_plot(answer.rows, asked, plot, console=console, why_empty=answer.empty)
        shown = [plot]
    write_notes(set(shown), console=console)
    write_trust(answer.trust, console=console)
