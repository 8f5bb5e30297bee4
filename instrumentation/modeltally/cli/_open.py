"""``modeltally open``: the page of the running server, in a browser."""

from __future__ import annotations

import sys
import webbrowser
from typing import Annotated

import typer

from modeltally.cli._options import Directory
from modeltally.connect import running_server
from modeltally.errors import InputError
from modeltally.settings import load_settings

__all__ = ["open_"]


def open_(
    *,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the link, which works once and for ten minutes; open nothing.")
    ] = False,
    directory: Directory = None,
) -> None:
    """Open the page of the running server with a session, so that it may also act."""
    settings = load_settings(dir=directory)
    server = running_server(settings)
    if server is None:
        raise InputError(f"no server runs on {settings.dir}; start one with `modeltally up`, or give its --dir")
    link = server.page_link()
    if not print_only and webbrowser.open(link):
        sys.stdout.write(f"opened {server.address.http_url}\n")
    else:
        sys.stdout.write(f"{link}\n")
