"""The command line: ``modeltally`` and its commands. The version is answered before anything is loaded for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Args:
        arguments: The words after ``modeltally``; those of the process when None.

    Raises:
        SystemExit: Always, with one of the codes of ``ExitCode``.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words == ["--version"]:
        from modeltally.cli._version import print_version

        print_version()
        raise SystemExit(0)
    from modeltally.cli._app import app

    app(args=words, prog_name="modeltally")
