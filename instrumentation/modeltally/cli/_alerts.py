"""``modeltally check --alerts``: what is the matter now, since when, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer
from rich.text import Text

from modeltally.alerts.rules import RULES, SEVERITIES, Severity, check_rules_off
from modeltally.cli._console import error_console, output_console, print_rows
from modeltally.cli._exit import ExitCode
from modeltally.cli._options import TABLE
from modeltally.show.units import clean_text, format_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from modeltally.settings import Settings
    from modeltally.store import Row, Store

__all__ = ["check_alerts"]

_STYLES: Final = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.NOTICE: "cyan"}
_LAST: Final = "last_"
# What a row of text has, where the rows of JSON hold more.
_COLUMNS: Final = (
    "alert",
    "severity",
    "status",
    "kind",
    "subject",
    "value",
    "comparison",
    "threshold",
    "unit",
    "operations",
    "window_since",
    "window_until",
    "since_at",
    "sentence",
    "todo",
    "evidence",
)


def check_alerts(settings: Settings, *, send: bool, output_format: str) -> None:
    """Show what is the matter now; ends with the exit code for that where anything is.

    Args:
        settings: Name the store, and the least severity that counts.
        send: Have the job look too, which keeps what it finds and tells what is to be told.
        output_format: The table for people, or a format for programs.

    Raises:
        typer.Exit: Something is the matter.
    """
    from modeltally.connect import open_reader

    check_rules_off(settings)
    with open_reader(settings) as store:
        asked = _failed_jobs(store)
        rows = store.run("alerts_now", asked)
        told = store.run("alerts", asked) if send else []
    if output_format == TABLE:
        _print(rows, console=output_console())
    else:
        print_rows(rows, output_format, columns=_COLUMNS)
    for report in told:
        _print_told(report)
    least = SEVERITIES.index(Severity(settings.alerts_severity))
    if any(SEVERITIES.index(Severity(str(row["severity"]))) >= least for row in rows):
        raise typer.Exit(ExitCode.FOUND)


def _failed_jobs(store: Store) -> dict[str, object]:
    """Ask a running server how its jobs went; without one nobody knows."""
    from modeltally.server.client import RemoteStore

    if not isinstance(store, RemoteStore):
        return {}
    last = {name.removeprefix(_LAST): run for name, run in store.status().items() if name.startswith(_LAST)}
    return {"failed_jobs": {name: run["error"] for name, run in last.items() if run and run.get("error")}}


def _print(rows: Sequence[Row], *, console: Console) -> None:
    if not rows:
        console.print(Text(f"nothing is the matter by {len(RULES)} rules"))
        return
    for row in rows:
        severity = Severity(str(row["severity"]))
        about = f"{row['kind']} {clean_text(str(row['subject']))}".strip()
        console.print(
            Text(f"{severity.upper():9}", style=_STYLES[severity]).append(
                f"{row['alert']}{f': {about}' if about else ''}", style="bold"
            ),
            soft_wrap=True,
        )
        console.print(Text(f"         {_measured(row)}"), soft_wrap=True)
        console.print(Text(f"         {row['sentence']} {row['todo']}", style="dim"), soft_wrap=True)
        evidence: Any = row["evidence"]
        if "error" in evidence:
            console.print(Text(f"         {clean_text(str(evidence['error']))}", style="dim"), soft_wrap=True)
    console.print(Text(f"{len(rows)} alerts by {len(RULES)} rules"))


def _measured(row: Mapping[str, object]) -> str:
    value, threshold = (_figure(row[name], str(row["unit"])) for name in ("value", "threshold"))
    said = f"{value} {row['comparison']} {threshold}"
    if row["operations"] is not None:
        said += f", of {row['operations']:,}"
    return f"{said}, since {format_value('since_at', row['since_at'])} UTC"


def _figure(value: object, unit: str) -> str:
    number = float(str(value))
    if unit == "share of one":
        return f"{number:.1%}"
    figure = f"{number:,.1f}".removesuffix(".0")
    return figure if unit == "count" else f"{figure} {unit}"


def _print_told(report: Mapping[str, object]) -> None:
    console = error_console()
    if not report["has_webhook"]:
        console.print("nothing was sent: the setting alerts_webhook_url is empty", markup=False, soft_wrap=True)
    elif report["delivery_error"]:
        said = f"{report['untold']} alerts wait to be told: {report['delivery_error']}"
        console.print(Text(clean_text(said)), soft_wrap=True)
    else:
        console.print(f"{report['told']} alerts were told", markup=False)
