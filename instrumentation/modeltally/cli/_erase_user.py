"""``modeltally erase-user``: a person's right to be forgotten."""

from __future__ import annotations

from typing import Annotated

import typer

from modeltally.cli._console import output_console, print_rows
from modeltally.cli._options import TABLE, Directory, Format

__all__ = ["erase_user"]


def erase_user(
    user: Annotated[str, typer.Argument(metavar="ID|HASH", help="The user: the id as services say it, or the hash.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this nothing is erased.")] = False,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Forget a user, for good: a random number takes the place of the hash everywhere, and in all that still comes.

    Counts of users keep their value, and nothing leads back. An export made before still has the hash: make a new one.
    """
    from modeltally.connect import open_reader
    from modeltally.keys import user_hash
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    hashed = user_hash(user, settings.dir)
    if not yes:
        output_console().print(
            f"user {hashed} would be forgotten for good in {settings.store or settings.dir};"
            " nothing is done yet: add --yes to do it"
        )
        return
    with open_reader(settings) as store:
        report = store.run("erase_user", {"user_hash": hashed})
    if output_format == TABLE:
        output_console().print(f"user {hashed} is forgotten; what still comes of this user is stored without the hash")
    else:
        print_rows(report, output_format)
