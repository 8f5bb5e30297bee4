"""Flags that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modeltally.cli._output import OutputFormat

__all__ = ["AsOf", "Directory", "Format", "Since", "Until"]

Directory = Annotated[
    Path | None,
    typer.Option("--dir", envvar="MODELTALLY_DIR", help="Data directory. Default: a per-user one.", show_default=False),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="DATE",
        show_default=False,
        help="Begin of the window: an ISO date or time (UTC), or 24h, 7d before --until. Default: 30d.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="DATE",
        show_default=False,
        help="End of the window, itself not in it. Default: --as-of.",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", show_default=False, help="Answer as of this moment. Default: now."),
]
Format = Annotated[OutputFormat, typer.Option("--format", help="A table for people, JSON or CSV for programs.")]
