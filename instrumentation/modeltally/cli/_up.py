"""``modeltally up``: the local server, from OTLP to statistics in one process."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from modeltally.cli._console import error_console, log_to_stderr, output_console
from modeltally.cli._options import Directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.server.client import ServerAddress

__all__ = ["up"]

_FIRST_LOOK_SECONDS = 60.0
_JOIN_SECONDS = 10.0


class ReadyFormat(enum.StrEnum):
    """The values of ``--format``."""

    TEXT = "text"
    JSON = "json"


def up(
    *,
    otlp_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port for OTLP/HTTP; 0 picks a free one. Default: 4318.", show_default=False
        ),
    ] = None,
    otlp_grpc_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port for OTLP/gRPC; 0 picks a free one. Default: 4317.", show_default=False
        ),
    ] = None,
    http_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port for the page, health, status and commands; 0 picks a free one. Default: 4319.",
            show_default=False,
        ),
    ] = None,
    clickhouse_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port for ClickHouse's HTTP interface, to read with; 0 picks a free one. Default: 8123.",
            show_default=False,
        ),
    ] = None,
    output_format: Annotated[
        ReadyFormat, typer.Option("--format", help="How to say that it is ready: text, or one line of JSON.")
    ] = ReadyFormat.TEXT,
    directory: Directory = None,
) -> None:
    """Receive OTLP, store it, roll it up and answer the other commands, until SIGTERM or Ctrl-C."""
    from modeltally.connect import serve
    from modeltally.settings import load_settings

    settings = load_settings(
        dir=directory,
        otlp_port=otlp_port,
        otlp_grpc_port=otlp_grpc_port,
        http_port=http_port,
        clickhouse_port=clickhouse_port,
    )
    log_to_stderr()
    with contextlib.ExitStack() as stack:

        def ready(address: ServerAddress) -> None:
            _announce(address, settings.dir, output_format)
            if settings.inventory_hours:
                stack.enter_context(_looking_at_disks(settings.dir, address.otlp_url))

        serve(settings, ready=ready)
    if output_format is ReadyFormat.TEXT:
        error_console().print("stopped; everything acknowledged is kept")


@contextlib.contextmanager
def _looking_at_disks(directory: Path, otlp_url: str) -> Iterator[None]:
    """Have a process of its own tell of this machine's disks: a disk that hangs must not hold up the server.

    It begins a minute after the server: one that is started for a moment has nothing to tell.
    """
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [sys.executable, "-c", "from modeltally.cli import main; main()", "agent"]
        with contextlib.suppress(OSError):  # no room for another process: the server goes on without it
            started.append(
                subprocess.Popen(  # noqa: S603 - this program itself
                    [*command, "--dir", os.fspath(directory), "--endpoint", otlp_url],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )

    timer = threading.Timer(_FIRST_LOOK_SECONDS, start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join(_JOIN_SECONDS)
        for process in started:
            process.terminate()
            try:
                process.wait(_JOIN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _announce(address: ServerAddress, directory: Path, output_format: ReadyFormat) -> None:
    from modeltally.server.client import RemoteStore

    page_url = RemoteStore(address).page_link()
    if output_format is ReadyFormat.JSON:
        ready = {
            "otlp_url": address.otlp_url,
            "otlp_grpc_url": address.otlp_grpc_url,
            "http_url": address.http_url,
            "clickhouse_url": address.clickhouse_url,
            "page_url": page_url,
            "dir": str(directory),
            "pid": address.pid,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
    else:
        output_console().print(
            Text(
                f"ready, data in {directory}\n"
                f"  OTLP over HTTP   {address.otlp_url}\n"
                f"  OTLP over gRPC   {address.otlp_grpc_url}\n"
                f"  page             {page_url} (once, within ten minutes; `modeltally open` makes another)\n"
                f"  health, status   {address.http_url}/healthz {address.http_url}/status\n"
                f"  ClickHouse       {address.clickhouse_url} (to read, as the user default;"
                " `modeltally token` prints the password)\n"
                "  Ctrl-C stops it"
            ),
            soft_wrap=True,
        )
    sys.stdout.flush()
