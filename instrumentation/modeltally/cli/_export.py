"""``modeltally export``: everything a store knows, in a directory that another store can import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from modeltally.cli._console import error_console, output_console
from modeltally.cli._options import Directory, Quiet
from modeltally.show.units import clean_text

__all__ = ["export"]


def export(
    *,
    to: Annotated[Path, typer.Option("--to", help="Directory to write to; made when missing.", show_default=False)],
    with_landing: Annotated[
        bool, typer.Option("--with-landing", help="Also the spans as they were received; no figure needs them.")
    ] = False,
    with_metrics: Annotated[
        bool, typer.Option("--with-metrics", help="Also the metrics; no figure needs them.")
    ] = False,
    quiet: Quiet = False,
    directory: Directory = None,
) -> None:
    """Write events, figures, users, aliases, prices, erasures and advice to a directory, as they are at this moment.

    A server may be running and go on receiving: what comes after the beginning is not in the export.
    """
    from modeltally.cli._progress import WaitingBar
    from modeltally.connect import open_reader
    from modeltally.settings import load_settings
    from modeltally.store.transfer import export_store

    settings = load_settings(dir=directory)
    progress_console = error_console(is_quiet=quiet)
    with open_reader(settings) as store, WaitingBar("rows", total=None, console=progress_console) as bar:
        made = export_store(store, to, with_landing=with_landing, with_metrics=with_metrics, on_rows=bar.show)
    if not quiet:
        size = sum(file.bytes for file in made.files)
        output_console().print(
            Text(
                f"{clean_text(str(to))}: {made.total_rows:,} rows in {len(made.files):,} files, {size:,} bytes\n"
                f"The key that makes user hashes is not in it: take {clean_text(str(settings.dir / 'user.key'))} along,"
                " or users count twice"
            ),
            soft_wrap=True,
        )
