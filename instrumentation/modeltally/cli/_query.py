"""``modeltally query``: any view, with its own parameters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from modeltally.analytics.window import parse_window
from modeltally.cli._options import TABLE, AsOf, Directory, Format, Since, Until
from modeltally.errors import InputError

__all__ = ["query"]


def query(
    view: Annotated[
        str | None,
        typer.Argument(metavar="VIEW", help="The view's name; without it all are listed.", show_default=False),
    ] = None,
    *,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A parameter of the view. Those named since, until, as_of and like settings need not be given.",
            show_default=False,
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Read a view of the store by its name, as SQL and Grafana do."""
    from modeltally.analytics.topic import Layout
    from modeltally.cli._table import print_table
    from modeltally.connect import open_reader
    from modeltally.settings import load_settings
    from modeltally.store import sql

    if view is None:
        _print_views(output_format)
        return
    wanted = sql.view(view).parameters
    given = dict(_pair(text) for text in param or ())
    window = parse_window(since, until, as_of, now=datetime.now(UTC))
    settings = load_settings(dir=directory)
    usual = {**window.parameters(), **{name: getattr(settings, name) for name in wanted if hasattr(settings, name)}}
    values = {**{name: value for name, value in usual.items() if name in wanted}, **given}
    missing = [f"--param {name}=... ({kind})" for name, kind in wanted.items() if name not in values]
    if missing:
        raise InputError(f"view {view} also needs {', '.join(missing)}")
    with open_reader(settings) as store:
        rows = store.read(view, values)
    print_table(rows, Layout(view), output_format)


def _print_views(output_format: str) -> None:
    """Print what there is to ask: the views that answer people, what each says, and the parameters it needs."""
    from modeltally.analytics.topic import Layout
    from modeltally.cli._table import print_table
    from modeltally.settings import Settings
    from modeltally.store import sql
    from modeltally.store.reading import WITH_STATES

    usual = {"since", "until", "as_of", *Settings.model_fields}
    rows = []
    for name in sorted(set(sql.view_names()) - WITH_STATES):
        parameters = sql.view(name).parameters
        if any(kind.startswith("Array") for kind in parameters.values()):
            continue  # it is asked by readers that know where to read
        needs = ", ".join(parameter for parameter in parameters if parameter not in usual)
        rows.append({"view": name, "what": sql.purpose(name), "needs": needs})
    print_table(rows, Layout("Views", columns=("view", "what", "needs")), output_format)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"--param {text!r} is not NAME=VALUE, for example --param kind=model")
    return name.strip(), value
