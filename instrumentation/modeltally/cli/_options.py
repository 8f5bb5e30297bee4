"""Flags that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modeltally.show.rows import WRITERS

__all__ = ["FORMATS", "TABLE", "AsOf", "Directory", "Format", "Quiet", "Since", "Until"]

TABLE = "table"
FORMATS = (TABLE, *WRITERS)


def _known_format(value: str) -> str:
    if value not in FORMATS:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(FORMATS)}.")
    return value


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
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar=f"[{'|'.join(FORMATS)}]",
        callback=_known_format,
        autocompletion=lambda: list(FORMATS),
        help="A table for people, the others for programs.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print no progress and no summary.")]
