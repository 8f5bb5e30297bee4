"""``modeltally recommend``: what to do about it, with the evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from modeltally.analytics.emptiness import why_empty
from modeltally.analytics.rows import columns_of
from modeltally.analytics.window import BEGINNING, Window, parse_window
from modeltally.cli._console import output_console, print_rows
from modeltally.cli._options import TABLE, AsOf, Directory, Format
from modeltally.recommend.kinds import ADVICE, GUARDED, POLICIES, AdviceRow, advice_named, advise, parameters_of

__all__ = ["recommend"]


def _known_policy(value: str | None) -> str | None:
    if value is not None and value not in POLICIES:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(POLICIES)}.")
    return value


def recommend(  # noqa: PLR0913 - each is a flag of the command
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", help=f"One of: {', '.join(ADVICE)}.", autocompletion=lambda: list(ADVICE)),
    ],
    *,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="DATE",
            help="For performance, which alone takes a window: its begin. Default: 7d.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", help="For performance: its end. Default: --as-of.", show_default=False),
    ] = None,
    as_of: AsOf = None,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar=f"[{'|'.join(POLICIES)}]",
            callback=_known_policy,
            autocompletion=lambda: list(POLICIES),
            help="For cleanup: guarded (default) refuses on thin evidence; seed is UNSAFE, the plain rule.",
            show_default=False,
        ),
    ] = None,
    count_imports: Annotated[
        bool,
        typer.Option(
            "--count-imports",
            help="For cleanup and preload: take the days of imported logs as days on which something was watching.",
        ),
    ] = False,
    evidence: Annotated[bool, typer.Option("--evidence", help="Show the figures each advice rests on.")] = False,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Advise what to clean up, what to preload, what to make faster; nothing is done by itself."""
    advice = advice_named(kind)
    window = parse_window(since, until, as_of, now=datetime.now(UTC))
    has_bounds = since is not None or until is not None
    parameters = parameters_of(advice, window, has_bounds=has_bounds, policy=policy, count_imports=count_imports)

    from modeltally.connect import open_reader
    from modeltally.recommend.advise import window_of
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    reason = None
    with open_reader(settings) as store:
        rows = advise(store, advice, parameters)
        if not rows and output_format == TABLE:
            rule = advice.rules[policy or GUARDED]
            bounds = window_of(rule, window.as_of, parameters if has_bounds else {}, settings=settings)
            looked_at = Window(bounds.get("since", BEGINNING), bounds.get("until", window.as_of), window.as_of)
            reason = why_empty(store, looked_at, settings=settings)
    if output_format != TABLE:
        print_rows(rows, output_format, columns=[column.name for column in columns_of(AdviceRow)])
        return

    from modeltally.cli._advice import print_advice

    print_advice(rows, advice, console=output_console(), has_evidence=evidence, why_empty=reason)
