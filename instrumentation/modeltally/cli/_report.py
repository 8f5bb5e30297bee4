"""``modeltally report``: what a manager reads, as a file."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from modeltally.analytics.statistics import Statistics
from modeltally.analytics.window import parse_window
from modeltally.cli._options import AsOf, Directory, Since, Until
from modeltally.errors import InputError
from modeltally.show.report.formats import FORMATS, Format, format_named
from modeltally.show.report.kinds import REPORTS, kind_named, make_report
from modeltally.show.report.parts import Asked
from modeltally.show.report.place import write_file

__all__ = ["report"]

_STANDARD_OUTPUT = "-"
_DEFAULT = "md"


def report(  # noqa: PLR0913 - each is a flag of the command
    name: Annotated[
        str,
        typer.Argument(metavar="REPORT", help=f"One of: {', '.join(REPORTS)}.", autocompletion=lambda: list(REPORTS)),
    ],
    *,
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    tz: Annotated[
        str,
        typer.Option(metavar="ZONE", help="The zone in which days begin and times are written: Europe/Berlin."),
    ] = "UTC",
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar=f"[{'|'.join(FORMATS)}]",
            autocompletion=lambda: list(FORMATS),
            help="Default: by the ending of --output, else md.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str, typer.Option(metavar="FILE", help="Where to; a file that is there is replaced. - is standard output.")
    ] = _STANDARD_OUTPUT,
    count_imports: Annotated[
        bool,
        typer.Option(
            "--count-imports",
            help="For advice: take the days of imported logs as days on which something was watching.",
        ),
    ] = False,
    directory: Directory = None,
) -> None:
    """Write a report about what began at or after --since and before --until, in one of five formats.

    PDF, and charts in HTML, need: pip install 'modeltally[report]'.
    """
    now = datetime.now(UTC)
    kind = kind_named(name)
    chosen = _format(format_name, output)
    window = parse_window(since, until, as_of, now=now)

    from modeltally.connect import open_reader
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    with open_reader(settings) as store:
        statistics = Statistics(store, settings=settings)
        asked = Asked(statistics=statistics, store=store, window=window, zone=tz, count_imports=count_imports)
        content = chosen.write(make_report(kind, asked, generated_at=now))
    if output == _STANDARD_OUTPUT:
        sys.stdout.buffer.write(content)
    else:
        write_file(Path(output), content)


def _format(name: str | None, output: str) -> Format:
    ending = Path(output).suffix.removeprefix(".").lower()
    chosen = format_named(name or (ending if ending in FORMATS else _DEFAULT))
    if name is None and ending and ending not in FORMATS:
        raise InputError(f"--output {output!r} ends with no format; allowed: {', '.join(FORMATS)}, or give --format")
    if output == _STANDARD_OUTPUT and not chosen.is_text and sys.stdout.isatty():
        raise InputError(f"a {chosen.name} is nothing for a terminal; give --output FILE")
    return chosen
