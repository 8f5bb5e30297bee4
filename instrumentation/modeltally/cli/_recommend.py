"""``modeltally recommend``: what to do about it, with the evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from modeltally.analytics.emptiness import why_empty
from modeltally.analytics.rows import columns_of
from modeltally.analytics.window import BEGINNING, Window, parse_window
from modeltally.cli._console import output_console, print_rows
from modeltally.cli._options import TABLE, AsOf, Directory, Format
from modeltally.errors import InputError
from modeltally.recommend.kinds import (
    ADVICE,
    CHOOSABLE,
    GUARDED,
    KEEPALIVE,
    POLICIES,
    WATCHFUL,
    WINDOWED,
    AdviceRow,
    advice_named,
    advise,
    parameters_of,
)
from modeltally.recommend.record import EVERY_MODEL
from modeltally.show.warm_exports import WARM_EXPORTS, export_warm

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["recommend"]


def _known_policy(value: str | None) -> str | None:
    if value is not None and value not in POLICIES:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(POLICIES)}.")
    return value


def _known_export(value: str | None) -> str | None:
    if value is not None and value not in WARM_EXPORTS:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(WARM_EXPORTS)}.")
    return value


def _say_what_is_missing(rows: Sequence[AdviceRow]) -> None:
    """Say on standard error what stopped the whole run: what is written then is empty."""
    for row in rows:
        if row["subject"] == EVERY_MODEL:
            typer.echo(row["reason"], err=True)


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
            help=f"For {' and '.join(WINDOWED)}, which alone take a window: its begin. Default: 7d, 30d.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="DATE",
            help=f"For {' and '.join(WINDOWED)}: its end. Default: --as-of.",
            show_default=False,
        ),
    ] = None,
    as_of: AsOf = None,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar=f"[{'|'.join(POLICIES)}]",
            callback=_known_policy,
            autocompletion=lambda: list(POLICIES),
            help=f"For {' and '.join(CHOOSABLE)}: guarded (default) refuses on thin evidence; seed is UNSAFE, the plain"
            " rule.",
            show_default=False,
        ),
    ] = None,
    count_imports: Annotated[
        bool,
        typer.Option(
            "--count-imports",
            help=f"For {', '.join(WATCHFUL)}: take the days of imported logs as days that were watched.",
        ),
    ] = False,
    slots: Annotated[
        int | None,
        typer.Option(
            "--slots",
            min=1,
            help="For keep: how many models fit. Default: keep_slots of the settings.",
            show_default=False,
        ),
    ] = None,
    room: Annotated[
        int | None,
        typer.Option(
            "--room-bytes",
            min=1,
            help="For keep: how many bytes of models fit. Default: keep_room_bytes of the settings.",
            show_default=False,
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            "--tz",
            metavar="ZONE",
            help="For keepalive: whose clocks the hours go by. Default: advice_zone of the settings.",
            show_default=False,
        ),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(
            "--export",
            metavar=f"[{'|'.join(WARM_EXPORTS)}]",
            callback=_known_export,
            autocompletion=lambda: list(WARM_EXPORTS),
            help="For keepalive: write it as that takes it.",
            show_default=False,
        ),
    ] = None,
    evidence: Annotated[bool, typer.Option("--evidence", help="Show the figures each advice rests on.")] = False,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Advise what to clean up, keep, preload, mend, download and promote; nothing is done by itself."""
    advice = advice_named(kind)
    window = parse_window(since, until, as_of, now=datetime.now(UTC))
    has_bounds = since is not None or until is not None
    if export is not None and advice is not KEEPALIVE:
        raise InputError(f"advice {advice.name!r} takes no --export; only {KEEPALIVE.name} does")
    parameters = parameters_of(
        advice,
        window,
        has_bounds=has_bounds,
        policy=policy,
        count_imports=count_imports,
        asked={"slots": slots, "room_bytes": room, "zone": zone},
    )

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
    if export is not None:
        typer.echo(export_warm(rows, export), nl=False)
        _say_what_is_missing(rows)
        return
    if output_format != TABLE:
        print_rows(rows, output_format, columns=[column.name for column in columns_of(AdviceRow)])
        return

    from modeltally.cli._advice import print_advice

    print_advice(rows, advice, console=output_console(), has_evidence=evidence, why_empty=reason)
