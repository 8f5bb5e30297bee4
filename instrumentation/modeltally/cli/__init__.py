"""The command line: ``modeltally`` and its commands, in the order in which they are registered below."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import typer

from modeltally.cli._check import check
from modeltally.cli._console import guarded, output_console
from modeltally.cli._demo import demo
from modeltally.cli._doctor import doctor
from modeltally.cli._exit import ExitCode
from modeltally.cli._export import export
from modeltally.cli._import import import_
from modeltally.cli._jobs import jobs
from modeltally.cli._migrate import migrate
from modeltally.cli._recommend import recommend
from modeltally.cli._replay import replay
from modeltally.cli._stats import stats
from modeltally.cli._up import up

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "main"]

_EXIT_CODES = "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in ExitCode) + "."

app = typer.Typer(
    name="modeltally",
    help="Which generative models your services really use, how well, and what to do about it.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    # a traceback is for a bug report: plain, whole, and without the values of local variables
    pretty_exceptions_enable=False,
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        output_console().print(f"modeltally {version('modeltally')}", highlight=False)
        raise typer.Exit


@app.callback()
def _common(
    *,
    version_: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda wanted: _print_version(wanted=wanted), is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del version_  # its callback has done it


app.command(epilog="Example: modeltally up --dir ./data")(guarded(up))
app.command(epilog="Example: modeltally migrate --dir ./data")(guarded(migrate))
app.command(epilog="Example: modeltally jobs --once")(guarded(jobs))
app.command(epilog="Example: modeltally export --to ./moving")(guarded(export))
app.command("import", epilog="Example: modeltally import ./moving --dir ./data")(guarded(import_))
app.command(epilog="Example: modeltally replay trace.csv --skip-bad")(guarded(replay))
app.command(epilog="Example: modeltally stats models --since 7d --format json")(guarded(stats))
app.command(epilog="Example: modeltally recommend cleanup --as-of 2024-12-01")(guarded(recommend))
app.command(epilog="Example: modeltally doctor --send")(guarded(doctor))
app.command(epilog="Example: modeltally check --format json")(guarded(check))
app.command(epilog="Example: modeltally demo --days 200 --keep")(guarded(demo))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Args:
        arguments: The words after ``modeltally``; those of the process when None.

    Raises:
        SystemExit: Always, with one of the codes of ``ExitCode``.
    """
    app(args=arguments, prog_name="modeltally")
