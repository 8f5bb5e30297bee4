"""``modeltally layer``: what instrumentations of others stand for."""

from __future__ import annotations

from typing import Annotated

import typer

from modeltally.cli._options import TABLE, Directory, Format
from modeltally.errors import InputError

__all__ = ["layer"]


def layer(
    scope: Annotated[
        str | None,
        typer.Argument(help="The instrumentation's name, as modeltally stats foreign has it.", show_default=False),
    ] = None,
    layer: Annotated[
        str | None, typer.Argument(help="client, gateway, engine, separate or ignored.", show_default=False)
    ] = None,
    *,
    service: Annotated[str, typer.Option(help="Of this service alone.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Take back what was said of it.")] = False,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Show what was said of instrumentations that are not ours, or say it: then name the instrumentation and its layer.

    Of a call that several layers tell of, the request of the outermost counts. What is separate counts by itself, what
    is ignored is no request. It holds for what comes from then on.
    """
    from modeltally.analytics.topic import Layout
    from modeltally.cli._table import print_table
    from modeltally.connect import open_reader
    from modeltally.settings import load_settings

    if remove and (scope is None or layer is not None):
        raise InputError("--remove takes back what was said of one: modeltally layer litellm --remove")
    if scope is not None and layer is None and not remove:
        raise InputError(
            "an instrumentation also needs its layer: for example modeltally layer litellm gateway; without arguments"
            " the layers that are set are shown"
        )
    settings = load_settings(dir=directory)
    with open_reader(settings) as store:
        if scope is not None:
            store.run("set_layer", {"scope": scope, "service": service, "layer": layer, "is_removed": remove})
        rows = store.run("known_layers", {})
    layout = Layout(
        "Layers",
        columns=("scope", "service", "layer", "edited_at"),
        first_to_give_way=("edited_at",),
        when_empty="no layer is set: names tell them; set one: modeltally layer litellm gateway",
    )
    print_table(rows, layout, output_format)
