"""``modeltally price``: what the team pays for the work of its models."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from modeltally.cli._options import TABLE, Directory, Format
from modeltally.errors import InputError

__all__ = ["price"]

# every price: the days that one can be valid on
_EVER = {
    "since": dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
    "until": dt.datetime(2149, 6, 6, tzinfo=dt.UTC),
}


def price(  # noqa: PLR0913 - each is an argument or a flag
    model: Annotated[str | None, typer.Argument(help="The model, or all for every one.", show_default=False)] = None,
    unit: Annotated[
        str | None,
        typer.Argument(
            help="What for: input-tokens, cached-tokens, output-tokens (a million), request, gpu-hour.",
            show_default=False,
        ),
    ] = None,
    amount: Annotated[
        str | None, typer.Argument(help="How much, at most six decimals: 0.15.", show_default=False)
    ] = None,
    currency: Annotated[str | None, typer.Argument(help="In which currency: USD.", show_default=False)] = None,
    *,
    valid_from: Annotated[
        str | None,
        typer.Option("--from", metavar="DAY", help="The first day it is valid, UTC.", show_default=False),
    ] = None,
    valid_until: Annotated[
        str | None,
        typer.Option("--until", metavar="DAY", help="The day from which it is not. Default: none.", show_default=False),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the price of that first day away.")] = False,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Show the prices that are set, or set one: then say model, unit, amount, currency and --from.

    A price set later overrides the ones before on the days on which it is valid, and changes what `stats cost` answers
    of them. A model's own price goes before one for all.
    """
    from modeltally.analytics.topics.cost import PRICES
    from modeltally.cli._table import print_table
    from modeltally.connect import open_reader
    from modeltally.settings import load_settings

    given = {"amount": amount, "currency": currency, "--from": valid_from}
    wanted = ["unit", "--from"] if remove else ["unit", *given]
    missing = [name for name in wanted if not {**given, "unit": unit}[name]]
    if model is None and (valid_from or valid_until or remove):
        raise InputError("--from, --until and --remove are for a price; say model and unit first")
    if model is not None and missing:
        raise InputError(
            f"a price also needs {', '.join(missing)}: for example modeltally price flux gpu-hour 2.50 USD"
            " --from 2026-03-01; without arguments the prices that are set are shown"
        )
    settings = load_settings(dir=directory)
    with open_reader(settings) as store:
        if model is not None:
            values = {"model": model, "unit": unit, "amount": amount, "currency": currency, "valid_from": valid_from}
            store.run("set_price", {**values, "valid_until": valid_until, "is_removed": remove})
        rows = store.read("prices_by_model", _EVER)
    print_table(rows, PRICES.layout, output_format)
