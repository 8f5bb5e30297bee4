"""``modeltally check``: whether everything in the store is as it must be, or whether anything is the matter in use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from modeltally.cli._console import output_console, print_rows
from modeltally.cli._exit import ExitCode
from modeltally.cli._options import TABLE, Directory, Format
from modeltally.show.units import clean_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from modeltally.store import Row

__all__ = ["check"]

DISK_CHECKS = {"spool_is_whole", "tables_are_whole", "parts_are_there"}  # what is broken there is no fault of ours


def check(
    *,
    alerts: Annotated[
        bool, typer.Option("--alerts", help="Ask instead whether any model, pattern or the store needs somebody.")
    ] = False,
    send: Annotated[
        bool,
        typer.Option("--send", help="With --alerts: look as the job does, and tell the webhook what is to be told."),
    ] = False,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Ask the store every invariant there is; one that is broken is shown with its first rows."""
    from modeltally.connect import open_reader
    from modeltally.errors import InputError
    from modeltally.server.damage import check_spools
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    if alerts:
        from modeltally.cli._alerts import check_alerts

        check_alerts(settings, send=send, output_format=output_format)
        return
    if send:
        raise InputError("--send goes with --alerts: a check of the store has nobody to tell")
    with open_reader(settings) as store:
        report = store.run("check", {})
    if not settings.store:
        report.append(check_spools(settings.dir))
    if output_format == TABLE:
        _print_report(report, console=output_console())
    else:
        print_rows(report, output_format)
    if any(row["broken_rows"] for row in report):
        raise typer.Exit(ExitCode.FOUND)


def _print_report(report: Sequence[Row], *, console: Console) -> None:
    broken = [row for row in report if row["broken_rows"]]
    for row in broken:
        console.print(Text(f"BROKEN  {row['check']}: {row['broken_rows']:,} rows", style="bold red"))
        console.print(Text(f"        {clean_text(str(row['rule']))}", style="dim"), soft_wrap=True)
        first_rows = row["first_rows"]
        for found in first_rows if isinstance(first_rows, list) else []:
            console.print(Text(f"        {clean_text(json.dumps(found, default=str))}"), soft_wrap=True)
    if broken:
        names = ", ".join(str(row["check"]) for row in broken)
        todo = "look after the disk" if DISK_CHECKS & {str(row["check"]) for row in broken} else "please report this"
        console.print(Text(f"{len(broken)} of {len(report)} invariants are broken ({names}): {todo}"))
    else:
        console.print(Text(f"all {len(report)} invariants hold"))
