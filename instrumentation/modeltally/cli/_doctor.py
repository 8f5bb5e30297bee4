"""``modeltally doctor``: one screen that says why nothing is seen, and whether anything is lost."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from modeltally.cli._console import output_console
from modeltally.cli._findings import Level, exit_code, fail, ok
from modeltally.cli._local_state import examine_completeness, examine_server, send_one
from modeltally.cli._options import Directory, Format  # noqa: TC001 - typer reads these annotations at run time
from modeltally.cli._output import OutputFormat, write_rows
from modeltally.cli._probe import examine_exports
from modeltally.cli._surroundings import examine_environment, examine_user_key, examine_versions
from modeltally.errors import SettingError
from modeltally.instrument._privacy import data_directory
from modeltally.server.client import find_server
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

    from modeltally.cli._findings import Finding

__all__ = ["doctor"]

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}
_AREA_WIDTH = 12


def doctor(
    *,
    send: Annotated[
        bool, typer.Option("--send", help="Also send one operation, doctor.test, and look for it in the local store.")
    ] = False,
    output_format: Format = OutputFormat.TABLE,
    directory: Directory = None,
) -> None:
    """Say why nothing is seen and whether anything is lost: the way out, the server, the store, with what to do."""
    console = output_console() if output_format is OutputFormat.TABLE else None
    findings = []
    for finding in _examine(directory, send=send):
        findings.append(finding)
        if console is not None:
            _print(finding, console=console)
    if console is None:
        rows: list[dict[str, object]] = [
            {"level": each.level.value, "area": each.area, "what": each.what, "todo": each.todo} for each in findings
        ]
        write_rows(rows, output_format)
    else:
        counts = ", ".join(f"{sum(each.level is level for each in findings)} {level.value}" for level in Level)
        console.print(Text(counts, style="dim"))
    raise typer.Exit(exit_code(findings))


def _examine(directory: Path | None, *, send: bool) -> Iterator[Finding]:
    yield from examine_versions()
    yield from examine_environment()
    yield from examine_exports()
    try:
        settings = load_settings(dir=directory)
    except SettingError as error:
        yield fail("settings", str(error), "correct it: `modeltally up` does not start with it")
        yield from examine_user_key(directory or data_directory(), has_server=False)
        return
    if settings.store:
        yield ok("store", f"{settings.store}, which the collector writes to; no data directory is asked")
        yield from examine_completeness(settings, now=dt.datetime.now(dt.UTC))
        return
    server = find_server(settings.dir)
    yield from examine_user_key(settings.dir, has_server=server is not None)
    can_be_asked = yield from examine_server(server, settings)
    if can_be_asked:
        yield from examine_completeness(settings, now=dt.datetime.now(dt.UTC))
    if send:
        yield from send_one(server, settings)


def _print(finding: Finding, *, console: Console) -> None:
    line = Text(f"{finding.level.value:5}", style=_STYLES[finding.level])
    console.print(
        line.append(f"{finding.area:{_AREA_WIDTH}} ", style="bold").append(finding.what, style="none"), soft_wrap=True
    )
    if finding.todo:
        console.print(Text(f"{'':{5 + _AREA_WIDTH}} -> {finding.todo}", style="dim"), soft_wrap=True)
