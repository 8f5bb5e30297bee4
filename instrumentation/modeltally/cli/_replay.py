"""``modeltally replay``: import a log of recorded operations, the same way a service's calls take."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from modeltally.cli._console import error_console, output_console, print_rows
from modeltally.cli._options import FORMATS as FORMATS_OF_ANSWERS
from modeltally.cli._options import TABLE, Directory, Quiet
from modeltally.cli._progress import WaitingBar, exporting_to
from modeltally.connect import running_server, temporary_server
from modeltally.errors import InputError, ServerError
from modeltally.replay import FORMATS, MAPPING, Feed, replay_file
from modeltally.server.client import RemoteStore
from modeltally.settings import Settings, load_settings
from modeltally.show.units import clean_text, format_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from modeltally.replay import Account, Delivered

__all__ = ["replay"]

_SERVICE_NAME = "modeltally-replay"
_POLL_SECONDS = 0.1
_ENDPOINT_VARIABLES = (
    "MODELTALLY_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
)


def _known_format(value: str) -> str:
    if value not in FORMATS_OF_ANSWERS and not value.endswith(MAPPING):
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(FORMATS_OF_ANSWERS)}, or a mapping file (.toml).")
    return value


ReplayFormat = Annotated[
    str,
    typer.Option(
        "--format",
        metavar=f"[{'|'.join(FORMATS_OF_ANSWERS)}|FILE.toml]",
        callback=_known_format,
        help="How to print the summary; a mapping file says how the log is written, as --format-name does.",
    ),
]


def replay(
    file: Annotated[Path, typer.Argument(help="The log: a CSV file, or an object of JSON a line.", show_default=False)],
    *,
    format_name: Annotated[
        str | None,
        typer.Option(
            help=f"Its format, one of: {', '.join(FORMATS)}; or a mapping file of your own, mylog.toml. Default: found"
            " by its header.",
            show_default=False,
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            help="Base address of an OTLP/HTTP receiver. Default: the server running on --dir, else what the"
            " environment names, else a server for the time of the import.",
            show_default=False,
        ),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out, and list them at the end.")] = False,
    patience_seconds: Annotated[
        float, typer.Option(min=0, help="How long to wait for a server that takes nothing.")
    ] = 600.0,
    quiet: Quiet = False,
    output_format: ReplayFormat = TABLE,
    directory: Directory = None,
) -> None:
    """Import recorded operations from a log; a row counts once, however often it is imported."""
    if output_format.endswith(MAPPING):
        if format_name is not None:
            raise InputError(f"--format {output_format} and --format-name {format_name} both name the log's format")
        format_name, output_format = output_format, TABLE
    if (problem := _why_unreadable(file)) is not None:
        raise InputError(f"cannot read {file}: {problem}")
    settings = load_settings(dir=directory)
    progress_console = error_console(is_quiet=quiet)
    with (
        _interruptible(progress_console),
        _receiver(settings, endpoint, console=progress_console) as (wanted, server),
        exporting_to(wanted, service_name=_SERVICE_NAME, directory=settings.dir) as address,
        WaitingBar(file.name, total=_size(file), console=progress_console) as bar,
    ):
        feed = Feed(address=address, patience_seconds=patience_seconds, on_wait=bar.wait)
        try:
            account = replay_file(file, feed, format_name=format_name, skip_bad=skip_bad, on_progress=bar.advance_to)
        except InputError:
            _wait_until_stored(server, patience_seconds=patience_seconds)
            raise
        delivered = feed.delivered()
        bar.say("storing")
        _wait_until_stored(server, patience_seconds=patience_seconds)
    if output_format != TABLE:
        print_rows([_summary_row(file, account, delivered)], output_format)
    elif not quiet:
        _print_summary(file, account, delivered)
    if delivered.lost:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in delivered.dropped.items())
        raise ServerError(f"{delivered.lost:,} operations were lost ({reasons}); run the import again")


def _why_unreadable(file: Path) -> str | None:
    """Say at once what opening a file would say, before anything is started for it."""
    try:
        mode = file.stat().st_mode
    except OSError as error:
        return error.strerror or str(error)
    if stat.S_ISDIR(mode):
        return os.strerror(errno.EISDIR)
    return None if os.access(file, os.R_OK) else os.strerror(errno.EACCES)


@contextlib.contextmanager
def _interruptible(console: Console) -> Iterator[None]:
    """Tell whoever stops an import what it left behind."""
    try:
        yield
    except KeyboardInterrupt:
        console.print("what was read is kept; run the same import again for the rest: a row counts once")
        raise


@contextlib.contextmanager
def _receiver(
    settings: Settings, endpoint: str | None, *, console: Console
) -> Iterator[tuple[str | None, RemoteStore | None]]:
    """Find where the operations go; start a server when there is none.

    Yields:
        The address, None for what the environment names; and the server, where it is one of ours on this machine.
    """
    server = running_server(settings) if endpoint is None else None
    if server is not None:
        yield server.address.otlp_url, server
    elif endpoint is not None or any(os.environ.get(name) for name in _ENDPOINT_VARIABLES):
        yield endpoint, None
    else:
        message = f"no server runs on {settings.dir}: starting one for the time of the import"
        console.print(Text(message), soft_wrap=True)
        with temporary_server(settings) as started:
            yield started.address.otlp_url, RemoteStore(started.address)


def _wait_until_stored(server: RemoteStore | None, *, patience_seconds: float) -> None:
    """Wait until what a server of ours acknowledged is in its tables, so that the next command sees all of it."""
    if server is None:
        return
    deadline = time.monotonic() + patience_seconds
    while time.monotonic() < deadline:
        # a server that went away after it acknowledged has everything on disk: it will be asked again
        with contextlib.suppress(ServerError):
            if not server.status()["spool"]["records"]:
                return
        time.sleep(_POLL_SECONDS)


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None  # opening it says why


def _summary_row(file: Path, account: Account, delivered: Delivered) -> dict[str, object]:
    return {
        "file": str(file),
        "format": account.format_name,
        "rows": account.rows,
        "recorded": account.recorded,
        "skipped": account.skipped,
        "first_at": account.first_at,
        "last_at": account.last_at,
        "started": delivered.started,
        "delivered": delivered.delivered,
        "dropped": delivered.lost,
    }


def _print_summary(file: Path, account: Account, delivered: Delivered) -> None:
    console = output_console()
    console.print(
        Text(
            f"{clean_text(file.name)} ({account.format_name}): {account.rows:,} rows ="
            f" {account.recorded:,} recorded + {account.skipped:,} skipped\n"
            f"{delivered.started:,} started = {delivered.delivered:,} delivered + {delivered.lost:,} dropped"
        )
    )
    for word, count in account.unknown_words.most_common():
        console.print(Text(f"  the status {word} stood there {count:,} times, and nobody declared it"), soft_wrap=True)
    for reason in account.reasons:
        console.print(Text(f"  skipped {clean_text(reason)}"), soft_wrap=True)
    if account.skipped > len(account.reasons):
        console.print(Text(f"  and {account.skipped - len(account.reasons):,} more"))
    if account.first_at is not None and account.last_at is not None:
        since, until = account.first_at.date(), account.last_at.date() + timedelta(days=1)
        console.print(
            Text(
                f"began between {format_value('at', account.first_at)} and {format_value('at', account.last_at)} UTC;"
                f" see them with:\n  modeltally stats models --since {since} --until {until}"
            ),
            soft_wrap=True,
        )
