"""``modeltally agent``: tell what lies on this machine's disks, and what its model servers hold."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modeltally.cli._console import error_console, log_to_stderr, output_console
from modeltally.cli._options import Directory
from modeltally.errors import InputError

if TYPE_CHECKING:
    from modeltally.availability.checkup import Checkup
    from modeltally.settings import Settings

__all__ = ["agent"]


def agent(
    *,
    endpoint: Annotated[
        str | None,
        typer.Option(
            help="Base address of the receiver. Default: what the environment names, else the server of the data"
            " directory.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        list[str] | None,
        typer.Option(
            "--store",
            metavar="KIND=WHERE",
            help="Look here instead of where programs keep models by default; may be repeated.",
            show_default=False,
        ),
    ] = None,
    declared: Annotated[
        Path | None,
        typer.Option(
            "--declared",
            envvar="MODELTALLY_MODELS",
            help="A file of the models that should be there.",
            show_default=False,
        ),
    ] = None,
    every_hours: Annotated[
        float | None,
        typer.Option(
            "--every", min=0.001, help="Hours between two looks. Default: 6, or the setting.", show_default=False
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    directory: Directory = None,
) -> None:
    """Tell what models lie on this machine's disks, what servers load and unload, until SIGTERM or Ctrl-C.

    Nothing is read of a model's files, unless the setting `models_verify_days` asks for checks; no model server takes
    it for use. `modeltally up` does the same on its own machine.
    """
    from modeltally.cli._progress import exporting_to
    from modeltally.cli._stores import find_places, read_declaration
    from modeltally.cli._watching_disks import DiskWatch
    from modeltally.server.stopping import stopped_by_signals
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    wanted = read_declaration(declared)
    find_places(store, wanted)  # a wrong --store ends the command before anything is switched on
    log_to_stderr()
    hours = every_hours or settings.inventory_hours or 6.0
    watch = DiskWatch(
        lambda: find_places(store, wanted),
        wanted,
        hours * 3600,
        settings.inventory_poll_seconds,
        None if once else _checkup(settings),
    )
    with exporting_to(_endpoint(endpoint, settings), service_name="modeltally agent", directory=settings.dir) as to:
        if once:
            output_console().print(f"{watch.look()} items and {watch.poll()} loaded models told to {to}", markup=False)
            return
        parent = os.getppid()
        with stopped_by_signals() as stop:
            error_console().print(f"looking every {hours:g} hours, telling {to}; Ctrl-C stops it", markup=False)
            # whoever started it is gone: nobody would stop it
            watch.run(lambda seconds: stop.wait(seconds) or os.getppid() != parent)


def _endpoint(endpoint: str | None, settings: Settings) -> str | None:
    from modeltally.server.client import find_server

    names = ("MODELTALLY_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if endpoint is not None or any(os.environ.get(name) for name in names):
        return endpoint
    server = find_server(settings.dir)
    if server is None:
        raise InputError(
            f"nobody takes what would be told: no server runs on {settings.dir}; start `modeltally up`, or give"
            " --endpoint"
        )
    return server.address.otlp_url


def _checkup(settings: Settings) -> Checkup | None:
    from modeltally.availability.checkup import Checkup
    from modeltally.availability.reading import Throttle

    if not settings.models_verify_days:
        return None
    return Checkup(
        settings.dir,
        settings.models_verify_days,
        settings.verify_hours,
        Throttle(settings.models_verify_bytes_per_second),
        lambda: datetime.now(UTC),
    )
