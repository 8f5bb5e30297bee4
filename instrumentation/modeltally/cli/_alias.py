"""``modeltally alias``: several names for the same model, counted as one."""

from __future__ import annotations

from typing import Annotated

import typer

from modeltally.cli._options import TABLE, Directory, Format
from modeltally.errors import InputError

__all__ = ["alias"]


def alias(
    alias: Annotated[
        str | None, typer.Argument(help="What services say: a path, a file, a served name.", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Argument(help="The name it goes by from now on.", show_default=False)] = None,
    *,
    kind: Annotated[
        str,
        typer.Option(
            help="What it names: model, pattern, project, agent, context-type, file-type, service, error-type."
        ),
    ] = "model",
    remove: Annotated[bool, typer.Option("--remove", help="Take the alias away: it goes by itself again.")] = False,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Show the aliases that are set, or set one: then say the alias and the name.

    All aliases of a name count as one subject, back to the beginning; what was stored stays as it was said.
    """
    from modeltally.analytics.topic import Layout
    from modeltally.cli._table import print_table
    from modeltally.connect import open_reader
    from modeltally.settings import load_settings

    if remove and (alias is None or name is not None):
        raise InputError("--remove takes one alias away: modeltally alias ./flux-dev.safetensors --remove")
    if alias is not None and name is None and not remove:
        raise InputError(
            "an alias also needs the name it goes by: for example modeltally alias ./flux-dev.safetensors"
            " black-forest-labs/FLUX.1-dev; without arguments the aliases that are set are shown"
        )
    settings = load_settings(dir=directory)
    with open_reader(settings) as store:
        if alias is not None:
            store.run("set_alias", {"kind": kind, "alias": alias, "name": name, "is_removed": remove})
        rows = store.run("known_aliases", {"kind": kind})
    layout = Layout(
        "Aliases",
        columns=("alias", "name", "edited_at"),
        first_to_give_way=("edited_at",),
        when_empty="no alias is set; set one: modeltally alias ./flux-dev.safetensors black-forest-labs/FLUX.1-dev",
    )
    print_table(rows, layout, output_format)
