"""``modeltally jobs``: rolls up and expires, for a store that no ``modeltally up`` does it for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modeltally.cli._console import error_console, log_to_stderr, output_console, print_rows
from modeltally.cli._options import TABLE, Directory, Format

if TYPE_CHECKING:
    from modeltally.settings import Settings
    from modeltally.store import Store

__all__ = ["jobs"]

_POLL_SECONDS = 1.0


def jobs(
    *,
    once: Annotated[bool, typer.Option("--once", help="Run each job once, and say what it did.")] = False,
    every_seconds: Annotated[
        float | None,
        typer.Option(
            "--every",
            min=0.1,
            help="Seconds between two rollups. Default: the setting roll_interval_seconds.",
            show_default=False,
        ),
    ] = None,
    alive_file: Annotated[
        Path | None,
        typer.Option(help="Touched while the last run of every job went well, for a health check.", show_default=False),
    ] = None,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Roll new events into hours and days, expire old ones, look for alerts: once, or at intervals until it is stopped.

    Where `modeltally up` runs, it does this itself; doing it twice changes nothing.
    """
    from modeltally.connect import open_any
    from modeltally.jobs import intervals, summary
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory, roll_interval_seconds=every_seconds)
    with open_any(settings) as store:
        if not once:
            _run_until_stopped(store, settings, alive_file=alive_file)
            return
        report = [summary(name, store.run(name, {})) for name in intervals(settings)]
    if output_format == TABLE:
        output_console().print("\n".join(f"{row['job']}: {row['changes']} {row['what']}" for row in report))
    else:
        print_rows(report, output_format)


def _run_until_stopped(store: Store, settings: Settings, *, alive_file: Path | None) -> None:
    from modeltally.jobs import intervals
    from modeltally.server.client import RemoteStore
    from modeltally.server.scheduler import Scheduler, tasks_of
    from modeltally.server.stopping import stopped_by_signals

    log_to_stderr()
    if isinstance(store, RemoteStore):
        note = f"the server that runs on {settings.dir} does this itself: nothing is lost when this stops"
        error_console().print(note, soft_wrap=True, markup=False)
    tasks = tasks_of(store, intervals(settings))
    scheduler = Scheduler(tasks, now=lambda: dt.datetime.now(dt.UTC))
    with stopped_by_signals() as stop:
        scheduler.start()
        error_console().print(f"running {', '.join(task.name for task in tasks)}; Ctrl-C stops it")
        try:
            while not stop.wait(_POLL_SECONDS):
                if alive_file is not None and not any(task.status().get("error") for task in tasks):
                    _touch(alive_file)
        finally:
            scheduler.stop()


def _touch(path: Path) -> None:
    from modeltally.errors import ModelTallyError

    try:
        path.touch()
    except OSError as error:
        raise ModelTallyError(f"cannot touch the alive file {path}: {error}") from error
