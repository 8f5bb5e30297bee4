"""``modeltally run``: start a service of yours, unchanged, with the libraries in it instrumented."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from modeltally.errors import InputError
from modeltally.instrument import zero_code
from modeltally.instrument.libraries._installed import CHOSEN, check_chosen, known

__all__ = ["run"]


def run(
    command: Annotated[
        list[str], typer.Argument(help="The command and its arguments, as you would type them.", show_default=False)
    ],
    *,
    only: Annotated[
        str,
        typer.Option(help="Instrument these libraries alone: their names, with commas.", envvar=CHOSEN),
    ] = "",
) -> None:
    """Start a command with the libraries of generative models in it instrumented, in its worker processes too."""
    libraries = known()
    try:
        check_chosen(only, libraries)
    except ValueError as error:
        raise InputError(f"--only: {error}") from None
    program = shutil.which(command[0]) or shutil.which(command[0], path=str(Path(sys.executable).parent))
    if program is None:
        raise InputError(f"there is no command {command[0]!r}; give one that your shell finds, for example python")
    environment = zero_code.environment(os.environ, libraries=libraries)
    if only:
        environment[CHOSEN] = only
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(program, command, environment)  # noqa: S606 - the user's own command, without a shell
