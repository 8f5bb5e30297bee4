"""``modeltally api``: the pages and the interface for programs before a ClickHouse server."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.text import Text

from modeltally.cli._console import error_console, log_to_stderr, output_console
from modeltally.cli._up import ReadyFormat

__all__ = ["api"]


def api(
    *,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on. Default: 127.0.0.1, this machine alone.", show_default=False),
    ] = None,
    http_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 picks a free one. Default: 4319.", show_default=False),
    ] = None,
    output_format: Annotated[
        ReadyFormat, typer.Option("--format", help="How to say that it is ready: text, or one line of JSON.")
    ] = ReadyFormat.TEXT,
) -> None:
    """Answer /api, /docs and the pages from the ClickHouse server that MODELTALLY_STORE names, until Ctrl-C."""
    from modeltally.connect import serve_api
    from modeltally.settings import load_settings

    settings = load_settings(host=host, http_port=http_port)
    log_to_stderr()
    is_ours = not settings.api_token.get_secret_value()

    def ready(url: str, token: str) -> None:
        told = {"http_url": url} | ({"token": token} if is_ours else {})
        if output_format is ReadyFormat.JSON:
            sys.stdout.write(json.dumps(told) + "\n")
        else:
            shown = f"\n  token, to act     {token}" if is_ours else ""
            output_console().print(
                Text(f"ready, before {settings.store}\n  page, docs        {url} {url}/docs{shown}\n  Ctrl-C stops it"),
                soft_wrap=True,
            )
        sys.stdout.flush()

    serve_api(settings, ready=ready)
    if output_format is ReadyFormat.TEXT:
        error_console().print("stopped")
