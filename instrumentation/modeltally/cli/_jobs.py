"""``modeltally jobs``: rolls and expires, for a store that no ``modeltally up`` does it for."""

from __future__ import annotations

import datetime as dt
import logging
import signal
import sys
import threading
from pathlib import Path  # noqa: TC003 - typer reads the annotation at run time
from typing import TYPE_CHECKING, Annotated

import typer

from modeltally.cli._console import error_console, output_console
from modeltally.cli._options import Directory, Format  # noqa: TC001 - typer reads the annotations at run time
from modeltally.cli._output import OutputFormat, write_rows
from modeltally.cli._store import open_any
from modeltally.errors import ModelTallyError
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from modeltally.server.scheduler import Task
    from modeltally.settings import Settings
    from modeltally.store import Row, Store

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
            help="Seconds between two rolls. Default: the setting roll_interval_seconds.",
            show_default=False,
        ),
    ] = None,
    alive_file: Annotated[
        Path | None,
        typer.Option(help="Touched while the last run of every job went well, for a health check.", show_default=False),
    ] = None,
    output_format: Format = OutputFormat.TABLE,
    directory: Directory = None,
) -> None:
    """Roll new events into hours and days and expire old ones: once, or at intervals until SIGTERM or Ctrl-C.

    Where `modeltally up` runs, it does this itself; doing it twice changes nothing.
    """
    settings = load_settings(dir=directory, roll_interval_seconds=every_seconds)
    with open_any(settings) as store:
        if once:
            report = _run_once(store)
            if output_format is OutputFormat.TABLE:
                output_console().print("\n".join(f"{row['job']}: {row['changes']} {row['what']}" for row in report))
            else:
                write_rows(report, output_format)
        else:
            _run_until_stopped(store, settings, alive_file=alive_file)


def _run_once(store: Store) -> list[Row]:
    rolled = sum(int(str(row["buckets"])) for row in store.run("roll", {}))
    dropped = len(store.run("expire", {}))
    return [
        {"job": "roll", "changes": rolled, "what": "buckets rolled"},
        {"job": "expire", "changes": dropped, "what": "partitions dropped"},
    ]


def _run_until_stopped(store: Store, settings: Settings, *, alive_file: Path | None) -> None:
    from modeltally.server.scheduler import Scheduler, Task  # noqa: PLC0415 - slow to import

    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    intervals = {"roll": settings.roll_interval_seconds, "expire": settings.expire_interval_seconds}

    def task(name: str, interval_seconds: float) -> Task:
        return Task(name, interval_seconds, lambda now: store.run(name, {"as_of": now}))

    tasks = [task(name, interval_seconds) for name, interval_seconds in intervals.items()]
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    scheduler = Scheduler(tasks, now=_now)
    scheduler.start()
    error_console().print(f"running {', '.join(intervals)}; Ctrl-C stops it")
    try:
        while not stop.wait(_POLL_SECONDS):
            if alive_file is not None and not any(task.status().get("error") for task in tasks):
                _touch(alive_file)
    finally:
        scheduler.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _touch(path: Path) -> None:
    try:
        path.touch()
    except OSError as error:
        raise ModelTallyError(f"cannot touch the alive file {path}: {error}") from error


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
