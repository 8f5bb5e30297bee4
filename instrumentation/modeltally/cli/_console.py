"""Where commands print, and how they end when something goes wrong."""

from __future__ import annotations

import functools
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec

import typer

from modeltally.cli._exit import ExitCode, exit_code_for
from modeltally.errors import ModelTallyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console

    from modeltally.analytics.answers import Answer

__all__ = ["error_console", "guarded", "log_to_stderr", "output_console", "print_answer", "print_rows"]

P = ParamSpec("P")


def output_console() -> Console:
    """Make the console for answers."""
    return _console()


def error_console(*, is_quiet: bool = False) -> Console:
    """Make the console for progress and messages.

    Args:
        is_quiet: Print nothing.

    Returns:
        The console.
    """
    return _console(stderr=True, quiet=is_quiet)


def _console(*, stderr: bool = False, quiet: bool = False) -> Console:
    from rich.console import Console

    class PipeConsole(Console):
        """A console that leaves a closed pipe to ``guarded``."""

        def on_broken_pipe(self) -> NoReturn:
            raise BrokenPipeError

    return PipeConsole(stderr=stderr, highlight=False, quiet=quiet)


def print_rows(rows: Sequence[Mapping[str, object]], format_name: str, *, columns: Sequence[str] = ()) -> None:
    """Print rows for a program.

    Args:
        rows: The answer.
        format_name: A format other than the table for people.
        columns: The names of what a row holds, for the header of an answer without rows.
    """
    from modeltally.show.rows import write_rows

    write_rows(rows, format_name, columns=columns, file=sys.stdout)


def print_answer(answer: Answer[Any], format_name: str) -> None:
    """Print an answer for a program, with what it rests on where the format has room for that.

    Args:
        answer: The answer.
        format_name: A format other than the table for people.
    """
    from modeltally.show.rows import write_answer

    write_answer(answer, format_name, file=sys.stdout)


def log_to_stderr() -> None:
    """Have a process that runs until it is stopped write its log to stderr."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Let a command end as the table of exit codes says.

    An error raised on purpose becomes one line on stderr; a reader that closed the pipe, as ``head`` does,
    ends the command quietly, Ctrl-C with a word. Anything else is a bug and keeps its traceback.

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
            _print_error(error)
            raise typer.Exit(exit_code_for(error)) from error
        except KeyboardInterrupt:
            error_console().print("stopped by Ctrl-C")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            # The interpreter flushes stdout once more at its end: give it somewhere to write.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.OK) from None

    return run


def _print_error(error: ModelTallyError) -> None:
    from rich.text import Text

    from modeltally.show.units import clean_text

    message = Text("error: ", style="bold red").append(clean_text(str(error)), style="red")
    error_console().print(message, soft_wrap=True)
