"""``modeltally migrate``: bring the schema of a data directory up to date."""

from __future__ import annotations

from modeltally.cli._console import output_console
from modeltally.cli._engine import open_directory
from modeltally.cli._options import Directory  # noqa: TC001 - typer reads the annotation at run time
from modeltally.local.client import find_server
from modeltally.settings import load_settings

__all__ = ["migrate"]


def migrate(*, directory: Directory = None) -> None:
    """Bring the schema of a data directory up to date; stored data stays."""
    settings = load_settings(dir=directory)
    console = output_console()
    if find_server(settings.dir) is not None:
        console.print(f"{settings.dir}: a server is running there; it brought the schema up to date when it started")
        return
    with open_directory(settings):
        console.print(f"{settings.dir}: the schema is up to date")
