"""``modeltally comfyui``: record the prompts of a ComfyUI server that cannot be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from modeltally.cli._console import error_console, log_to_stderr, output_console
from modeltally.cli._options import Directory
from modeltally.errors import InputError, ServerError

if TYPE_CHECKING:
    from modeltally.comfyui._watcher import Watcher
    from modeltally.server.stopping import StopRequest

__all__ = ["comfyui"]


def comfyui(
    url: Annotated[
        str, typer.Argument(help="The server's address, such as http://127.0.0.1:8188.", show_default=False)
    ],
    *,
    endpoint: Annotated[
        str | None, typer.Option(help="Base address of the receiver. Default: what the environment names.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Record what is in its history, and end.")] = False,
    every_seconds: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between two looks.")] = 1.0,
    directory: Directory = None,
) -> None:
    """Record each prompt of a ComfyUI server by its queue and its history, until SIGTERM or Ctrl-C.

    What is recorded twice counts once. Where ComfyUI itself can be started by `modeltally run`, that says more: do one
    of the two.
    """
    import requests

    from modeltally.cli._progress import exporting_to
    from modeltally.comfyui._watcher import Watcher
    from modeltally.server.stopping import stopped_by_signals
    from modeltally.settings import load_settings

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"{url[:80]!r} is no address of a ComfyUI server; give one such as http://127.0.0.1:8188")
    settings = load_settings(dir=directory)
    log_to_stderr()
    with (
        requests.Session() as session,
        exporting_to(endpoint, service_name=f"comfyui {parts.netloc.rpartition('@')[2]}", directory=settings.dir) as to,
    ):
        watcher = Watcher(url, session)
        if once:
            output_console().print(f"{watcher.look()} prompts recorded", markup=False)
            return
        error_console().print(f"watching {url}, sending to {to}; Ctrl-C stops it", soft_wrap=True, markup=False)
        with stopped_by_signals() as stop:
            _watch(watcher, stop, every_seconds)


def _watch(watcher: Watcher, stop: StopRequest, every_seconds: float) -> None:
    is_away = False
    while True:
        try:
            watcher.look()
            is_away = False
        except ServerError as error:  # it may come back
            if not is_away:
                error_console().print(f"{error}; trying again", soft_wrap=True, markup=False)
            is_away = True
        if stop.wait(every_seconds):
            return
