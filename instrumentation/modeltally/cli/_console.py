"""Where commands print, and how they end when something goes wrong."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, NoReturn, ParamSpec

import typer
from rich.console import Console
from rich.text import Text

from modeltally.cli._exit import ExitCode, exit_code_for
from modeltally.cli._output import clean_text
from modeltally.errors import ModelTallyError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["error_console", "guarded", "output_console"]

P = ParamSpec("P")


class _PipeConsole(Console):
    """A console that leaves a closed pipe to ``guarded``."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def output_console() -> Console:
    """Make the console for answers."""
    return _PipeConsole(highlight=False)


def error_console(*, is_quiet: bool = False) -> Console:
    """Make the console for progress and messages.

    Args:
        is_quiet: Print nothing.

    Returns:
        The console.
    """
    return _PipeConsole(stderr=True, highlight=False, quiet=is_quiet)


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Let a command end as the table of exit codes says.

    An error raised on purpose becomes one line on stderr; a reader that closed the pipe, as ``head`` does,
    ends the command quietly. Anything else is a bug and keeps its traceback.

    Args:
        command: The command's function.

    Returns:
        The function to register.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except ModelTallyError as error:
            message = Text("error: ", style="bold red").append(clean_text(str(error)), style="red")
            error_console().print(message, soft_wrap=True)
            raise typer.Exit(exit_code_for(error)) from error
        except BrokenPipeError:
            # The interpreter flushes stdout once more at its end: give it somewhere to write.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.OK) from None

    return run
