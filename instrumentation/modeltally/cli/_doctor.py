"""``modeltally doctor``: one screen that says why nothing is seen, and whether anything is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from modeltally.cli._console import output_console, print_rows
from modeltally.cli._exit import ExitCode
from modeltally.cli._options import TABLE, Directory, Format
from modeltally.doctor.findings import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from modeltally.doctor.findings import Finding

__all__ = ["doctor", "exit_code"]

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}
_AREA_WIDTH = 12


def doctor(
    *,
    send: Annotated[
        bool, typer.Option("--send", help="Also send one operation, doctor.test, and look for it in the local store.")
    ] = False,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Say why nothing is seen and whether anything is lost: the way out, the server, the store, with what to do."""
    from modeltally.doctor.examine import examine

    console = output_console() if output_format == TABLE else None
    findings = []
    for finding in examine(directory, send=send):
        findings.append(finding)
        if console is not None:
            _print(finding, console=console)
    if console is None:
        rows = [
            {"level": each.level.value, "area": each.area, "what": each.what, "todo": each.todo} for each in findings
        ]
        print_rows(rows, output_format)
    else:
        counts = ", ".join(f"{sum(each.level is level for each in findings)} {level.value}" for level in Level)
        console.print(Text(counts, style="dim"))
    raise typer.Exit(exit_code(findings))


def exit_code(findings: Sequence[Finding]) -> ExitCode:
    """Say what the findings end the command with: that a destination cannot be reached outweighs all else."""
    failures = [finding for finding in findings if finding.level is Level.FAIL]
    if any(failure.is_unreachable for failure in failures):
        return ExitCode.UNAVAILABLE
    return ExitCode.FOUND if failures else ExitCode.OK


def _print(finding: Finding, *, console: Console) -> None:
    line = Text(f"{finding.level.value:5}", style=_STYLES[finding.level])
    console.print(
        line.append(f"{finding.area:{_AREA_WIDTH}} ", style="bold").append(finding.what, style="none"), soft_wrap=True
    )
    if finding.todo:
        console.print(Text(f"{'':{5 + _AREA_WIDTH}} -> {finding.todo}", style="dim"), soft_wrap=True)
