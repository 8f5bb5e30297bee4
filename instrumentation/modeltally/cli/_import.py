"""``modeltally import``: brings an export into an empty store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from modeltally.cli._console import error_console, output_console
from modeltally.cli._options import Directory, Quiet
from modeltally.show.units import clean_text

__all__ = ["import_"]


def import_(
    export: Annotated[Path, typer.Argument(help="What `modeltally export` wrote.", show_default=False)],
    *,
    quiet: Quiet = False,
    directory: Directory = None,
) -> None:
    """Bring an export into an empty store, whole or not at all; repeating it changes nothing."""
    from modeltally.cli._progress import WaitingBar
    from modeltally.connect import open_any
    from modeltally.settings import load_settings
    from modeltally.store.transfer import import_export, read_export

    settings = load_settings(dir=directory)
    read_export(export)  # a wrong directory must not make a store
    progress_console = error_console(is_quiet=quiet)
    with open_any(settings) as store, WaitingBar("bytes", total=None, console=progress_console) as bar:
        imported = import_export(store, export, on_bytes=bar.show)
    if not quiet:
        what = f"{clean_text(str(export))}: {imported.export.total_rows:,} rows"
        done = "were imported before; nothing was changed" if imported.was_done else "imported"
        output_console().print(Text(f"{what} {done}"), soft_wrap=True)
